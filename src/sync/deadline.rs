//! How long an object may take to become healthy: an annotation of its own, or what is said of its kind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::live::{Hands, named};
use super::machine::Key;

/// By this annotation an object has a deadline of its own: `5m`.
const ANNOTATION: &str = "tiphys.dev/deadline";
/// By this one an object's health says nothing of its Application.
const IGNORED: &str = "argocd.argoproj.io/ignore-healthcheck";

fn annotation<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    object["metadata"]["annotations"][key].as_str()
}

/// Whether nobody is to wait for the health of a live object.
pub(super) fn is_ignored(live: &Value) -> bool {
    annotation(live, IGNORED) == Some("true")
}

/// The deadlines of an operation's objects, and since when each is waited for.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    allowed: BTreeMap<Key, Duration>,
    since: BTreeMap<Key, Instant>,
}

impl Deadlines {
    /// The deadlines of `objects`.
    pub(super) fn of(hands: &Hands, objects: &[Arc<Value>]) -> Deadlines {
        let allowed = objects.iter().filter_map(|object| {
            let (api_version, key) = named(object);
            let own = annotation(object, ANNOTATION).and_then(crate::config::parse_duration);
            let allowed = own.or_else(|| hands.settings.deadlines.get(&key.kind).copied())?;
            Some((hands.place(&api_version, &key), allowed))
        });
        Deadlines { allowed: allowed.collect(), since: BTreeMap::new() }
    }

    /// The longest of them.
    pub(super) fn longest(&self) -> Duration {
        self.allowed.values().max().copied().unwrap_or_default()
    }

    /// Those of `objects` whose time is up, with what is said of them. `waits` says what an object waits for, and pods
    /// may know it better.
    pub(super) fn passed<'v>(
        &mut self,
        objects: impl Iterator<Item = &'v Value>,
        reasons: &BTreeMap<Key, String>,
        waits: impl Fn(&Value) -> Option<String>,
    ) -> BTreeMap<Key, String> {
        let mut passed = BTreeMap::new();
        for object in objects {
            let key = Key::of(object);
            let Some(allowed) = self.allowed.get(&key).copied() else { continue };
            let Some(reason) = waits(object) else {
                self.since.remove(&key);
                continue;
            };
            let since = *self.since.entry(key.clone()).or_insert_with(Instant::now);
            if since.elapsed() >= allowed {
                let reason = reasons.get(&key).unwrap_or(&reason);
                let text = format!("not healthy within its deadline of {} s: {reason}", allowed.as_secs_f64());
                passed.insert(key, text);
            }
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_waits_for_longer_than_it_may_has_passed_its_deadline() {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}});
        let deadlines = |allowed| Deadlines { allowed: [(Key::of(&object), allowed)].into(), ..Deadlines::default() };
        let waits = |_: &Value| Some("starting".to_owned());
        let none = BTreeMap::new();
        assert!(deadlines(Duration::from_secs(60)).passed([&object].into_iter(), &none, waits).is_empty());
        let passed = deadlines(Duration::ZERO).passed([&object].into_iter(), &none, waits);
        assert_eq!(passed.values().collect::<Vec<_>>(), ["not healthy within its deadline of 0 s: starting"]);
        let known = [(Key::of(&object), "ImagePullBackOff".to_owned())].into();
        let passed = deadlines(Duration::ZERO).passed([&object].into_iter(), &known, waits);
        assert!(passed.values().all(|text| text.ends_with("ImagePullBackOff")), "{passed:?}");
        assert!(deadlines(Duration::ZERO).passed([&object].into_iter(), &none, |_| None).is_empty());
    }
}
