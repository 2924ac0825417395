//! `dependency-in-later-wave`

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::check::World;
use crate::check::argo::sync_option;
use crate::check::engine::head;
use crate::check::inventory::Placed;
use crate::check::waves::{HOOK, Moment, Need, WAVE, makes, moment, pod_needs};
use crate::finding::{Check, Finding, declare_rule};
use crate::resolve::Application;
use crate::yaml::Node;

declare_rule! {
    /// Reports what is applied before something that it cannot do without: a workload or hook before its ConfigMap, Secret,
    /// ServiceAccount or claim of the same Application, and an Application before one that brings the
    /// CustomResourceDefinition, namespace, ConfigMap or Secret that it needs.
    ///
    /// Within an Application, Argo CD moves namespaces and definitions itself. Between Applications it looks at those that
    /// one Application deploys side by side, to one cluster.
    ///
    /// ## Why it matters
    /// Argo CD waits for each wave to become healthy before the next: on a new cluster the workload waits for the object,
    /// and the object for the workload.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Job
    /// metadata: {annotations: {argocd.argoproj.io/hook: PreSync}}
    /// spec: {template: {spec: {serviceAccountName: migrate}}}   # an ordinary ServiceAccount, which comes with Sync
    /// ```
    ///
    /// ## Instead
    /// Give what is needed an earlier wave, or the same hook with an earlier wave.
    "dependency-in-later-wave" = {
        summary: "what it needs comes in a later wave",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let inventory = world.inventory();
    let mut makers: BTreeMap<Need<'_>, Vec<&Placed<'_>>> = BTreeMap::new();
    for placed in inventory.everything() {
        if let Some(made) = makes(placed) {
            makers.entry(made).or_default().push(placed);
        }
    }
    let siblings = siblings(world);
    for placed in inventory.everything() {
        let Some(application) = placed.rendered.application() else { continue };
        let Some(own) = moment(placed.resource) else { continue };
        for (need, node) in pod_needs(placed) {
            let Some(made) = makers.get(&need) else { continue };
            let made: Vec<&&Placed<'_>> = made.iter().filter(|maker| maker.may_meet(placed)).collect();
            let is_own = |maker: &Placed<'_>| maker.rendered.target.id == placed.rendered.target.id;
            let moments: Option<Vec<Moment>> =
                made.iter().map(|maker| moment(maker.resource).filter(|_| is_own(maker))).collect();
            let Some(first) = moments.into_iter().flatten().min() else { continue };
            if first > own {
                let maker = made.iter().find(|maker| moment(maker.resource) == Some(first));
                let mut finding = placed
                    .finding(&RULE, node)
                    .message(format!(
                        "{} {} is applied in {own}, before {need}, which comes in {first}",
                        placed.resource.kind(),
                        placed.resource.name()
                    ))
                    .help("give what is needed an earlier wave, or the same hook");
                if let Some(maker) = maker {
                    finding = finding.related(head(&maker.resource.node), format!("{need} is made here"));
                }
                findings.push(finding);
            }
        }
        let Some(parent) = siblings.get(&application.id()) else { continue };
        for need in outer_needs(placed, application) {
            let Some(made) = makers.get(&need) else { continue };
            let made: Vec<&&Placed<'_>> = made.iter().filter(|maker| maker.may_meet(placed)).collect();
            // One that comes from elsewhere may have been there for long.
            let later: Option<Vec<&Application>> = made
                .iter()
                .map(|maker| {
                    let other = maker.rendered.application()?;
                    let is_sibling = siblings.get(&other.id()) == Some(parent);
                    (is_sibling && moment(&other.resource) > moment(&application.resource)).then_some(&**other)
                })
                .collect();
            if let Some(other) = later.unwrap_or_default().first() {
                findings.push(between(application, other, need, placed));
            }
        }
    }
}

/// What an object needs that another Application may bring.
fn outer_needs<'a>(placed: &Placed<'a>, application: &Application) -> Vec<Need<'a>> {
    let mut needs = vec![Need::Definition(placed.resource.group(), placed.resource.kind())];
    let creates = sync_option(application, "CreateNamespace", "true").is_some();
    let own = placed.namespace.filter(|namespace| !(creates && *namespace == application.destination_namespace()));
    needs.extend(own.map(Need::Namespace));
    needs.extend(pod_needs(placed).into_iter().map(|(need, _)| need));
    needs
}

/// Which target deploys each declared Application.
fn siblings<'a>(world: &World<'a>) -> BTreeMap<SmolStr, &'a str> {
    let declared = world.resolved.applications.iter().filter(|application| application.generated_by.is_none());
    let mut ids: BTreeMap<SmolStr, &str> = BTreeMap::new();
    let known: Vec<SmolStr> = declared.map(|application| application.id()).collect();
    for rendered in world.rendered.iter().filter(|rendered| rendered.application().is_some()) {
        for resource in rendered.output.resources.iter().filter(|resource| resource.kind() == "Application") {
            let namespace = if resource.namespace().is_empty() { "argocd" } else { resource.namespace() };
            let id = SmolStr::new(format!("{namespace}/{}", resource.name()));
            if known.contains(&id) {
                ids.insert(id, &rendered.target.id);
            }
        }
    }
    ids
}

fn between(application: &Application, other: &Application, need: Need<'_>, placed: &Placed<'_>) -> Finding {
    let annotation = |application: &Application, key: &str| -> Option<crate::origin::Mark> {
        let annotations = application.resource.node.path(&["metadata", "annotations"]).and_then(Node::as_mapping)?;
        Some(annotations.entry(key)?.value.mark())
    };
    let wave = |application: &Application| {
        annotation(application, WAVE)
            .or_else(|| annotation(application, HOOK))
            .unwrap_or_else(|| head(&application.resource.node))
    };
    let at =
        |application: &Application| moment(&application.resource).map_or_else(String::new, |moment| moment.to_string());
    Finding::new(&RULE, wave(application))
        .message(format!(
            "Application {} ({}) needs {need}, which Application {} ({}) brings later",
            application.name(),
            at(application),
            other.name(),
            at(other)
        ))
        .help(format!("give {} an earlier wave than {}", other.name(), application.name()))
        .related(wave(other), "the Application that brings it")
        .related(head(&placed.resource.node), "what needs it")
        .resource(application.resource.reference())
        .application(application.id())
}
