//! Kustomizations and manifests that are the text of a template: another program fills them in before anybody deploys
//! them.
//!
//! What such a text would be as a manifest says nothing about what reaches a cluster, so it is not judged. An
//! Application that deploys it does so as it stands: then it is judged like anything else.

use crate::finding::NotJudged;
use crate::resolve::{Rendered, TargetKind};
use crate::yaml::Node;

/// Why `rendered` is not judged, if a name or label of one of its objects is still an expression in double braces.
/// Other fields may hold such a thing to be read in the cluster: an alert's text, a workflow's argument.
pub(super) fn unfilled(rendered: &Rendered) -> Option<NotJudged> {
    if !matches!(rendered.target.kind, TargetKind::Kustomization(_) | TargetKind::Manifest(_)) {
        return None;
    }
    let found = rendered.output.resources.iter().find_map(|resource| {
        let metadata = resource.node.get("metadata")?;
        let names = ["name", "namespace"].into_iter().filter_map(|key| metadata.get(key));
        let labels = metadata.get("labels").map(Node::entries).unwrap_or_default().iter().map(|entry| &entry.value);
        names.chain(labels).find(|node| is_expression(node))
    })?;
    Some(NotJudged {
        mark: if found.mark().is_some() { found.mark() } else { rendered.target.mark },
        what: rendered.target.id.clone(),
        reason: format!(
            "its objects hold expressions that another program fills in, such as `{}`: what becomes of them is not known",
            found.text().unwrap_or_default()
        ),
    })
}

fn is_expression(node: &Node) -> bool {
    node.text().is_some_and(|text| text.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}")))
}
