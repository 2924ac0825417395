//! `replace-sync-option`

use crate::check::ApplicationContext;
use crate::check::argo::sync_option;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports `Replace=true` on a whole Application.
    ///
    /// ## Why it matters
    /// Every object of the Application is replaced at each sync, not only the one that it was meant for: fields that others
    /// own (a scaled replica count, a cluster IP) are lost, and immutable fields make the sync fail.
    ///
    /// ## Example
    /// ```yaml
    /// syncOptions:
    /// - Replace=true
    /// ```
    ///
    /// ## Instead
    /// Annotate the object that needs it: `argocd.argoproj.io/sync-options: Replace=true`.
    "replace-sync-option" = {
        summary: "every object is replaced",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    if let Some(option) = sync_option(context.application, "Replace", "true") {
        findings.push(
            Finding::at(&RULE, option.node)
                .message("Replace=true replaces every object of the Application at each sync")
                .help("annotate only the object that needs it: argocd.argoproj.io/sync-options: Replace=true"),
        );
    }
}
