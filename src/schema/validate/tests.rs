use super::*;
use crate::origin::FileId;
use crate::schema::{Catalogue, KubernetesVersion};
use crate::yaml::{Limits, read};

/// Kind of violation, line and message of each violation of the first document of `text`.
fn violations(text: &str) -> Vec<(ViolationKind, u32, String)> {
    let file = read(FileId(0), text, Limits::default());
    let root = &file.documents.first().expect("a document").root;
    let catalogue = Catalogue::for_version(KubernetesVersion::NEWEST);
    let api_version = root.str_at(&["apiVersion"]).unwrap_or_default();
    let kind = root.str_at(&["kind"]).unwrap_or_default();
    let schema = catalogue.schema(api_version, kind).expect("a known kind");
    schema.validate(root).into_iter().map(|v| (v.kind, v.node.mark().line, v.message)).collect()
}

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  creationTimestamp: null
spec:
  replicas: 1e1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: web:1
        ports:
        - containerPort: 80
        resources:
          limits: {cpu: 1, memory: 1Gi}
status: {}
";

#[test]
fn a_valid_deployment_has_no_violations() {
    assert_eq!(violations(DEPLOYMENT), []);
}

#[test]
fn an_unknown_property_is_marked_at_its_key_and_the_nearest_one_is_named() {
    let text = DEPLOYMENT.replace("image: web:1", "image: web:1\n        imagePullPolcy: Always");
    let file = read(FileId(0), &text, Limits::default());
    let schema = Catalogue::for_version(KubernetesVersion::NEWEST).schema("apps/v1", "Deployment").expect("known");
    let found = schema.validate(&file.documents[0].root);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pointer, "/spec/template/spec/containers/0/imagePullPolcy");
    assert_eq!(found[0].help.as_deref(), Some("did you mean `imagePullPolicy`?"));
    assert_eq!((found[0].node.mark().line, found[0].node.mark().column), (17, 9));
}

#[test]
fn a_missing_property_is_marked_at_the_key_of_the_object_that_lacks_it() {
    let text = DEPLOYMENT.replace("  selector:\n    matchLabels: {app: web}\n", "");
    assert_eq!(violations(&text), [(ViolationKind::Required, 6, "spec needs `selector`".to_owned())]);
}

#[test]
fn scalars_mean_what_the_decoders_of_kubernetes_make_of_them() {
    let text = DEPLOYMENT.replace("labels: {app: web}", "labels: {app: web, on: true, version: 1.20}");
    let messages: Vec<String> = violations(&text).into_iter().map(|v| v.2).collect();
    assert_eq!(
        messages,
        [
            "spec.template.metadata.labels.on must be a string, found the boolean `true`",
            "spec.template.metadata.labels.version must be a string, found the number `1.20`",
        ]
    );
}

#[test]
fn quantities_ports_and_enums_are_checked() {
    let text = DEPLOYMENT
        .replace("memory: 1Gi", "memory: 1GB")
        .replace("containerPort: 80", "containerPort: \"80\"")
        .replace("image: web:1", "image: web:1\n        imagePullPolicy: always");
    let found: Vec<(ViolationKind, u32)> = violations(&text).into_iter().map(|v| (v.0, v.1)).collect();
    assert_eq!(found, [(ViolationKind::Value, 17), (ViolationKind::Type, 19), (ViolationKind::Value, 21)]);
}

#[test]
fn alternatives_name_what_is_missing() {
    let text = "\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  destination: {server: https://kubernetes.default.svc}
  project: default
  syncPolicy:
    automated: {prune: '{{.prune}}'}
";
    assert_eq!(
        violations(text),
        [(
            ViolationKind::Type,
            8,
            "spec.syncPolicy.automated.prune must be a boolean, found the string `{{.prune}}`".to_owned()
        )]
    );
}
