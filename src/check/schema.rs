//! A rendered resource and the catalogue of its cluster in, findings of the schema rules out.
//!
//! One walk over the object serves all schema rules: `schema-type-mismatch` asks for it, the others are reported on the
//! way.

use std::collections::BTreeMap;

use rayon::prelude::*;
use smol_str::SmolStr;

use super::engine::head;
use super::rules::{
    invalid_base64, schema_duplicate_item, schema_invalid_value, schema_required_property, schema_rule_violation,
    schema_type_mismatch, schema_unknown_property,
};
use super::{ResourceContext, World};
use crate::finding::{Applicability, Finding, NotJudged, Severity};
use crate::origin::Mark;
use crate::resolve::TargetKind;
use crate::schema::{Catalogue, Lookup, Provenance, Replacement, Unjudged, Violation, ViolationKind};
use crate::yaml::Node;

impl<'a> ResourceContext<'a> {
    /// The kinds that the resource's cluster knows.
    pub fn catalogue(&self) -> &'a Catalogue {
        match self.rendered.application() {
            Some(application) => self.world.schemas.for_cluster(application.destination_cluster()),
            None => self.world.schemas.default_catalogue(),
        }
    }

    /// A finding of `rule` about `node`, which `pointer` names in the resource: at its place, or at the nearest place
    /// above it that has one.
    pub(crate) fn finding(&self, rule: &crate::finding::Rule, node: &Node, pointer: &str) -> Finding {
        let finding = if node.mark().is_some() {
            Finding::at(rule, node)
        } else {
            Finding::at(rule, located(&self.resource.node, pointer))
        };
        finding.resource(self.resource.reference()).pointer(pointer)
    }
}

/// The deepest value on the way to `pointer` that has a place.
fn located<'n>(root: &'n Node, pointer: &str) -> &'n Node {
    let mut pointer = pointer;
    loop {
        let node = root.nearest(pointer);
        if node.mark().is_some() || pointer.is_empty() {
            return node;
        }
        pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
}

/// Holds a resource against the schema of its kind. A kind that is not known is for others to report.
pub(super) fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let Lookup::Known(schema) = context.catalogue().lookup(resource.api_version(), resource.kind()) else { return };
    for violation in schema.validate(&resource.node) {
        if violation.kind == ViolationKind::Base64 && is_placeholder(violation.node) {
            continue;
        }
        let Violation { kind, pointer, node, message, help, other, replacement } = violation;
        // The namespace of a base's subjects comes with the overlay.
        let base = matches!(context.rendered.target.kind, TargetKind::Kustomization(_));
        if base && kind == ViolationKind::Required && pointer.starts_with("/subjects/") {
            continue;
        }
        // So do the values of its variables.
        if base && is_variable(node) {
            continue;
        }
        let rule = match kind {
            ViolationKind::Required => &schema_required_property::RULE,
            ViolationKind::Type => &schema_type_mismatch::RULE,
            ViolationKind::Unknown => &schema_unknown_property::RULE,
            ViolationKind::Value => &schema_invalid_value::RULE,
            ViolationKind::Base64 => &invalid_base64::RULE,
            ViolationKind::Duplicate => &schema_duplicate_item::RULE,
            ViolationKind::Rule => &schema_rule_violation::RULE,
        };
        let mut finding = context.finding(rule, node, &pointer).message(message);
        finding.help = help;
        // A value that came a long way is mended where a person decides.
        if let Some(Replacement { text, same }) = replacement {
            let applicability = if same { Applicability::Safe } else { Applicability::Unsafe };
            finding = finding.fix(applicability, node, text);
        }
        if base && kind == ViolationKind::Required && is_filled_in_later(context, &pointer) {
            finding = finding.severity(Severity::Warning);
        }
        // A project learns new kinds to refer to, and its CRD is not in the repository.
        if kind == ViolationKind::Value && schema.provenance == Provenance::Builtin && pointer.ends_with("/kind") {
            finding = finding.severity(Severity::Warning);
        }
        if let Some(first) = other {
            finding = finding.related(first.mark(), "the first of the two");
        }
        // The API server takes such a list of Kubernetes' own kinds, unless it is applied on the server's side.
        if kind == ViolationKind::Duplicate && schema.is_native() && !is_refused(&pointer) {
            finding = finding.severity(Severity::Warning);
        }
        findings.push(finding);
    }
}

/// Whether the API server refuses duplicates in the list that `pointer` names an item of, however it is applied.
fn is_refused(pointer: &str) -> bool {
    const LISTS: &[&str] = &[
        "containers",
        "initContainers",
        "ephemeralContainers",
        "volumes",
        "volumeMounts",
        "topologySpreadConstraints",
    ];
    let list = pointer.rsplit('/').nth(1).unwrap_or_default();
    LISTS.contains(&list) || pointer.starts_with("/spec/ports/")
}

/// Whether the value is filled in by a plugin after rendering: `<path:secret/data/web#token>`.
fn is_placeholder(node: &Node) -> bool {
    node.text().is_some_and(|text| text.trim_start().starts_with("<path:"))
}

/// Whether the value reads a variable of kustomize that is still to be given: `$(domain)`.
fn is_variable(node: &Node) -> bool {
    let rest = node.text().and_then(|text| text.split_once("$("));
    rest.is_some_and(|(_, rest)| rest.contains(')'))
}

/// Whether what a workload lacks at `pointer` comes with the overlay that this kustomization is made for: it is a base or
/// a component by its name, or the object was left empty on purpose (`spec: {}`).
pub(crate) fn is_filled_in_later(context: &ResourceContext<'_>, pointer: &str) -> bool {
    let TargetKind::Kustomization(directory) = &context.rendered.target.kind else { return false };
    let made_for_overlays =
        directory.split('/').any(|part| matches!(part, "base" | "bases" | "component" | "components"));
    let workload = matches!(context.resource.group(), "apps" | "batch");
    let spec = context.resource.node.get("spec");
    workload && pointer == "/spec" && (made_for_overlays || spec.is_some_and(|spec| spec.entries().is_empty()))
}

/// What could not be validated: one entry for each kind without schema, at the first object of it, and one for each
/// rule of a CRD that could not be evaluated.
pub fn not_judged<'w>(world: &'w World<'w>) -> Vec<NotJudged> {
    let mut unjudged = unknown_kinds(world);
    unjudged.extend(rules_without_answer(world));
    unjudged
}

fn rules_without_answer<'w>(world: &'w World<'w>) -> Vec<NotJudged> {
    let found = world.rendered.par_iter().map(|rendered| {
        let mut found = Vec::new();
        for resource in &rendered.output.resources {
            let context = ResourceContext { resource, rendered, world };
            let lookup = context.catalogue().lookup(resource.api_version(), resource.kind());
            let Lookup::Known(schema) = lookup else { continue };
            for Unjudged { node, rule, reason } in schema.unjudged(&resource.node) {
                let mark = if node.mark().is_some() { node.mark() } else { head(&resource.node) };
                found.push((rule, SmolStr::new(resource.kind()), mark, reason));
            }
        }
        found
    });
    let mut first: BTreeMap<(SmolStr, SmolStr), (Mark, String)> = BTreeMap::new();
    for (rule, kind, mark, reason) in found.collect::<Vec<_>>().into_iter().flatten() {
        let entry = first.entry((kind, rule)).or_insert_with(|| (mark, reason.clone()));
        if mark < entry.0 {
            *entry = (mark, reason);
        }
    }
    first
        .into_iter()
        .map(|((kind, rule), (mark, reason))| NotJudged {
            mark,
            what: format!("a rule of {kind}"),
            reason: format!("`{rule}` could not be evaluated: {reason}"),
        })
        .collect()
}

fn unknown_kinds<'w>(world: &'w World<'w>) -> Vec<NotJudged> {
    let mut kinds: BTreeMap<(SmolStr, SmolStr), (Mark, usize)> = BTreeMap::new();
    for rendered in world.rendered {
        for resource in &rendered.output.resources {
            let context = ResourceContext { resource, rendered, world };
            let lookup = context.catalogue().lookup(resource.api_version(), resource.kind());
            if !matches!(lookup, Lookup::Unknown { .. }) {
                continue;
            }
            let mark = resource.node.get("kind").map_or(resource.node.mark(), Node::mark);
            let key = (SmolStr::new(resource.api_version()), SmolStr::new(resource.kind()));
            let entry = kinds.entry(key).or_insert((mark, 0));
            entry.0 = entry.0.min(mark);
            entry.1 += 1;
        }
    }
    kinds
        .into_iter()
        .map(|((api_version, kind), (mark, count))| NotJudged {
            mark,
            what: format!("{api_version} {kind}"),
            reason: format!(
                "no schema of the kind is known; {count} {} not validated: add its CustomResourceDefinition to the \
                 repository",
                if count == 1 { "object is" } else { "objects are" }
            ),
        })
        .collect()
}
