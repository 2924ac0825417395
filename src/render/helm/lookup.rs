//! `lookup`: what the cluster holds, as far as `tiphys.yaml` says it.

use crate::render::template::{Call, Map, NoteKind, NumberMode, Value};
use crate::yaml::Node;

/// The objects that stand for the cluster's.
#[derive(Debug, Clone, Default)]
pub(super) struct Cluster(Vec<Node>);

impl Cluster {
    pub(super) fn new(objects: &[Node]) -> Cluster {
        Cluster(objects.to_vec())
    }
}

/// The object called `name`, or the list of all without a name; empty where there is none.
///
/// Without a [`Cluster`] at hand it is Helm without a cluster; with one, what is not declared is noted.
pub(super) fn lookup(call: &mut Call<'_>, args: &[Value]) -> Value {
    let Some(cluster) = call.host::<Cluster>() else { return Value::Map(Map::new()) };
    let text = |index: usize| args.get(index).and_then(Value::as_str).unwrap_or_default();
    let (version, kind, namespace, name) = (text(0), text(1), text(2), text(3));
    let is = |object: &Node, keys: &[&str], wanted: &str| object.str_at(keys).unwrap_or_default() == wanted;
    let found: Vec<&Node> = cluster
        .0
        .iter()
        .filter(|object| is(object, &["apiVersion"], version) && is(object, &["kind"], kind))
        .filter(|object| namespace.is_empty() || is(object, &["metadata", "namespace"], namespace))
        .filter(|object| name.is_empty() || is(object, &["metadata", "name"], name))
        .collect();
    if found.is_empty() {
        let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
        let name = if name.is_empty() { "all objects".to_owned() } else { name.to_owned() };
        call.note(NoteKind::Asked(format!("{version} {kind} {name}{place}")));
        return Value::Map(Map::new());
    }
    let value = |object: &&Node| Value::from_node(object, NumberMode::Int);
    match found.first().filter(|_| !name.is_empty()) {
        Some(object) => value(object),
        None => Value::map([
            ("apiVersion", version.into()),
            ("kind", format!("{kind}List").into()),
            ("items", Value::list(found.iter().map(value).collect())),
        ]),
    }
}
