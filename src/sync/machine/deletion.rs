//! What deleting an Application with all it deployed does, and in which order.

use serde_json::Value;

use super::annotation;
use super::task::is_definition;

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
        let stays = is_definition(object)
            || annotation::option(object, "Delete").or(option) == Some("false")
            || annotation::is_kept(object);
        if !before && !after && !annotation::is_hook(object) && !stays {
            waves.entry(annotation::wave(object)).or_default().push(object);
        }
    }
    deletion.groups = waves.into_iter().rev().collect();
    deletion
}
