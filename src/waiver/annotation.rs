//! Waivers in annotations: they hold for the object that carries them, wherever its values are written.

use std::collections::{BTreeMap, BTreeSet};

use super::comment::parse;
use super::{Scope, Waiver};
use crate::check::rules::invalid_waiver;
use crate::finding::{Finding, ResourceRef};
use crate::origin::Mark;
use crate::resolve::Rendered;

/// The annotation. A line of its value is a waiver, as in a comment, without the words before the rule.
const ANNOTATION: &str = "tiphys.dev/allow";

/// Collects the waivers in annotations of what is rendered, and what is wrong with them.
pub(super) fn collect(rendered: &[Rendered], waivers: &mut Vec<Waiver>, findings: &mut Vec<Finding>) {
    // One annotation reaches several objects: a base's those of each overlay.
    let mut holders: BTreeMap<(Mark, &str), BTreeSet<ResourceRef>> = BTreeMap::new();
    for resource in rendered.iter().flat_map(|rendered| &rendered.output.resources) {
        let Some(node) = resource.node.path(&["metadata", "annotations", ANNOTATION]) else { continue };
        let lines = node.text().unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty());
        for line in lines {
            holders.entry((node.mark(), line)).or_default().insert(resource.reference());
        }
    }
    for ((mark, line), objects) in holders {
        match parse(&format!("allow {line}")) {
            Ok((rule, owner, reason, expires)) => {
                waivers.push(Waiver { rule, owner, reason, expires, mark, scope: Scope::Objects(objects) });
            }
            Err(problem) => findings.push(
                Finding::new(&invalid_waiver::RULE, mark)
                    .message(problem)
                    .help("write: tiphys.dev/allow: RULE reason=\"...\" owner=NAME until=YYYY-MM-DD"),
            ),
        }
    }
}
