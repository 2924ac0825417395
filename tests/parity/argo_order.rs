//! The order of a sync, and what it does, against what Argo CD's engine did with the same objects.

#[path = "../conformance/order.rs"]
mod order;

use std::path::Path;

use serde_json::Value;

/// How many of the recorded cases agree by `agrees`, and which do not.
fn count(agrees: impl Fn(&Path, &Value) -> bool) -> Option<(usize, Vec<String>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/argo/waves");
    let Ok(entries) = std::fs::read_dir(&directory) else {
        println!("skipped: {} is not there", directory.display());
        return None;
    };
    let (mut agreeing, mut differing) = (0, Vec::new());
    for case in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let text = std::fs::read_to_string(case.join("expected.json")).expect("the answer is readable");
        let expected: Value = serde_json::from_str(&text).expect("the answer is JSON");
        if agrees(&case, &expected) {
            agreeing += 1;
        } else {
            differing.push(case.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Some((agreeing, differing))
}

fn least(key: &str) -> usize {
    let section = include_str!("ratchet.toml").split("[argo_order]").nth(1).unwrap_or_default();
    section.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('=')?.trim().parse().ok()).unwrap_or(0)
}

#[test]
fn tasks_stand_in_the_order_of_argo_cd() {
    let Some((agreeing, differing)) =
        count(|case, expected| order::waves(case).ok() == Some(expected["tasks"].clone()))
    else {
        return;
    };
    assert!(agreeing >= least("waves"), "{agreeing} agree; these do not: {differing:?}");
}

#[test]
fn a_sync_does_what_argo_cd_does() {
    let same = |case: &Path, expected: &Value| {
        let Ok(found) = order::exec(case) else { return false };
        let execution = &expected["execution"];
        ["steps", "phase", "message"].iter().all(|key| found[*key] == execution[*key])
            && found["deletion"] == expected["deletion"]
    };
    let Some((agreeing, differing)) = count(same) else { return };
    assert!(agreeing >= least("exec"), "{agreeing} agree; these do not: {differing:?}");
}
