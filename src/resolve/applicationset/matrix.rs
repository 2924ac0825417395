//! The matrix generator: every parameter set of the first generator with every one of the second.

use super::generator::{Scope, child};
use super::params::merge_over;
use super::{Fault, MAX_APPLICATIONS};
use crate::render::template::{Map, Value, print};
use crate::yaml::Node;

pub(super) fn generate(scope: &Scope<'_>, body: &Node) -> Result<Vec<Map>, Fault> {
    let generators = body.get("generators").map(Node::items).unwrap_or_default();
    let (first, second) = match generators {
        [first, second] => (first, second),
        [] | [_] => {
            return Err(Fault::wrong(body, "found less than two generators, Matrix support only two"));
        }
        _ => return Err(Fault::wrong(body, "found more than two generators, Matrix support only two")),
    };
    let words = "error failed to get params for first generator in matrix generator";
    let outer = child(scope, first, None).map_err(|fault| fault.within(words))?;
    let mut product = Vec::new();
    for a in &outer {
        let words = "failed to get params for second generator in the matrix generator";
        let inner = child(scope, second, Some(a)).map_err(|fault| fault.within(words))?;
        for b in inner {
            if product.len() > MAX_APPLICATIONS {
                return Ok(product);
            }
            product.push(if scope.language.is_go() {
                let merged = b.deep_copy();
                merge_over(&merged, a);
                merged
            } else {
                combine(second, a, &b)?
            });
        }
    }
    Ok(product)
}

/// Without Go templates everything becomes text, and a name that both have must mean the same.
fn combine(at: &Node, a: &Map, b: &Map) -> Result<Map, Fault> {
    let combined = Map::new();
    for (key, value, origin) in a.entries_with_origins() {
        combined.insert_from(key, Value::string(print::sprint(&value)), origin);
    }
    for (key, value, origin) in b.entries_with_origins() {
        let text = print::sprint(&value);
        if let Some(Value::String(current)) = combined.get(&key)
            && current != text
        {
            return Err(Fault::wrong(
                at,
                format!(
                    "failed to combine string maps with merging params for the matrix generator: found duplicate key {key} with different value, a: {current} ,b: {text}"
                ),
            ));
        }
        combined.insert_from(key, Value::string(text), origin);
    }
    Ok(combined)
}
