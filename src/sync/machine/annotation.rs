//! What an object's annotations say to the executor: hooks, their delete policies, waves, sync options. Argo CD's own
//! annotations come first, those of Helm stand in for them.

use serde_json::Value;

use super::Phase;

const HOOK: &str = "argocd.argoproj.io/hook";
const HOOK_DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";
const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";
const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
const HELM_HOOK: &str = "helm.sh/hook";
const HELM_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
const HELM_WEIGHT: &str = "helm.sh/hook-weight";
const HELM_RESOURCE_POLICY: &str = "helm.sh/resource-policy";

/// Holds a hook back from deletion until its phase is over.
pub const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";

/// When a hook is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletePolicy {
    /// Before the next run creates it anew: what holds where nothing is said.
    BeforeHookCreation,
    /// After a sync that succeeded.
    HookSucceeded,
    /// After a sync that failed.
    HookFailed,
}

/// The value of an annotation. One value that is no text makes Kubernetes' own reader drop them all.
fn annotation<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    let annotations = object.pointer("/metadata/annotations")?.as_object()?;
    if annotations.values().any(|value| !value.is_string()) {
        return None;
    }
    annotations.get(key)?.as_str()
}

/// The items of an annotation that is a list with commas.
fn items<'v>(object: &'v Value, key: &str) -> impl Iterator<Item = &'v str> {
    annotation(object, key).unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Whether the sync options of `object` hold `option`, `Replace=true` for instance.
pub(super) fn has_option(object: &Value, option: &str) -> bool {
    items(object, SYNC_OPTIONS).any(|item| item == option)
}

/// The value of a sync option; the first one counts.
pub(super) fn option<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    items(object, SYNC_OPTIONS).find_map(|item| item.strip_prefix(name)?.strip_prefix('='))
}

/// Whether Helm's `resource-policy` says that the object stays.
pub(super) fn is_kept(object: &Value) -> bool {
    items(object, HELM_RESOURCE_POLICY).any(|item| item == "keep")
}

/// The types of hook that an object asks for, words that nobody knows left out. Helm's count only where Argo CD's own
/// annotation names none.
fn types(object: &Value) -> Vec<&str> {
    const KNOWN: [&str; 7] = ["PreSync", "Sync", "PostSync", "Skip", "SyncFail", "PreDelete", "PostDelete"];
    let own: Vec<&str> = items(object, HOOK).filter(|item| KNOWN.contains(item)).collect();
    if !own.is_empty() {
        return own;
    }
    items(object, HELM_HOOK)
        .filter_map(|item| match item {
            "pre-install" | "pre-upgrade" => Some("PreSync"),
            "post-install" | "post-upgrade" => Some("PostSync"),
            _ => None,
        })
        .collect()
}

fn is_skipped(object: &Value) -> bool {
    let mut types = types(object);
    types.sort_unstable();
    types.dedup();
    types == ["Skip"]
}

/// Whether an object is a hook, even one of no known type.
pub fn is_hook(object: &Value) -> bool {
    if annotation(object, HOOK).is_some() {
        return !is_skipped(object);
    }
    // Helm marked CRDs as hooks once; they are none.
    annotation(object, HELM_HOOK).is_some_and(|value| value != "crd-install")
}

/// Whether an object is a hook of words that nobody knows: it is never run.
pub(super) fn is_garbage(object: &Value) -> bool {
    is_hook(object) && types(object).is_empty()
}

/// The phases in which an object takes part.
pub(super) fn phases(object: &Value) -> Vec<Phase> {
    if is_skipped(object) {
        return Vec::new();
    }
    if !is_hook(object) {
        return vec![Phase::Sync];
    }
    let mut phases: Vec<Phase> = types(object)
        .into_iter()
        .filter_map(|name| match name {
            "PreSync" => Some(Phase::PreSync),
            "Sync" => Some(Phase::Sync),
            "PostSync" => Some(Phase::PostSync),
            "SyncFail" => Some(Phase::SyncFail),
            _ => None,
        })
        .collect();
    phases.sort_unstable();
    phases.dedup();
    phases
}

/// Whether an object is a hook of deletion: `PreDelete` (`pre-delete`) or `PostDelete` (`post-delete`).
pub(super) fn is_deletion_hook(object: &Value, own: &str, helm: &str) -> bool {
    items(object, HOOK).any(|item| item == own) || items(object, HELM_HOOK).any(|item| item == helm)
}

/// When a hook is deleted; what no known word says is [`DeletePolicy::BeforeHookCreation`].
pub(in crate::sync) fn delete_policies(object: &Value) -> Vec<DeletePolicy> {
    let own = items(object, HOOK_DELETE_POLICY).filter_map(|item| match item {
        "BeforeHookCreation" => Some(DeletePolicy::BeforeHookCreation),
        "HookSucceeded" => Some(DeletePolicy::HookSucceeded),
        "HookFailed" => Some(DeletePolicy::HookFailed),
        _ => None,
    });
    let helm = items(object, HELM_DELETE_POLICY).filter_map(|item| match item {
        "before-hook-creation" => Some(DeletePolicy::BeforeHookCreation),
        "hook-succeeded" => Some(DeletePolicy::HookSucceeded),
        "hook-failed" => Some(DeletePolicy::HookFailed),
        _ => None,
    });
    let policies: Vec<DeletePolicy> = own.chain(helm).collect();
    if policies.is_empty() { vec![DeletePolicy::BeforeHookCreation] } else { policies }
}

/// The wave of an object. A number that cannot be read counts as if it were not there.
pub fn wave(object: &Value) -> i64 {
    let number = |key| annotation(object, key)?.parse().ok();
    number(SYNC_WAVE).or_else(|| number(HELM_WEIGHT)).unwrap_or(0)
}
