//! The list generator: elements as they stand in the set, and those that a text of YAML holds.

use super::Fault;
use super::functions::document;
use super::generator::Scope;
use crate::render::template::{Map, NumberMode, Value};
use crate::yaml::{Kind, Node};

pub(super) fn generate(scope: &Scope<'_>, body: &Node) -> Result<Vec<Map>, Fault> {
    let mut params = Vec::new();
    for element in body.get("elements").map(Node::items).unwrap_or_default() {
        if element.is_null() {
            return Err(Fault::wrong(element, "error unmarshling list element unexpected end of JSON input"));
        }
        params.push(if scope.language.is_go() { object(element)? } else { flat(element)? });
    }
    let Some(node) = body.get("elementsYaml") else { return Ok(params) };
    let text = node.text().unwrap_or_default();
    let words = "error unmarshling decoded ElementsYaml";
    let document = document(text, &node.origin).map_err(|message| Fault::wrong(node, format!("{words} {message}")))?;
    let Some(document) = document else { return Ok(params) };
    if !matches!(document.kind(), Kind::Sequence | Kind::Null) {
        return Err(Fault::wrong(node, format!("{words} error unmarshaling JSON: it is no list")));
    }
    for element in document.items() {
        params.push(object(element)?);
    }
    Ok(params)
}

fn object(element: &Node) -> Result<Map, Fault> {
    match Value::from_node(element, NumberMode::Float) {
        Value::Map(map) => Ok(map),
        Value::Nil => Ok(Map::new()),
        _ => Err(Fault::wrong(
            element,
            format!(
                "error unmarshling list element json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                element.kind().as_str()
            ),
        )),
    }
}

/// Without Go templates an element holds texts, and a map of texts under `values`.
fn flat(element: &Node) -> Result<Map, Fault> {
    let object = object(element)?;
    let params = Map::new();
    let not_text = |key: &str| {
        let at = element.get(key).unwrap_or(element);
        Fault::wrong(at, "error parsing value as string: without goTemplate every value of a list element is text")
    };
    for (key, value, origin) in object.entries_with_origins() {
        match value {
            Value::Map(values) if key == "values" => {
                for (name, value, origin) in values.entries_with_origins() {
                    let Value::String(_) = &value else { return Err(not_text("values")) };
                    params.insert_from(format!("values.{name}"), value, origin);
                }
            }
            _ if key == "values" => {
                return Err(Fault::wrong(element.get("values").unwrap_or(element), "error parsing values map"));
            }
            Value::String(_) => params.insert_from(key, value, origin),
            _ => return Err(not_text(&key)),
        }
    }
    Ok(params)
}
