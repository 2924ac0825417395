//! A cluster in memory: everything that is applied is there at once, and healthy unless it is told otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::backend::{Act, Backend, Refusal, Verb};
use super::{Key, Operation};
use crate::sync::health::Health;

/// A cluster in memory.
pub struct Memory<S> {
    objects: BTreeMap<Key, Arc<Value>>,
    scope: S,
    /// `Kind/name` of what never becomes healthy.
    pub degraded: BTreeSet<String>,
    /// `Kind/name` of what is refused.
    pub refused: BTreeSet<String>,
    /// What was done since this was emptied last: `apply Deployment/web`.
    pub done: Vec<String>,
}

impl<S: Fn(&str, &str) -> Option<bool> + Send + Sync> Memory<S> {
    /// A cluster that holds `objects`; `scope` tells whether objects of an API version and kind live in namespaces.
    pub fn new(objects: impl IntoIterator<Item = Value>, scope: S) -> Memory<S> {
        let mut memory = Memory {
            objects: BTreeMap::new(),
            scope,
            degraded: BTreeSet::new(),
            refused: BTreeSet::new(),
            done: Vec::new(),
        };
        for object in objects {
            memory.put(object);
        }
        memory
    }

    fn put(&mut self, mut object: Value) {
        let key = self.place(&object);
        if key.namespace.is_empty()
            && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.remove("namespace");
        }
        self.objects.insert(key, Arc::new(object));
    }

    fn place(&self, object: &Value) -> Key {
        let mut key = Key::of(object);
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        if (self.scope)(api_version, &key.kind) == Some(false) {
            key.namespace.clear();
        }
        key
    }

    fn act(&mut self, act: &Act) -> Result<String, Refusal> {
        let name = format!("{}/{}", act.key.kind, act.key.name);
        if act.dry_run || act.verb == Verb::Release {
            return Ok(String::new());
        }
        let Some(target) = &act.target else {
            let key = act.live.as_ref().map_or_else(|| act.key.clone(), |live| self.place(live));
            self.objects.remove(&key).ok_or(Refusal::NotFound)?;
            self.done.push(format!("{} {name}", act.verb.as_str()));
            return Ok(String::new());
        };
        if self.refused.contains(&name) {
            self.done.push(format!("{}-failed {name}", act.verb.as_str()));
            return Err(Refusal::Refused(format!("{name} refused")));
        }
        self.done.push(format!("{} {name}", act.verb.as_str()));
        self.put(Value::clone(target));
        Ok(String::new())
    }

    /// Reconciles until the operation has ended, or nothing changes any more. What each reconciliation did, those that
    /// did nothing left out.
    pub async fn drive(&mut self, operation: &mut Operation) -> Vec<Vec<String>> {
        let mut steps = Vec::new();
        loop {
            let before = operation.progress();
            operation.reconcile(self).await;
            let done = std::mem::take(&mut self.done);
            let idle = done.is_empty() && before == operation.progress();
            if !done.is_empty() {
                steps.push(done);
            }
            if operation.has_ended() || idle {
                return steps;
            }
        }
    }
}

impl<S: Fn(&str, &str) -> Option<bool> + Send + Sync> Backend for Memory<S> {
    async fn live(&mut self) -> Result<Vec<Arc<Value>>, String> {
        Ok(self.objects.values().cloned().collect())
    }

    async fn get(&mut self, key: &Key) -> Result<Option<Arc<Value>>, String> {
        Ok(self.objects.get(key).or_else(|| self.objects.get(&key.bare())).cloned())
    }

    async fn perform(&mut self, acts: Vec<Act>) -> Vec<Result<String, Refusal>> {
        acts.iter().map(|act| self.act(act)).collect()
    }

    fn health(&self, live: &Value) -> Option<Health> {
        let key = Key::of(live);
        if self.degraded.contains(&format!("{}/{}", key.kind, key.name)) {
            return Some(Health::Degraded(String::new()));
        }
        Some(Health::Healthy)
    }

    fn is_namespaced(&self, api_version: &str, kind: &str) -> Option<bool> {
        (self.scope)(api_version, kind)
    }
}
