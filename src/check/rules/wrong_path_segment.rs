//! `wrong-path-segment`

use crate::check::World;
use crate::check::rules::{duplicate_generated_name, source_path_deployed_twice};
use crate::check::segments::{Shared, Template, templates};
use crate::finding::{Check, Finding, Severity, declare_rule};
use crate::origin::Mark;
use crate::yaml::{Node, Style};

declare_rule! {
    /// Reports a path segment in the template of a git directory generator that is the same for all its directories although
    /// the value should tell them apart: the name, or a label for the service or the environment.
    ///
    /// ## Why it matters
    /// Names collide, or labels say the same of everything: selectors, RollingSync steps and dashboards lump services together.
    ///
    /// ## Example
    /// ```yaml
    /// - path: services/*/*/overlays/*          # services/TEAM/SERVICE/overlays/ENV
    /// ...
    /// labels:
    ///   service: '{{index .path.segments 1}}'  # the team
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// labels:
    ///   service: '{{index .path.segments 2}}'
    /// ```
    "wrong-path-segment" = {
        summary: "path segment does not tell directories apart",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

/// Labels whose values are to differ from service to service.
const TELLING: [&str; 5] = ["service", "app", "component", "app.kubernetes.io/name", "app.kubernetes.io/component"];

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for set in &world.resolved.application_sets {
        for template in templates(world, set) {
            labels(&template, findings);
            // A set that generates Applications is judged by those.
            let generates = world
                .resolved
                .applications
                .iter()
                .any(|application| application.generated_by.as_deref() == Some(set.name()));
            if !generates {
                names(&template, findings);
                overlap(world, &template, findings);
            }
        }
    }
}

fn labels(template: &Template<'_>, findings: &mut Vec<Finding>) {
    let labels = template.set.node.path(&["spec", "template", "metadata", "labels"]);
    for entry in labels.map(Node::entries).unwrap_or_default() {
        if !TELLING.contains(&entry.key_text()) {
            continue;
        }
        let text = entry.value.text().unwrap_or_default();
        let [index] = template.segments(text)[..] else { continue };
        let Some(value) = template.constant(index) else { continue };
        // The segment that does tell them apart, if there is one.
        let Some(better) = template.varying().filter(|better| *better != index) else { continue };
        if template.services(better) < 2 {
            continue;
        }
        findings.push(
            Finding::new(&RULE, within(&entry.value, template.offset(text, index).unwrap_or_default()))
                .message(format!("segment {index} is {value} for every directory: the label tells nothing apart"))
                .help(format!("segment {better} differs from directory to directory"))
                .resource(template.set.reference()),
        );
    }
}

/// What the set would be called if its generator matched.
fn names(template: &Template<'_>, findings: &mut Vec<Finding>) {
    let Some(name) = template.set.node.path(&["spec", "template", "metadata", "name"]) else { return };
    let Some(text) = name.text() else { return };
    let (offset, message) =
        if let Some((offset, index, word)) = template.spelled_out(text).filter(|_| template.repaired) {
            let pattern = template.place.text().unwrap_or_default();
            (offset, format!("segment {index} of {pattern} is always {word}: several directories would share a name"))
        } else if let Some(Shared { name, count }) = template.shared_name(text) {
            (0, format!("{count} of the directories that match {} would be called {name}", template.pattern))
        } else {
            return;
        };
    findings.push(
        Finding::new(&duplicate_generated_name::RULE, within(name, offset))
            .message(message)
            .help("use the segment that names the service")
            .resource(template.set.reference())
            .related(template.place.mark(), "the directories"),
    );
}

/// The place of a byte of a text on one line; placeholders stand in quotes.
fn within(node: &Node, offset: usize) -> Mark {
    let mut mark = node.mark();
    let quote = u32::from(node.as_scalar().is_some_and(|scalar| matches!(scalar.style, Style::Single | Style::Double)));
    mark.column += offset as u32 + quote;
    mark.start = (mark.start + offset as u32 + quote).min(mark.end);
    mark
}

/// What the set would deploy a second time if its generator matched.
fn overlap(world: &World<'_>, template: &Template<'_>, findings: &mut Vec<Finding>) {
    let path = template.set.node.path(&["spec", "template", "spec", "source", "path"]).and_then(Node::text);
    let whole = path.is_some_and(|path| {
        let inner = path.trim_start_matches("{{").trim_end_matches("}}").trim().trim_start_matches('.');
        matches!(inner, "path" | "path.path")
    });
    if !whole || !template.repaired {
        return;
    }
    let taken = world.resolved.applications.iter().find_map(|application| {
        let sources = application.sources();
        let node = sources.iter().find_map(|source| source.node.get("path"))?;
        let deployed = template.directories.iter().any(|directory| Some(directory.as_str()) == node.text());
        (application.generated_by.is_some() && deployed).then_some((application, node))
    });
    if let Some((application, node)) = taken {
        let set = application.generated_by.as_deref().unwrap_or_default();
        findings.push(
            Finding::new(&source_path_deployed_twice::RULE, template.generator)
                .severity(Severity::Warning)
                .message(format!("once its path matches, this deploys what ApplicationSet {set} already deploys"))
                .help("merge the two sets")
                .resource(template.set.reference())
                .related(node.mark(), format!("Application {}", application.id()))
                .related(node.origin.last_step().map_or(Mark::NONE, |step| step.mark), "its template"),
        );
    }
}
