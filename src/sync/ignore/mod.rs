//! The differences that an Application ignores: its `ignoreDifferences` and those of the instance in, what is to be
//! applied or compared out.
//!
//! [`Ignoring::apply`] gives a target the live values of all that is ignored, for a sync with
//! `RespectIgnoreDifferences=true`; [`Ignoring::without`] takes it off both sides, for comparing them. The rules are
//! those of Argo CD's normalizers, and of its `normalizeTargetResources`.

mod fields;
mod jq;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use self::fields::Fields;
use self::jq::{Expression, Step};
use super::machine::Key;
use crate::glob::Glob;
use crate::resolve::Application;
use crate::yaml::{Limits, Node};

/// By this annotation an object has pointers of its own: `jsonPointers: [/spec/replicas]`.
const ANNOTATION: &str = "argocd.argoproj.io/ignore-differences";

/// What is ignored.
#[derive(Clone, Default)]
pub struct Ignoring {
    rules: Vec<Arc<Rule>>,
    /// Why rules cannot be followed: Argo CD compares nothing then, and syncs nothing.
    pub faults: Vec<String>,
}

/// Which objects, and which of their fields.
struct Rule {
    group: Option<Glob>,
    kind: Option<Glob>,
    namespace: String,
    name: String,
    pointers: Vec<String>,
    expressions: Vec<Expression>,
    managers: Vec<String>,
}

impl std::fmt::Debug for Ignoring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rules, {:?}", self.rules.len(), self.faults)
    }
}

/// What `application` ignores where `settings` is the instance's `argocd-cm`.
pub fn ignored(application: &Application, settings: Option<&Value>) -> Ignoring {
    let mut ignoring = Ignoring::default();
    for entry in application.spec(&["ignoreDifferences"]).map(Node::items).unwrap_or_default() {
        let text = |key: &str| entry.str_at(&[key]).unwrap_or_default().to_owned();
        ignoring.add(&text("group"), &text("kind"), (text("namespace"), text("name")), entry);
    }
    let data = settings.and_then(|settings| settings["data"].as_object());
    for (key, text) in data.into_iter().flatten().filter_map(|(key, value)| Some((key, value.as_str()?))) {
        ignoring.configure(key, text);
    }
    let options = data.and_then(|data| data.get("resource.compareoptions")).and_then(Value::as_str);
    ignoring.compare_options(options.unwrap_or_default());
    ignoring
}

impl Ignoring {
    fn add(&mut self, group: &str, kind: &str, (namespace, name): (String, String), entry: &Node) {
        let texts = |key: &str| -> Vec<String> {
            let items = entry.get(key).map(Node::items).unwrap_or_default();
            items.iter().filter_map(Node::text).map(str::to_owned).collect()
        };
        let mut expressions = Vec::new();
        for text in texts("jqPathExpressions") {
            match Expression::parse(&text) {
                Ok(expression) => expressions.push(expression),
                Err(fault) => self.faults.push(format!("ignoreDifferences: {fault}")),
            }
        }
        self.rules.push(Arc::new(Rule {
            group: Glob::new(group, None),
            kind: Glob::new(kind, None),
            namespace,
            name,
            pointers: texts("jsonPointers"),
            expressions,
            managers: texts("managedFieldsManagers"),
        }));
    }

    fn pointer(&mut self, group: &str, kind: &str, pointer: &str) {
        self.rules.push(Arc::new(Rule {
            group: Glob::new(group, None),
            kind: Glob::new(kind, None),
            namespace: String::new(),
            name: String::new(),
            pointers: vec![pointer.to_owned()],
            expressions: Vec::new(),
            managers: Vec::new(),
        }));
    }

    /// One key of `argocd-cm`: `resource.customizations.ignoreDifferences.apps_Deployment`, or the older form, in which
    /// all customizations are one text.
    fn configure(&mut self, key: &str, text: &str) {
        let Some(setting) = key.strip_prefix("resource.customizations") else { return };
        let whole = setting.is_empty();
        let Some(place) = setting.strip_prefix(".ignoreDifferences.").or(whole.then_some("")) else { return };
        let Some(root) = document(text) else { return };
        if !whole {
            return self.customize(&place.replacen('_', "/", 1), &root);
        }
        for entry in root.entries() {
            let inner = entry.value.get("ignoreDifferences");
            // Written as a text there too.
            match inner.and_then(Node::text) {
                Some(text) => {
                    if let Some(inner) = document(text) {
                        self.customize(entry.key_text(), &inner);
                    }
                }
                None => {
                    if let Some(inner) = inner {
                        self.customize(entry.key_text(), inner);
                    }
                }
            }
        }
    }

    fn customize(&mut self, place: &str, entry: &Node) {
        let place = if place == "all" { "*/*" } else { place };
        let (group, kind) = place.split_once('/').unwrap_or(("", place));
        self.add(group, kind, (String::new(), String::new()), entry);
    }

    /// `resource.compareoptions`: the status of objects is ignored unless it says otherwise.
    fn compare_options(&mut self, text: &str) {
        let root = document(text);
        let said = |key: &str| root.as_ref().and_then(|root| root.get(key)).and_then(Node::text);
        match said("ignoreResourceStatusField").unwrap_or("all") {
            "crd" => self.pointer("apiextensions.k8s.io", "CustomResourceDefinition", "/status"),
            "none" | "off" | "false" => {}
            _ => self.pointer("*", "*", "/status"),
        }
        if said("ignoreAggregatedRoles") == Some("true") {
            // Their rules are written by a controller.
            let aggregated = Expression::parse("select(.aggregationRule != null) | .rules");
            self.rules.push(Arc::new(Rule {
                group: Glob::new("rbac.authorization.k8s.io", None),
                kind: Glob::new("ClusterRole", None),
                namespace: String::new(),
                name: String::new(),
                pointers: Vec::new(),
                expressions: aggregated.into_iter().collect(),
                managers: Vec::new(),
            }));
        }
    }

    fn rules_for(&self, object: &Value) -> Vec<&Rule> {
        let key = Key::of(object);
        self.rules.iter().map(|rule| &**rule).filter(|rule| rule.is_for(&key)).collect()
    }

    /// `target` and `live` without what is ignored.
    pub fn without(&self, target: &Value, live: &Value) -> (Value, Value) {
        let (mut target_left, mut live_left) = (target.clone(), live.clone());
        let rules = self.rules_for(target);
        let managers: BTreeSet<&str> = rules.iter().flat_map(|rule| rule.managers.iter().map(String::as_str)).collect();
        if !managers.is_empty() {
            fields::drop_managed(&mut target_left, &mut live_left, live, &managers);
        }
        let own = own_pointers(target);
        for left in [&mut target_left, &mut live_left] {
            for rule in &rules {
                rule.remove_from(left);
            }
            own.iter().for_each(|pointer| remove_pointer(left, pointer));
        }
        (target_left, live_left)
    }

    /// The same, where nothing is left of what held only what is ignored: as if the manifest had never named it.
    pub(super) fn without_traces(&self, target: &Value, live: &Value) -> (Value, Value) {
        let (mut target_left, live_left) = self.without(target, live);
        close(&mut target_left, target);
        (target_left, live_left)
    }

    /// `target` as it is applied: where something is ignored it has what is live. The status of an object is its
    /// controller's: it is never taken over.
    pub fn apply(&self, target: &Value, live: &Value) -> Value {
        let (target_left, mut live_left) = self.without(target, live);
        let mut live_whole = live.clone();
        for object in [&mut live_left, &mut live_whole] {
            if let Some(object) = object.as_object_mut() {
                object.remove("status");
            }
        }
        if target_left == *target && live_left == live_whole {
            return target.clone();
        }
        let fields = Fields::of(live);
        let mut applied = fields.transplanted(Some(&target_left), Some(&live_left), &live_whole);
        restore(&mut applied, target, &target_left, Some(&live_left));
        applied
    }
}

impl Rule {
    fn is_for(&self, key: &Key) -> bool {
        let fits = |glob: &Option<Glob>, text: &str| glob.as_ref().is_some_and(|glob| glob.is_match(text));
        fits(&self.group, &key.group)
            && fits(&self.kind, &key.kind)
            && (self.name.is_empty() || self.name == key.name)
            && (self.namespace.is_empty() || self.namespace == key.namespace)
    }

    fn remove_from(&self, object: &mut Value) {
        self.pointers.iter().for_each(|pointer| remove_pointer(object, pointer));
        for expression in &self.expressions {
            let Ok(mut places) = expression.places(object) else { continue };
            // The last first: what goes from a list moves what comes after it.
            places.sort_unstable();
            places.dedup();
            places.iter().rev().for_each(|place| remove(object, place));
        }
    }
}

/// The pointers that an object's own annotation names.
fn own_pointers(target: &Value) -> Vec<String> {
    let text = target.pointer("/metadata/annotations").and_then(|all| all[ANNOTATION].as_str());
    let root = text.and_then(document);
    let pointers = root.as_ref().and_then(|root| root.get("jsonPointers")).map(Node::items).unwrap_or_default();
    pointers.iter().filter_map(Node::text).map(str::to_owned).collect()
}

fn document(text: &str) -> Option<Node> {
    let documents = crate::yaml::read(crate::origin::FileId(0), text, Limits::default()).documents;
    Some(documents.into_iter().next()?.root)
}

/// Removes what `pointer` names, if it is there.
fn remove_pointer(object: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.shift_remove(&last);
        }
        Some(Value::Array(items)) => {
            if let Some(index) = last.parse::<usize>().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

fn remove(object: &mut Value, place: &[Step]) {
    let Some((last, way)) = place.split_last() else { return };
    let mut at = object;
    for step in way {
        let next = match step {
            Step::Key(key) => at.get_mut(key.as_str()),
            Step::Index(index) => at.get_mut(*index),
        };
        let Some(next) = next else { return };
        at = next;
    }
    match (last, at) {
        (Step::Key(key), Value::Object(fields)) => {
            fields.shift_remove(key);
        }
        (Step::Index(index), Value::Array(items)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
}

/// Takes out of `left` the objects that are empty now and were not in `whole`.
fn close(left: &mut Value, whole: &Value) {
    let (Some(left), Some(whole)) = (left.as_object_mut(), whole.as_object()) else { return };
    left.retain(|key, inner| {
        let Some(whole) = whole.get(key) else { return true };
        close(inner, whole);
        let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        !is_empty(inner) || is_empty(whole)
    });
}

/// Gives back what is not ignored, and was taken over only because it stands beside something that is.
fn restore(applied: &mut Value, target: &Value, target_left: &Value, live_left: Option<&Value>) {
    let (Some(applied), Some(target), Some(target_left)) =
        (applied.as_object_mut(), target.as_object(), target_left.as_object())
    else {
        return;
    };
    let none = Map::new();
    let live_left = live_left.and_then(Value::as_object).unwrap_or(&none);
    for (key, value) in target {
        let left = target_left.get(key);
        match (applied.get_mut(key), left) {
            (Some(inner), Some(left)) if inner.is_object() && value.is_object() && left.is_object() => {
                restore(inner, value, left, live_left.get(key));
            }
            (inner, Some(left)) if left == value && inner.as_deref() != Some(value) => {
                applied.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    applied.retain(|key, _| target.contains_key(key) || !live_left.contains_key(key));
}

#[cfg(test)]
mod tests;
