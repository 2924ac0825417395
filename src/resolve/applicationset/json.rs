//! An Application as Argo CD's own program prints it.

use serde_json::Value as Json;

use crate::yaml::Node;

/// Fields that are printed also when they are empty.
const PRINTED: [&str; 10] =
    ["repoURL", "project", "kind", "name", "value", "destination", "prune", "selfHeal", "allowEmpty", "enabled"];

/// Fields whose keys a person chose.
const FREE: [&str; 7] =
    ["labels", "annotations", "commonLabels", "commonAnnotations", "valuesObject", "map", "parameters"];

/// The JSON that Go makes of an Application: keys in order, fields without a value left out.
pub fn go_json(application: &Node) -> Json {
    let mut json = ordered(application.to_json(), false);
    // The name of the object itself is left out like any other field.
    if let Some(metadata) = json.get_mut("metadata").and_then(Json::as_object_mut)
        && metadata.get("name").is_some_and(is_zero)
    {
        metadata.remove("name");
    }
    // Every Application has a project, if only an empty name.
    if let Some(json) = json.as_object_mut() {
        let spec = json.entry("spec").or_insert_with(|| Json::Object(serde_json::Map::new()));
        if let Some(spec) = spec.as_object_mut() {
            spec.entry("project").or_insert_with(|| Json::String(String::new()));
        }
    }
    json
}

/// Every source has a repository, if only an empty one.
fn with_url(source: &mut Json) {
    if let Some(fields) = source.as_object_mut().filter(|fields| !fields.contains_key("repoURL")) {
        fields.insert("repoURL".to_owned(), Json::String(String::new()));
    }
}

fn is_zero(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(false) => true,
        Json::Number(number) => number.as_i64() == Some(0),
        Json::String(text) => text.is_empty(),
        _ => false,
    }
}

fn ordered(json: Json, free: bool) -> Json {
    match json {
        Json::Object(fields) => {
            let kept = fields
                .into_iter()
                .filter(|(key, value)| free || !is_zero(value) || PRINTED.contains(&key.as_str()) && !value.is_null());
            let mut fields: Vec<(String, Json)> = kept
                .map(|(key, mut value)| {
                    let free = free || FREE.contains(&key.as_str());
                    if !free && key == "source" {
                        with_url(&mut value);
                    } else if !free && key == "sources" {
                        value.as_array_mut().into_iter().flatten().for_each(with_url);
                    }
                    (key, ordered(value, free))
                })
                .collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(fields.into_iter().collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(|item| ordered(item, free)).collect()),
        other => other,
    }
}
