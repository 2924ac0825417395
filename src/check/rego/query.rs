//! One query about one input, without a repository: what policies say, as data.

use std::collections::BTreeSet;

use regorus::Value;

use super::{evaluate, memory, source};
use crate::origin::FileId;

/// The value of `query`, the path of a rule (`data.main.deny`), for `input`, which is JSON. `files` are path and text of
/// policies and of YAML or JSON documents. `None` if it is undefined.
///
/// The policies are read as for a repository: what each `deny`, `warn` or `violation` of a package says is put together.
///
/// # Errors
/// What is wrong with a policy, a document or the input, with its place.
pub fn query(files: &[(String, String)], input: &str, query: &str) -> Result<Option<serde_json::Value>, String> {
    let mut engine = evaluate::engine();
    let mut number = 0;
    let mut heads = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !path.ends_with(".rego")) {
        if !evaluate::add_document(&mut engine, FileId::NONE, text).is_empty() {
            return Err(format!("{path}: its keys clash with another document"));
        }
    }
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rego")) {
        let source = source::parse(path, None, text, &mut number);
        evaluate::add_policy(&mut engine, path, &source.text)
            .map_err(|problem| format!("{path}:{}: {}", problem.line, problem.message))?;
        let named = |head: &source::Head| {
            (format!("data.{}.{}", source.package, head.name), format!("data.{}.{}", source.package, head.compiled))
        };
        heads.extend(source.heads.iter().map(named));
    }
    engine.set_input_json(input).map_err(|error| error.to_string())?;
    let asked: Vec<&str> =
        heads.iter().filter(|(name, _)| name == query).map(|(_, compiled)| compiled.as_str()).collect();
    let mut eval = |rule: &str| {
        memory::together(|| engine.eval_rule(rule.to_owned())).map_err(|error| {
            let problem = evaluate::Problem::of(&error);
            format!("{}:{}: {}", problem.path, problem.line, problem.message)
        })
    };
    let value = if asked.is_empty() {
        eval(query)?
    } else {
        let mut all = BTreeSet::new();
        for rule in asked {
            all.extend(eval(rule)?.as_set().into_iter().flat_map(|set| set.iter_sorted().cloned()));
        }
        Value::from(all)
    };
    match value {
        Value::Undefined => Ok(None),
        value => {
            let text = value.to_json_str().map_err(|error| error.to_string())?;
            serde_json::from_str(&text).map(Some).map_err(|error| error.to_string())
        }
    }
}
