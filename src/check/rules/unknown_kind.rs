//! `unknown-kind`

use smol_str::SmolStr;

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::schema::Lookup;

declare_rule! {
    /// Reports an object of a kind that its API group, one of Kubernetes' own, does not have in any version.
    ///
    /// ## Why it matters
    /// The sync fails: `no matches for kind`.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: apps/v1
    /// kind: Deploymnt
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// ```
    "unknown-kind" = {
        summary: "no such kind",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let (api_version, kind) = (resource.api_version(), resource.kind());
    let Lookup::NoSuchKind { kinds } = context.catalogue().lookup(api_version, kind) else { return };
    let node = resource.node.get("kind").unwrap_or(&resource.node);
    let finding = context.finding(&RULE, node, "/kind").message(format!("{api_version} has no kind `{kind}`"));
    let home = context.catalogue().native_home(kind);
    findings.push(match home {
        Some(home) => finding.help(format!("{kind} is in {home}")),
        None => finding.help_did_you_mean(kind, kinds.iter().map(SmolStr::as_str)),
    });
}
