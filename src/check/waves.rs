//! An object in, its phase and wave out, and what it needs and makes: for rules about the order of a sync.

use super::inventory::Placed;
use super::references::{config_maps, references};
use crate::render::Resource;
use crate::yaml::Node;

/// When an object is applied: phase, then wave. Phases: 0 is PreSync, 1 Sync, 2 PostSync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) phase: u8,
    pub(crate) wave: i64,
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let phase = ["PreSync", "Sync", "PostSync"][usize::from(self.phase.min(2))];
        write!(f, "wave {} of {phase}", self.wave)
    }
}

/// The annotations that say when an object is applied.
pub(crate) const HOOK: &str = "argocd.argoproj.io/hook";
pub(crate) const WAVE: &str = "argocd.argoproj.io/sync-wave";
const HELM_HOOK: &str = "helm.sh/hook";
const HELM_WEIGHT: &str = "helm.sh/hook-weight";

/// When `resource` is applied; `None` for what a plain sync does not apply, or applies in several phases.
pub(crate) fn moment(resource: &Resource) -> Option<Moment> {
    let own = resource.annotation(HOOK);
    let helm = resource.annotation(HELM_HOOK).filter(|_| own.is_none());
    let words = own.or(helm).unwrap_or("Sync").split(',').map(str::trim);
    let mut phases: Vec<u8> = words
        .filter_map(|word| match word {
            "PreSync" | "pre-install" | "pre-upgrade" => Some(0),
            "Sync" | "crd-install" => Some(1),
            "PostSync" | "post-install" | "post-upgrade" => Some(2),
            _ => None,
        })
        .collect();
    phases.dedup();
    let [phase] = phases.as_slice() else { return None };
    let weight = || helm.and_then(|_| resource.annotation(HELM_WEIGHT));
    let wave = resource.annotation(WAVE).or_else(weight).and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    Some(Moment { phase: *phase, wave })
}

/// Something that must be there before another can be applied or started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need<'a> {
    /// The CustomResourceDefinition of a group and a kind.
    Definition(&'a str, &'a str),
    /// A namespace.
    Namespace(&'a str),
    /// A ConfigMap, by namespace and name.
    ConfigMap(Option<&'a str>, &'a str),
    /// A Secret.
    Secret(Option<&'a str>, &'a str),
    /// A ServiceAccount.
    ServiceAccount(Option<&'a str>, &'a str),
    /// A PersistentVolumeClaim.
    Claim(Option<&'a str>, &'a str),
}

impl std::fmt::Display for Need<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Need::Definition(group, kind) => write!(f, "the CustomResourceDefinition of {kind} ({group})"),
            Need::Namespace(name) => write!(f, "the namespace {name}"),
            Need::ConfigMap(_, name) => write!(f, "ConfigMap {name}"),
            Need::Secret(_, name) => write!(f, "Secret {name}"),
            Need::ServiceAccount(_, name) => write!(f, "ServiceAccount {name}"),
            Need::Claim(_, name) => write!(f, "PersistentVolumeClaim {name}"),
        }
    }
}

/// What the pods of `placed` cannot start without, each with the place that names it. A CronJob's pods start later.
pub(crate) fn pod_needs<'a>(placed: &Placed<'a>) -> Vec<(Need<'a>, &'a Node)> {
    let resource = placed.resource;
    let Some((template, _)) = resource.pod_template().filter(|_| resource.kind() != "CronJob") else {
        return Vec::new();
    };
    let place = placed.namespace;
    let named = |node: &'a Node| Some((node.text()?, node));
    let mut needs: Vec<(Need<'a>, &Node)> = Vec::new();
    needs.extend(references(resource).into_iter().map(|it| (Need::Secret(place, it.key), it.node)));
    let maps = config_maps(template).into_iter().filter_map(named);
    needs.extend(maps.map(|(name, node)| (Need::ConfigMap(place, name), node)));
    let account = template.path(&["spec", "serviceAccountName"]).and_then(named);
    needs.extend(account.map(|(name, node)| (Need::ServiceAccount(place, name), node)));
    let volumes = template.path(&["spec", "volumes"]).map(Node::items).unwrap_or_default().iter();
    let claims = volumes.filter_map(|volume| volume.path(&["persistentVolumeClaim", "claimName"])).filter_map(named);
    needs.extend(claims.map(|(name, node)| (Need::Claim(place, name), node)));
    needs
}

/// What `placed` brings.
pub(crate) fn makes<'a>(placed: &Placed<'a>) -> Option<Need<'a>> {
    let (resource, place) = (placed.resource, placed.namespace);
    let text = |keys: &[&str]| resource.node.str_at(keys);
    Some(match (resource.group(), resource.kind()) {
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            Need::Definition(text(&["spec", "group"])?, text(&["spec", "names", "kind"])?)
        }
        ("", "Namespace") => Need::Namespace(resource.name()),
        ("", "ConfigMap") => Need::ConfigMap(place, resource.name()),
        ("", "Secret") | ("bitnami.com", "SealedSecret") => Need::Secret(place, resource.name()),
        ("external-secrets.io", "ExternalSecret") => {
            Need::Secret(place, text(&["spec", "target", "name"]).unwrap_or(resource.name()))
        }
        ("cert-manager.io", "Certificate") => Need::Secret(place, text(&["spec", "secretName"])?),
        ("", "ServiceAccount") => Need::ServiceAccount(place, resource.name()),
        ("", "PersistentVolumeClaim") => Need::Claim(place, resource.name()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::FileId;
    use crate::yaml::{Limits, read};

    fn of(annotations: &str) -> Option<Moment> {
        let file = read(FileId(0), &format!("metadata: {{annotations: {{{annotations}}}}}"), Limits::default());
        moment(&Resource { node: file.documents[0].root.clone() })
    }

    #[test]
    fn a_hook_of_helm_has_the_phase_that_argo_cd_gives_it() {
        assert_eq!(of(""), Some(Moment { phase: 1, wave: 0 }));
        assert_eq!(
            of("helm.sh/hook: 'pre-install,pre-upgrade', helm.sh/hook-weight: '-5'"),
            Some(Moment { phase: 0, wave: -5 })
        );
        assert_eq!(
            of("argocd.argoproj.io/hook: PostSync, argocd.argoproj.io/sync-wave: '2'"),
            Some(Moment { phase: 2, wave: 2 })
        );
    }

    #[test]
    fn what_a_sync_does_not_apply_has_no_moment() {
        assert_eq!(of("helm.sh/hook: test"), None);
        assert_eq!(of("argocd.argoproj.io/hook: Skip"), None);
    }
}
