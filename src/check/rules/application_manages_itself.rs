//! `application-manages-itself`

use crate::check::ApplicationContext;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports an Application whose source renders that same Application.
    ///
    /// ## Why it matters
    /// It syncs itself, and with `prune` it deletes itself, and everything with it, when its file is renamed. Some bootstrap
    /// Argo CD in this way on purpose; then waive it.
    ///
    /// ## Example
    /// `apps/root.yaml` is an Application with `path: apps`.
    ///
    /// ## Instead
    /// Keep the root outside of the directory that it renders, or exclude its file.
    "application-manages-itself" = {
        summary: "the Application deploys itself",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let application = context.application;
    let Some(rendered) = context.rendered else { return };
    let own = rendered.output.resources.iter().find(|resource| {
        resource.kind() == "Application"
            && resource.group() == "argoproj.io"
            && resource.name() == application.name()
            && resource.node.mark() == application.resource.node.mark()
    });
    if own.is_none() {
        return;
    }
    let sources = application.sources();
    let path = sources.first().and_then(|source| source.node.get("path"));
    findings.push(
        Finding::at(&RULE, path.unwrap_or(&application.resource.node))
            .message(format!(
                "the path holds the Application {} itself: it syncs, and can prune, itself",
                application.name()
            ))
            .help("keep it outside of the directory that it renders, or exclude its file")
            .related(application.origin().mark, "the Application"),
    );
}
