use std::sync::Arc;

use super::*;
use crate::load::load;
use crate::source::Snapshot;

fn built(directory: &str, files: &[(&str, &str)]) -> (String, Vec<String>) {
    let repository = load(Arc::new(Snapshot::from_files(files.iter().map(|(path, text)| (*path, *text)))));
    let builds = Builds::new(&repository);
    let output = builds.build(directory, &Overrides::none());
    let mut text = String::new();
    for (index, resource) in output.resources.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        crate::yaml::write(&resource.node, &mut text).unwrap();
    }
    let findings = output
        .findings
        .iter()
        .map(|finding| {
            format!(
                "{}:{} {} {}",
                repository.snapshot.path(finding.mark.file),
                finding.mark.line,
                finding.rule,
                finding.message
            )
        })
        .collect();
    (text, findings)
}

#[test]
fn an_overlay_patches_renames_and_moves_its_base() {
    let (text, findings) = built(
        "overlay",
        &[
            (
                "base/kustomization.yaml",
                "resources: [web.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [a=b]\n",
            ),
            (
                "base/web.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: nginx:1.0\n        envFrom:\n        - configMapRef: {name: settings}\n",
            ),
            (
                "overlay/kustomization.yaml",
                "resources: [../base]\nnamePrefix: dev-\nnamespace: dev\nimages:\n- {name: nginx, newTag: '2'}\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {replicas: 3}\n",
            ),
        ],
    );
    assert_eq!(findings, Vec::<String>::new());
    assert_eq!(
        text,
        "apiVersion: v1\ndata:\n  a: b\nkind: ConfigMap\nmetadata:\n  name: dev-settings-4h2mbtbbt6\n  namespace: dev\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: dev-web\n  namespace: dev\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n      - envFrom:\n        - configMapRef:\n            name: dev-settings-4h2mbtbbt6\n        image: nginx:2\n        name: web\n"
    );
}
