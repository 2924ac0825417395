//! Templates of our own making against what Helm 4.3 printed for them: `templates/generate.py` makes them,
//! `templates/record.py` asks Helm.
//!
//! `TEMPLATES=FILE` compares with another recording, and prints every difference.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use tiphys::load::load;
use tiphys::render::helm::{Charts, Flags, Release};
use tiphys::source::{Content, File, Snapshot};

/// Renders `text` in the chart of `templates/`: what it prints, as JSON, or the error.
fn render(text: &str) -> Result<String, String> {
    let file = |path: &str, text: &str| File { path: path.into(), content: Content::Text(Arc::from(text)) };
    let snapshot = Snapshot::new(vec![
        file("chart/Chart.yaml", include_str!("templates/Chart.yaml")),
        file("chart/files/a.txt", "alpha\nbeta\n"),
        file("chart/files/b.yaml", "k: v\n"),
        file("chart/files/sub/c.txt", "gamma"),
        file("chart/templates/_case.tpl", text),
        file("chart/templates/_helpers.tpl", include_str!("templates/helpers.tpl")),
        file("chart/templates/case.yaml", "out: {{ include \"generated/templates/_case.tpl\" . | toJson }}"),
        file("chart/values.yaml", include_str!("templates/values.yaml")),
    ]);
    let repository = load(Arc::new(snapshot));
    let release = Release { name: "rel".to_owned(), namespace: "ns".to_owned(), ..Release::default() };
    let text = Charts::new(&repository).manifest("chart", &release, &Flags::default());
    let text = text.map_err(|error| error.to_string())?;
    let out = text.strip_prefix("---\n# Source: generated/templates/case.yaml\nout: ").map(str::trim_end);
    let out = out.ok_or_else(|| format!("a manifest of another form: {text}"))?;
    serde_json::from_str(out).map_err(|error| format!("{error}: {out}"))
}

#[derive(Default)]
struct Score {
    cases: usize,
    printed: usize,
    exact: usize,
    failed: usize,
    errors: usize,
    worded: usize,
    wrong: Vec<String>,
}

fn compare(recording: &str, score: &mut Score) {
    for line in recording.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let text = case["text"].as_str().unwrap();
        score.cases += 1;
        let got = catch_unwind(AssertUnwindSafe(|| render(text)));
        let got = got.unwrap_or_else(|_| panic!("the renderer panics at {text}"));
        let (error, out) = (case["error"].as_str().unwrap_or_default(), case["out"].as_str().unwrap_or_default());
        let right = match (&got, error) {
            (Ok(got), "") => {
                score.printed += 1;
                let exact = got == out;
                score.exact += usize::from(exact);
                exact
            }
            (Err(_), "") => {
                score.printed += 1;
                false
            }
            (Ok(_), _) => {
                score.failed += 1;
                false
            }
            (Err(got), error) => {
                score.failed += 1;
                score.errors += 1;
                let worded = got == error;
                score.worded += usize::from(worded);
                worded
            }
        };
        if !right {
            let wanted = if error.is_empty() { format!("{out:?}") } else { format!("error {error:?}") };
            score.wrong.push(format!("{text}\n    wanted {wanted}\n    got    {got:?}\n"));
        }
    }
}

#[test]
fn generated_templates_print_what_helm_prints() {
    let mut score = Score::default();
    if let Ok(path) = std::env::var("TEMPLATES") {
        compare(&std::fs::read_to_string(path).unwrap(), &mut score);
        score.wrong.iter().for_each(|wrong| println!("{wrong}"));
    } else {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/templates");
        let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        files.sort();
        for path in files {
            compare(&std::fs::read_to_string(path).unwrap(), &mut score);
        }
    }
    let Score { cases, printed, exact, failed, errors, worded, wrong } = score;
    let found = format!(
        "{cases} templates: {exact}/{printed} exact, {errors}/{failed} errors, {worded}/{failed} in Helm's words"
    );
    println!("{found}");
    if std::env::var_os("TEMPLATES").is_none() {
        assert_eq!((exact, errors, worded), (printed, failed, failed), "{found}\n{}", wrong.join("\n"));
        assert!(cases >= 1600, "{found}");
    }
}
