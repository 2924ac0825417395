//! Policies as people write them, against what `opa eval` says of them (see `rego/record`).

use std::fs;
use std::path::Path;

use serde_json::Value;
use tiphys::check::rego::query;

#[test]
fn policies_say_what_opa_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/rego");
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(directory.join(name)).expect("the file is there");
        serde_yaml::from_str(&text).expect("the file is YAML")
    };
    let (cases, inputs, expected) = (read("cases.yaml"), read("inputs.yaml"), read("expected.json"));
    let cases = cases.as_array().expect("a list of cases");
    assert!(cases.len() >= 80, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let files: Vec<(String, String)> = case["files"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(path, text)| (path.clone(), text.as_str().unwrap_or_default().to_owned()))
            .collect();
        let said = query(&files, &inputs[text("input")].to_string(), text("query"));
        let wanted = expected.get(text("name")).cloned();
        let same = said.as_ref().is_ok_and(|said| match (said, &wanted) {
            (Some(said), Some(wanted)) => is_same(said, wanted),
            (None, None) => true,
            _ => false,
        });
        if !same {
            let shown = |value: &Option<Value>| value.as_ref().map_or("undefined".to_owned(), Value::to_string);
            wrong.push(format!(
                "{}\n  opa:    {}\n  tiphys: {}",
                text("name"),
                shown(&wanted),
                match &said {
                    Ok(said) => shown(said),
                    Err(error) => error.clone(),
                }
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Whether the two are the same to a reader of JSON: a number is one however it is written, and a set has no order.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}
