//! `hook-deletes-application`

use crate::check::ApplicationContext;
use crate::finding::{Check, Finding, declare_rule};

declare_rule! {
    /// Reports an Application that is a sync hook of the Application that deploys it, with a policy that deletes it.
    ///
    /// ## Why it matters
    /// `BeforeHookCreation` deletes the Application before each sync of its parent, and `HookSucceeded` or `HookFailed` after
    /// it. Its history is lost; without a resources finalizer what it deployed stays unmanaged, with one it is deleted.
    ///
    /// ## Example
    /// ```yaml
    /// metadata:
    ///   annotations:
    ///     argocd.argoproj.io/hook: PreSync
    ///     argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
    /// ```
    ///
    /// ## Instead
    /// Order Applications by `argocd.argoproj.io/sync-wave`.
    "hook-deletes-application" = {
        summary: "the Application is deleted as a hook",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Application(check),
    }
}

fn check(context: &ApplicationContext<'_>, findings: &mut Vec<Finding>) {
    let resource = &context.application.resource;
    let Some(annotations) = resource.node.path(&["metadata", "annotations"]) else { return };
    let Some(hook) = annotations.get("argocd.argoproj.io/hook") else { return };
    if hook.text() == Some("Skip") {
        return;
    }
    // Without a policy of its own a hook is deleted before it is created again.
    let policy = annotations.get("argocd.argoproj.io/hook-delete-policy");
    let shown = policy.and_then(|policy| policy.text()).unwrap_or("BeforeHookCreation");
    let when = match shown {
        "HookSucceeded" => "after each sync that succeeds",
        "HookFailed" => "after each sync that fails",
        _ => "before each sync",
    };
    findings.push(
        Finding::at(&RULE, policy.unwrap_or(hook))
            .message(format!(
                "this Application is a hook: {shown} deletes it {when} of the Application that deploys it"
            ))
            .help("remove the hook annotations; sync waves order Applications")
            .related(hook.mark(), "it is made a hook here"),
    );
}
