//! Tests of policies, by the conventions of `opa test`: rules `test_*` of any package, true or not.

use std::sync::LazyLock;

use regex::Regex;
use regorus::{Engine, Value};

use super::{builtin, evaluate, memory};
use crate::origin::FileId;

/// `test_x` and `todo_test_x` at the beginning of a line.
static TEST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^(?<name>(?:todo_)?test_[A-Za-z0-9_]+)\b").ok());

/// `package a.b`
static PACKAGE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)^package[ \t]+(?<name>\S+)").ok());

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is true.
    Passed,
    /// It is false or undefined.
    Failed,
    /// It is called `todo_test_`.
    Skipped,
    /// It could not be evaluated, with the reason.
    Error(String),
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The file.
    pub path: String,
    /// Its line, 1-based; 0 for a file as a whole.
    pub line: u32,
    /// `data.main.test_x`
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// The product's own policies with their tests: path and text.
pub fn builtin_policies() -> Vec<(String, String)> {
    builtin::POLICIES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// The lines of one policy that the tests ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The file.
    pub path: String,
    /// Lines with an expression that was evaluated, 1-based.
    pub covered: Vec<u32>,
    /// Lines with expressions of which none was.
    pub not_covered: Vec<u32>,
}

impl Coverage {
    /// How much of the lines was run, in percent; 100 where there are none.
    pub fn percent(covered: usize, not_covered: usize) -> f64 {
        match covered + not_covered {
            0 => 100.0,
            all => covered as f64 * 100.0 / all as f64,
        }
    }
}

/// Runs the tests among `files`, which are path and text of policies and of YAML or JSON documents.
pub fn run(files: &[(String, String)]) -> Vec<Test> {
    let mut engine = evaluate::engine();
    tests(&mut engine, files)
}

/// [`run`], and the lines of the policies, tests not among them, that were evaluated; by path.
pub fn run_with_coverage(files: &[(String, String)]) -> (Vec<Test>, Vec<Coverage>) {
    let mut engine = evaluate::engine();
    engine.set_enable_coverage(true);
    let tests = tests(&mut engine, files);
    let mut coverage: Vec<Coverage> = engine
        .get_coverage_report()
        .map(|report| report.files)
        .unwrap_or_default()
        .into_iter()
        .filter(|file| !super::is_test(&file.path))
        .map(|file| Coverage {
            path: file.path,
            covered: file.covered.into_iter().collect(),
            not_covered: file.not_covered.into_iter().collect(),
        })
        .collect();
    coverage.sort_by(|a, b| a.path.cmp(&b.path));
    (tests, coverage)
}

fn tests(engine: &mut Engine, files: &[(String, String)]) -> Vec<Test> {
    let mut tests = Vec::new();
    let broken = |path: &str, line: u32, reason: String| Test {
        path: path.to_owned(),
        line,
        name: path.to_owned(),
        outcome: Outcome::Error(reason),
    };
    for (path, text) in files.iter().filter(|(path, _)| !path.ends_with(".rego")) {
        if !evaluate::add_document(engine, FileId::NONE, text).is_empty() {
            tests.push(broken(path, 0, "its keys clash with another document".to_owned()));
        }
    }
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rego")) {
        let mut with = engine.clone();
        match evaluate::add_policy(&mut with, path, text) {
            Ok(()) => *engine = with,
            Err(problem) => tests.push(broken(path, problem.line, problem.message)),
        }
    }
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rego")) {
        let Some(package) = PACKAGE.as_ref().and_then(|regex| regex.captures(text)) else { continue };
        let mut seen = Vec::new();
        for found in TEST.iter().flat_map(|regex| regex.captures_iter(text)) {
            let Some(name) = found.name("name").filter(|name| !seen.contains(&name.as_str())) else { continue };
            seen.push(name.as_str());
            let reference = format!("data.{}.{}", &package["name"], name.as_str());
            let outcome = if name.as_str().starts_with("todo_") {
                Outcome::Skipped
            } else {
                match memory::together(|| engine.eval_rule(reference.clone())) {
                    Ok(Value::Bool(true)) => Outcome::Passed,
                    Ok(_) => Outcome::Failed,
                    Err(error) => Outcome::Error(evaluate::Problem::of(&error).message),
                }
            };
            let line = text[..name.start()].matches('\n').count() as u32 + 1;
            tests.push(Test { path: path.clone(), line, name: reference, outcome });
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_of_the_product_pass_their_tests() {
        let tests = run(&builtin_policies());
        let bad: Vec<&Test> = tests.iter().filter(|test| test.outcome != Outcome::Passed).collect();
        assert!(bad.is_empty(), "{bad:#?}");
        assert!(tests.len() >= 15, "{}", tests.len());
    }

    #[test]
    fn coverage_tells_the_lines_that_no_test_reaches() {
        let policy = "package a\n\ndeny contains \"x\" if {\n\tinput.x\n}\n\ndeny contains \"y\" if {\n\tinput.x == 2\n\tinput.y\n}\n";
        let files = [
            ("a.rego".to_owned(), policy.to_owned()),
            ("a_test.rego".to_owned(), "package a\ntest_x if deny == {\"x\"} with input as {\"x\": 1}\n".to_owned()),
        ];
        let (tests, coverage) = run_with_coverage(&files);
        assert_eq!(tests[0].outcome, Outcome::Passed);
        assert_eq!(coverage.len(), 1);
        assert!(coverage[0].covered.contains(&4) && coverage[0].not_covered.contains(&9), "{coverage:?}");
    }

    #[test]
    fn a_test_that_is_not_true_fails_and_one_that_does_not_compile_is_an_error() {
        let files = [
            ("a_test.rego".to_owned(), "package a\ntest_no if 1 == 2\ntodo_test_later if true\n".to_owned()),
            ("b_test.rego".to_owned(), "package b\ntest_x if { 1 = = 2 }\n".to_owned()),
        ];
        let outcomes: Vec<(u32, Outcome)> = run(&files).into_iter().map(|test| (test.line, test.outcome)).collect();
        assert_eq!(outcomes[1..3], [(2, Outcome::Failed), (3, Outcome::Skipped)]);
        assert!(matches!(outcomes[0], (2, Outcome::Error(_))));
    }
}
