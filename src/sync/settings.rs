//! What the repository says to the executor beside its Applications: the instance's `argocd-cm` and `sync` of
//! `tiphys.yaml` in, health checks, tracking and deadlines out.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::tracking::Tracking;
use crate::health::Checks;

/// What holds for all Applications of a repository.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `argocd-cm`, where the repository holds it.
    pub config: Option<Value>,
    /// How health is told: by the instance's own checks first.
    pub checks: Checks,
    /// How an object tells whose it is.
    pub tracking: Tracking,
    /// How long objects of a kind may take to become healthy.
    pub deadlines: BTreeMap<String, Duration>,
}

impl Settings {
    /// What `config`, an `argocd-cm`, and deadlines by kind say.
    pub fn of(config: Option<Value>, deadlines: BTreeMap<String, Duration>) -> Settings {
        Settings {
            checks: config.as_ref().map(Checks::configured).unwrap_or_default(),
            tracking: Tracking::of(config.as_ref()),
            config,
            deadlines,
        }
    }

    /// What of `argocd-cm` is needed when the repository is not at hand: it is kept with each revision.
    pub(super) fn kept(&self) -> Value {
        let data = self.config.as_ref().and_then(|config| config["data"].as_object());
        let wanted = |key: &str| {
            key.starts_with("resource.customizations") || key.starts_with("application.") || key == "installationID"
        };
        let kept: Map<String, Value> = data
            .into_iter()
            .flatten()
            .filter(|(key, _)| wanted(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Value::Object(kept)
    }

    /// The settings of what was kept.
    pub(super) fn restored(data: &Value) -> Settings {
        Settings::of(Some(serde_json::json!({"data": data})), BTreeMap::new())
    }
}
