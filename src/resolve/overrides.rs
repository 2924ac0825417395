//! What files beside the manifests change of a source: `.argocd-source.yaml`, and `.argocd-source-NAME.yaml` for one
//! Application. Image updaters write such files.
//!
//! Argo CD reads them as JSON merge patches over the source. Whatever they say of the repository, the path, the chart
//! or the revision is ignored.

use std::borrow::Cow;

use super::Application;
use crate::load::Repository;
use crate::source::join;
use crate::yaml::{Entry, Node};

/// The fields of a source that the files cannot change.
const FIXED: [&str; 4] = ["repoURL", "path", "chart", "targetRevision"];

/// `source` with what the files in `directory` say.
pub(super) fn applied<'a>(
    repository: &Repository,
    directory: &str,
    application: &Application,
    source: &'a Node,
) -> Cow<'a, Node> {
    // An Application outside of Argo CD's own namespace is known by both its names.
    let names = match application.namespace() {
        "argocd" => vec![application.name().to_owned()],
        namespace => vec![application.name().to_owned(), format!("{namespace}_{}", application.name())],
    };
    let own = names.iter().map(|name| format!(".argocd-source-{name}.yaml"));
    let mut merged = Cow::Borrowed(source);
    for name in std::iter::once(".argocd-source.yaml".to_owned()).chain(own) {
        // Most repositories have none.
        if !repository.snapshot.has_name(&name) {
            continue;
        }
        let path = join(directory, &name);
        let Some(document) = repository.yaml_at(&path).and_then(|yaml| yaml.documents.first()) else { continue };
        let patch = &document.root;
        if patch.as_mapping().is_none() {
            continue;
        }
        let mut changed = patched(&merged, patch, &path);
        if let Some(mapping) = changed.as_mapping_mut() {
            mapping.entries.retain(|entry| !FIXED.contains(&entry.key_text()));
            let fixed = source.entries().iter().filter(|entry| FIXED.contains(&entry.key_text()));
            mapping.entries.extend(fixed.cloned());
        }
        merged = Cow::Owned(changed);
    }
    merged
}

/// `node` after a JSON merge patch: mappings are merged, null removes, everything else replaces. Depth is bounded by
/// the reader.
fn patched(node: &Node, patch: &Node, path: &str) -> Node {
    let Some(mapping) = patch.as_mapping() else {
        let mut value = patch.clone();
        value.origin = node.origin.replaced_by(patch.mark(), path);
        return value;
    };
    let mut entries: Vec<Entry> = node.entries().to_vec();
    for entry in &mapping.entries {
        let key = entry.key_text();
        let at = entries.iter().position(|known| known.key_text() == key);
        match at {
            Some(at) if entry.value.is_null() => drop(entries.remove(at)),
            Some(at) => entries[at].value = patched(&entries[at].value, &entry.value, path),
            None if entry.value.is_null() => {}
            None => {
                let value = without_nulls(&entry.value);
                entries.push(Entry { key: entry.key.clone(), value });
            }
        }
    }
    let origin = if node.as_mapping().is_some() { node.origin.clone() } else { patch.origin.clone() };
    Node::mapping(entries, origin)
}

/// What a patch adds where nothing was: its nulls say nothing.
fn without_nulls(node: &Node) -> Node {
    let Some(mapping) = node.as_mapping() else { return node.clone() };
    let kept = mapping.entries.iter().filter(|entry| !entry.value.is_null());
    let entries = kept.map(|entry| Entry { key: entry.key.clone(), value: without_nulls(&entry.value) }).collect();
    Node::mapping(entries, node.origin.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::load::load;
    use crate::origin::FileId;
    use crate::render::Resource;
    use crate::source::Snapshot;
    use crate::yaml::{Limits, read};

    fn node(text: &str) -> Node {
        read(FileId(0), text, Limits::default()).documents.remove(0).root
    }

    #[test]
    fn the_files_change_what_renders_and_nothing_else() {
        let files = [
            ("web/.argocd-source.yaml", "path: elsewhere\nkustomize: {images: ['web:2'], namePrefix: a-}\n"),
            ("web/.argocd-source-shop.yaml", "kustomize: {namePrefix: null, nameSuffix: -b}\n"),
            ("web/.argocd-source-other.yaml", "helm: {releaseName: x}\n"),
        ];
        let repository = load(Arc::new(Snapshot::from_files(files)));
        let application = Application {
            resource: Resource { node: node("{kind: Application, metadata: {name: shop}}") },
            generated_by: None,
        };
        let source = node("{repoURL: 'https://example.com/r', path: web, kustomize: {images: ['web:1']}}");
        let merged = applied(&repository, "web", &application, &source);
        let expected = serde_json::json!({
            "repoURL": "https://example.com/r",
            "path": "web",
            "kustomize": {"images": ["web:2"], "nameSuffix": "-b"},
        });
        assert_eq!(merged.to_json(), expected);
        let steps = merged.path(&["kustomize", "images"]).map(|images| images.origin.steps().len());
        assert_eq!(steps, Some(1));
    }
}
