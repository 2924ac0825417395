//! What deleting an Application with all it deployed does, and in which order.

use serde_json::Value;

use super::task::is_definition;
use super::{Phase, annotation};

/// The deletion of an Application.
#[derive(Debug)]
pub struct Deletion<'o> {
    /// The hooks that run first.
    pub pre_delete: Vec<&'o Value>,
    /// Waves, the highest first: a wave goes when the one before is gone.
    pub groups: Vec<(i64, Vec<&'o Value>)>,
    /// The hooks that run when all is gone.
    pub post_delete: Vec<&'o Value>,
}

/// How `objects` go. Definitions stay, and what says so: by `Delete=false` of its own or else of the Application
/// (`option`), or by Helm's `resource-policy`.
pub fn deletion<'o>(objects: impl IntoIterator<Item = &'o Value>, option: Option<&str>) -> Deletion<'o> {
    let mut deletion = Deletion { pre_delete: Vec::new(), groups: Vec::new(), post_delete: Vec::new() };
    let mut waves: std::collections::BTreeMap<i64, Vec<&Value>> = std::collections::BTreeMap::new();
    for object in objects {
        let before = annotation::is_deletion_hook(object, "PreDelete", "pre-delete");
        let after = annotation::is_deletion_hook(object, "PostDelete", "post-delete");
        if before {
            deletion.pre_delete.push(object);
        }
        if after {
            deletion.post_delete.push(object);
        }
        if !before && !after && !annotation::is_hook(object) && !stays(object, option) {
            waves.entry(annotation::wave(object)).or_default().push(object);
        }
    }
    deletion.groups = waves.into_iter().rev().collect();
    deletion
}

fn stays(object: &Value, option: Option<&str>) -> bool {
    is_definition(object)
        || annotation::option(object, "Delete").or(option) == Some("false")
        || annotation::is_kept(object)
}

/// Whether a live object goes with its Application, whose `Delete` is `option`. What hooks of syncs left behind does;
/// hooks of the deletion go by their policies.
pub(in crate::sync) fn is_deleted(live: &Value, option: Option<&str>) -> bool {
    let hook = [Phase::PreDelete, Phase::PostDelete].into_iter().any(|phase| is_deletion_hook(live, phase));
    !hook && !stays(live, option)
}

/// Whether a person is asked before a live object goes. `delete` and `prune` are the Application's options.
pub(in crate::sync) fn asks_before_deletion(live: &Value, delete: Option<&str>, prune: Option<&str>) -> bool {
    annotation::option(live, "Delete").or(delete) == Some("confirm")
        || annotation::option(live, "Prune").or(prune) == Some("confirm")
}

/// Whether an object is a hook of a phase of deletion.
pub(in crate::sync) fn is_deletion_hook(object: &Value, phase: Phase) -> bool {
    match phase {
        Phase::PreDelete => annotation::is_deletion_hook(object, "PreDelete", "pre-delete"),
        Phase::PostDelete => annotation::is_deletion_hook(object, "PostDelete", "post-delete"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(annotations: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "annotations": annotations}})
    }

    #[test]
    fn what_says_so_stays_and_the_object_has_the_last_word() {
        let options = |text: &str| object(&json!({"argocd.argoproj.io/sync-options": text}));
        assert!(is_deleted(&options(""), None) && !is_deleted(&options(""), Some("false")));
        assert!(is_deleted(&options("Delete=true"), Some("false")) && !is_deleted(&options("Delete=false"), None));
        assert!(!is_deleted(&object(&json!({"helm.sh/resource-policy": "keep"})), None));
        assert!(asks_before_deletion(&options("Delete=confirm"), None, None));
        assert!(asks_before_deletion(&options("Prune=confirm"), None, None));
        assert!(!asks_before_deletion(&options("Delete=true"), Some("confirm"), None));
    }

    #[test]
    fn hooks_of_the_deletion_are_not_among_what_goes() {
        let hook = |name: &str| object(&json!({"argocd.argoproj.io/hook": name}));
        assert!(!is_deleted(&hook("PreDelete"), None) && !is_deleted(&hook("PostDelete"), None));
        assert!(is_deleted(&hook("PostSync"), None), "what a sync left behind is");
    }
}
