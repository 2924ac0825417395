//! The annotation by which Argo CD tells which Application owns an object: `name:group/kind:namespace/name`.

use crate::plan::ObjectRef;

/// The Application that a tracking annotation names: `namespace/name`.
pub(super) fn application(tracking: &str) -> Option<String> {
    let (name, _) = tracking.split_once(':')?;
    Some(match name.split_once('_') {
        Some((namespace, name)) => format!("{namespace}/{name}"),
        None => format!("argocd/{name}"),
    })
}

/// Whether a tracking annotation speaks of `object`. Argo CD writes the destination's namespace for objects without.
pub(super) fn names(tracking: &str, object: &ObjectRef) -> bool {
    let mut parts = tracking.splitn(3, ':').skip(1);
    let (Some(kind), Some(place)) = (parts.next(), parts.next()) else { return false };
    let Some((namespace, name)) = place.split_once('/') else { return false };
    kind.split_once('/') == Some((object.group(), &object.kind))
        && name == object.name
        && (object.namespace.is_empty() || namespace == object.namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
        ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn a_tracking_annotation_speaks_of_the_object_that_it_names() {
        let web = object("apps/v1", "Deployment", "shop", "web");
        assert!(names("shop:apps/Deployment:shop/web", &web));
        assert!(!names("shop:apps/Deployment:other/web", &web));
        assert!(!names("shop:apps/ReplicaSet:shop/web", &web));
        assert!(!names("shop", &web));
    }

    #[test]
    fn an_object_without_namespace_is_tracked_by_that_of_the_destination() {
        assert!(names("shop:/Namespace:argocd/shop", &object("v1", "Namespace", "", "shop")));
        let role = object("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:web");
        assert!(names("shop:rbac.authorization.k8s.io/ClusterRole:shop/system:web", &role));
    }

    #[test]
    fn an_application_outside_of_argocd_is_tracked_with_its_namespace() {
        assert_eq!(application("web:apps/Deployment:shop/web").as_deref(), Some("argocd/web"));
        assert_eq!(application("teams_web:apps/Deployment:shop/web").as_deref(), Some("teams/web"));
        assert_eq!(application("web"), None);
    }
}
