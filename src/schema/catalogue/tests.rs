use super::*;
use crate::origin::FileId;
use crate::yaml::{Limits, read};

fn resources(text: &str) -> Vec<Resource> {
    let file = read(FileId(0), text, Limits::default());
    file.documents.into_iter().map(|document| Resource { node: document.root }).collect()
}

fn newest() -> Catalogue {
    Catalogue::for_version(KubernetesVersion::NEWEST)
}

const CRD: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: certificates.cert-manager.io}
spec:
  group: cert-manager.io
  scope: Cluster
  names: {kind: Certificate, plural: certificates}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
  - {name: v1beta1, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}
";

#[test]
fn each_version_of_kubernetes_serves_its_own_kinds() {
    let old = Catalogue::for_version(KubernetesVersion::OLDEST);
    assert!(matches!(old.lookup("resource.k8s.io/v1", "ResourceClaim"), Lookup::NotServed { .. }));
    assert!(matches!(newest().lookup("resource.k8s.io/v1", "ResourceClaim"), Lookup::Known(_)));
    for version in KubernetesVersion::all() {
        let catalogue = Catalogue::for_version(version);
        for (api_version, kind) in [("v1", "Pod"), ("apps/v1", "Deployment"), ("networking.k8s.io/v1", "Ingress")] {
            assert!(catalogue.schema(api_version, kind).is_some(), "{kind} in {version}");
        }
    }
}

#[test]
fn what_is_removed_names_its_replacement() {
    let Lookup::NotServed { served, .. } = newest().lookup("policy/v1beta1", "PodDisruptionBudget") else {
        panic!("policy/v1beta1 was removed");
    };
    assert_eq!(served, ["policy/v1"]);
    let Lookup::NotServed { served, .. } = newest().lookup("extensions/v1beta1", "Deployment") else {
        panic!("extensions/v1beta1 was removed");
    };
    assert_eq!(served, ["apps/v1"]);
}

#[test]
fn groups_of_kubernetes_are_complete_and_others_are_not() {
    assert!(matches!(newest().lookup("apps/v1", "Deploymnt"), Lookup::NoSuchKind { .. }));
    assert!(matches!(newest().lookup("cert-manager.io/v1", "Widget"), Lookup::Unknown { group_known: true }));
    assert!(matches!(newest().lookup("example.com/v1", "Widget"), Lookup::Unknown { group_known: false }));
    assert_eq!(newest().native_home("Deployment").as_deref(), Some("apps/v1"));
}

#[test]
fn scope_is_known_for_all_kinds() {
    assert_eq!(newest().scope("v1", "Namespace"), Some(Scope::Cluster));
    assert_eq!(newest().scope("v1", "ConfigMap"), Some(Scope::Namespaced));
    assert_eq!(newest().scope("cert-manager.io/v1", "ClusterIssuer"), Some(Scope::Cluster));
    // A version that is not known leaves the kind's scope.
    assert_eq!(newest().scope("cert-manager.io/v0", "Issuer"), Some(Scope::Namespaced));
    assert_eq!(newest().scope("example.com/v1", "Widget"), None);
}

#[test]
fn a_crd_of_the_repository_wins() {
    let catalogue = newest().with_crds(&resources(CRD));
    let Lookup::Known(schema) = catalogue.lookup("cert-manager.io/v1", "Certificate") else { panic!("v1 is served") };
    assert!(matches!(schema.provenance, Provenance::Repository(_)));
    assert_eq!(schema.scope, Scope::Cluster);
    let Lookup::NotServed { served, crd } = catalogue.lookup("cert-manager.io/v1beta1", "Certificate") else {
        panic!("v1beta1 is not served");
    };
    assert_eq!(served, ["cert-manager.io/v1"]);
    assert_eq!(crd.map(|mark| mark.line), Some(10));
    assert!(matches!(catalogue.lookup("cert-manager.io/v1alpha2", "Certificate"), Lookup::NotServed { .. }));
}

#[test]
fn a_crd_that_is_older_than_its_project_says_nothing_of_newer_versions() {
    let old = CRD.replace("name: v1,", "name: v1alpha1,");
    let catalogue = newest().with_crds(&resources(&old));
    let Lookup::Known(schema) = catalogue.lookup("cert-manager.io/v1", "Certificate") else { panic!("v1 is built in") };
    assert_eq!(schema.provenance, Provenance::Builtin);
    assert!(matches!(catalogue.lookup("cert-manager.io/v1beta1", "Certificate"), Lookup::NotServed { .. }));
}

#[test]
fn of_two_crds_of_one_kind_an_object_may_fit_either() {
    let field = |name: &str| {
        CRD.replace("{type: object}", &format!("{{type: object, properties: {{{name}: {{type: string}}}}}}"))
    };
    let catalogue = newest().with_crds(&resources(&format!("{}---\n{}", field("old"), field("new"))));
    let schema = catalogue.schema("cert-manager.io/v1", "Certificate").expect("v1 is served");
    for (text, count) in [("old: a", 0), ("new: a", 0), ("{old: a, new: a}", 1)] {
        let object = &resources(text)[0];
        assert_eq!(schema.validate(&object.node).len(), count, "{text}");
    }
}

#[test]
fn merge_keys_and_list_types_are_kept() {
    let schema = newest().schema("apps/v1", "Deployment").expect("known");
    let path = ["spec", "template", "spec", "containers"];
    let root = schema.root().expect("a form");
    let containers = path.into_iter().try_fold(root, SchemaRef::property).expect("a path of the schema");
    assert_eq!(containers.patch_merge_key(), Some("name"));
    assert!(containers.is_merged());
    assert_eq!(containers.list_type(), ListType::Map);
    let ports = containers.items().and_then(|item| item.property("ports")).expect("ports");
    assert_eq!(ports.list_keys(), ["containerPort", "protocol"]);
    assert_eq!(ports.patch_merge_key(), Some("containerPort"));
    assert_eq!(ports.items().and_then(|port| port.property("protocol")).and_then(SchemaRef::default), Some("\"TCP\""));
}

#[test]
fn a_schema_that_names_itself_is_followed_as_deep_as_the_object_is() {
    let schema = newest().schema("apiextensions.k8s.io/v1", "CustomResourceDefinition").expect("known");
    let mut nested = "{type: string, typo: 1}".to_owned();
    for _ in 0..40 {
        nested = format!("{{type: object, properties: {{a: {nested}}}}}");
    }
    let crd = &resources(&CRD.replacen("{type: object}", &nested, 1))[0];
    let found = schema.validate(&crd.node);
    assert_eq!(found.len(), 1);
    assert!(found[0].pointer.ends_with("/a/typo"), "{}", found[0].pointer);
}
