//! What is no longer deployed: the live objects that an Application tracks and does not render any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::PruneOptions;
use crate::plan::order::Prune;
use crate::plan::{ClusterPlan, Deployment, ObjectRef, Pruning, Skipped};
use crate::sync::cluster::Listed;
use crate::sync::machine;

/// What of `live` is to be pruned for `deployment`; what stays is noted in `plan`, with the reason.
pub(super) fn prunes(
    plan: &mut ClusterPlan,
    deployment: &Deployment,
    live: &[Listed],
    options: PruneOptions,
) -> Vec<Prune> {
    let desired: BTreeSet<&ObjectRef> = deployment.objects.iter().map(|desired| &desired.object).collect();
    let kept: BTreeSet<(&str, &str, &str, &str)> = desired.iter().map(|object| identity(object)).collect();
    let mut policies: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut prunes = Vec::new();
    for listed in live {
        let owner = deployment.settings.tracking.owner_of(listed);
        let Some(application) = owner.filter(|id| deployment.applications.contains_key(id)) else { continue };
        if listed.owned || is_hook(listed) || kept.contains(&identity(&listed.object)) {
            continue;
        }
        let unit = deployment.applications.get(&application);
        let policy = policies
            .entry(application.clone())
            .or_insert_with(|| unit.and_then(|unit| crate::sync::options(&unit.application).prune_option));
        match keeps(listed, unit.map(|unit| unit.pruning), policy.as_deref(), options) {
            Some(reason) => plan.skipped.push(Skipped {
                object: listed.object.clone(),
                application,
                reason: format!("no longer deployed; {reason}"),
            }),
            None => prunes.push((application, listed.clone())),
        }
    }
    keep_inhabited(plan, &mut prunes, live);
    prunes.into_iter().map(|(application, listed)| prune(application, listed)).collect()
}

/// What a hook left behind goes by its delete policy.
fn is_hook(listed: &Listed) -> bool {
    machine::is_hook(&described(listed))
}

/// A listed object with what is known of it.
fn described(listed: &Listed) -> Value {
    let ObjectRef { api_version, kind, namespace, name } = &listed.object;
    json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": listed.annotations}})
}

fn prune(application: String, listed: Listed) -> Prune {
    Prune { live: Arc::new(described(&listed)), object: listed.object, application }
}

/// Why an object that is no longer deployed stays.
///
/// `policy` is what the Application's sync options say of `Prune`; the object's own come first.
fn keeps(
    listed: &Listed,
    pruning: Option<Pruning>,
    policy: Option<&str>,
    options: PruneOptions,
) -> Option<&'static str> {
    let sync_options = listed.annotations.get("argocd.argoproj.io/sync-options").map_or("", String::as_str);
    let says = |words: &[&str]| sync_options.split(',').any(|option| words.contains(&option.trim()));
    let own = sync_options.split(',').find_map(|option| option.trim().strip_prefix("Prune="));
    let prune = own.or(policy);
    if prune == Some("false") || says(&["Delete=false"]) {
        return Some("its sync options forbid to prune it");
    }
    if (prune == Some("confirm") || says(&["Delete=confirm"])) && !options.all {
        return Some("its sync options ask for a confirmation (see --prune)");
    }
    match pruning {
        Some(Pruning::Automated) => None,
        Some(Pruning::Asked | Pruning::Empty) if options.all => None,
        Some(Pruning::Asked) => Some("its Application does not prune by itself (see --prune)"),
        Some(Pruning::Empty) => Some("its Application renders to nothing and does not say allowEmpty (see --prune)"),
        Some(Pruning::Never) | None => Some("part of its Application could not be rendered"),
    }
}

/// A namespace takes all that is in it along: one that holds anything else than what is pruned stays.
fn keep_inhabited(plan: &mut ClusterPlan, prunes: &mut Vec<(String, Listed)>, live: &[Listed]) {
    let going: BTreeSet<ObjectRef> = prunes.iter().map(|(_, listed)| listed.object.clone()).collect();
    prunes.retain(|(application, namespace)| {
        if namespace.object.kind != "Namespace" || !namespace.object.group().is_empty() {
            return true;
        }
        let within = live.iter().filter(|listed| listed.object.namespace == namespace.object.name);
        let Some(stays) = within.filter(|listed| inhabits(listed)).find(|listed| !going.contains(&listed.object))
        else {
            return true;
        };
        plan.skipped.push(Skipped {
            object: namespace.object.clone(),
            application: application.clone(),
            reason: format!("no longer deployed; it holds {}, which would go with it", stays.object),
        });
        false
    });
}

/// Whether an object is one that a namespace must be kept for: not what every namespace has, nor what belongs to
/// another object.
pub(in crate::sync) fn inhabits(listed: &Listed) -> bool {
    let ObjectRef { kind, name, .. } = &listed.object;
    !listed.owned
        && !matches!((kind.as_str(), name.as_str()), ("ConfigMap", "kube-root-ca.crt") | ("ServiceAccount", "default"))
}

/// Versions of one kind show the same object.
fn identity(object: &ObjectRef) -> (&str, &str, &str, &str) {
    (object.group(), &object.kind, &object.namespace, &object.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(sync_options: &str) -> Listed {
        Listed {
            object: ObjectRef {
                api_version: "v1".to_owned(),
                kind: "ConfigMap".to_owned(),
                namespace: "shop".to_owned(),
                name: "web".to_owned(),
            },
            labels: BTreeMap::new(),
            annotations: [("argocd.argoproj.io/sync-options".to_owned(), sync_options.to_owned())].into(),
            owned: false,
        }
    }

    #[test]
    fn nothing_is_pruned_for_an_application_that_was_not_rendered_whole() {
        let all = PruneOptions { all: true };
        let web = listed("");
        assert!(keeps(&web, Some(Pruning::Never), None, all).is_some());
        assert!(keeps(&web, Some(Pruning::Empty), None, PruneOptions::default()).is_some());
        assert!(keeps(&web, Some(Pruning::Empty), None, all).is_none());
        assert!(keeps(&web, Some(Pruning::Asked), None, PruneOptions::default()).is_some());
        assert!(keeps(&web, Some(Pruning::Automated), None, PruneOptions::default()).is_none());
        assert!(keeps(&web, Some(Pruning::Automated), Some("false"), all).is_some());
        let own = listed("Prune=true");
        assert!(keeps(&own, Some(Pruning::Automated), Some("false"), all).is_none(), "its own options come first");
        assert!(keeps(&listed("Replace=true, Prune=false"), Some(Pruning::Automated), None, all).is_some());
    }
}
