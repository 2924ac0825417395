//! A recorded release: what Helm was told.

use serde_json::Value as Json;
use tiphys::origin::Mark;
use tiphys::render::helm::{Flags, Release, SetKind, SetValue};

/// The texts of a list of the case.
pub(crate) fn texts(case: &Json, key: &str) -> Vec<String> {
    let items = case[key].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// The chart, the release and the flags of a case.
pub(crate) fn release(case: &Json) -> (String, Release, Flags) {
    let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
    let chart = text("chart");
    let flags = texts(case, "flags");
    let has = |flag: &str| flags.iter().any(|found| found == flag);
    let mut release = Release {
        name: text("release"),
        namespace: text("namespace"),
        kube_version: Some(text("kube_version")).filter(|version| !version.is_empty()),
        api_versions: texts(case, "api_versions")
            .iter()
            .flat_map(|versions| versions.split(',').map(str::to_owned))
            .collect(),
        include_crds: case["include_crds"].as_bool() == Some(true),
        skip_tests: has("--skip-tests"),
        is_upgrade: has("--is-upgrade"),
        skip_schema: has("--skip-schema-validation"),
        ..Release::default()
    };
    for path in texts(case, "values") {
        release.value_files.push((format!("{chart}/{path}"), Mark::NONE));
    }
    for (key, kind) in [
        ("set_json", SetKind::Json),
        ("set", SetKind::Plain),
        ("set_string", SetKind::String),
        ("set_file", SetKind::File),
        ("set_literal", SetKind::Literal),
    ] {
        for expression in texts(case, key) {
            let expression = match (kind, expression.split_once('=')) {
                (SetKind::File, Some((name, path))) => format!("{name}={chart}/{path}"),
                _ => expression,
            };
            release.sets.push(SetValue { kind, expression, mark: Mark::NONE });
        }
    }
    let show = flags.iter().zip(flags.iter().skip(1)).filter(|(flag, _)| *flag == "--show-only");
    let flags = Flags { show_only: show.map(|(_, path)| path.clone()).collect(), no_hooks: has("--no-hooks") };
    (chart, release, flags)
}
