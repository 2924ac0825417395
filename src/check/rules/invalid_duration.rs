//! `invalid-duration`

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule};
use crate::schema::go_duration;
use crate::yaml::Node;

declare_rule! {
    /// Reports durations that Go does not read: in the retries of Argo CD's Applications and ApplicationSets, the sync windows
    /// of AppProjects, and where cert-manager, External Secrets and KEDA ask for one.
    ///
    /// ## Why it matters
    /// Argo CD takes an Application whose backoff it cannot read for invalid; other controllers ignore the object.
    ///
    /// ## Example
    /// ```yaml
    /// retry:
    ///   backoff: {duration: 5 seconds}
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// retry:
    ///   backoff: {duration: 5s}
    /// ```
    "invalid-duration" = {
        summary: "duration that its controller does not understand",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

/// Where durations stand: group, kind, pointer; `*` stands for every item of a list.
const FIELDS: &[(&str, &str, &str)] = &[
    ("argoproj.io", "Application", "/spec/syncPolicy/retry/backoff/duration"),
    ("argoproj.io", "Application", "/spec/syncPolicy/retry/backoff/maxDuration"),
    ("argoproj.io", "ApplicationSet", "/spec/template/spec/syncPolicy/retry/backoff/duration"),
    ("argoproj.io", "ApplicationSet", "/spec/template/spec/syncPolicy/retry/backoff/maxDuration"),
    ("argoproj.io", "AppProject", "/spec/syncWindows/*/duration"),
    ("cert-manager.io", "Certificate", "/spec/duration"),
    ("cert-manager.io", "Certificate", "/spec/renewBefore"),
    ("external-secrets.io", "ExternalSecret", "/spec/refreshInterval"),
    ("external-secrets.io", "ClusterExternalSecret", "/spec/refreshTime"),
    ("external-secrets.io", "PushSecret", "/spec/refreshInterval"),
    ("networking.istio.io", "VirtualService", "/spec/http/*/timeout"),
    ("networking.istio.io", "VirtualService", "/spec/http/*/retries/perTryTimeout"),
];

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    let (group, kind) = (resource.group(), resource.kind());
    for (_, _, pointer) in FIELDS.iter().filter(|(of, named, _)| *of == group && *named == kind) {
        let Some((list, field)) = pointer.split_once("/*/") else {
            duration(context, resource.node.pointer(pointer), pointer, findings);
            continue;
        };
        for (index, item) in resource.node.pointer(list).map_or(&[][..], Node::items).iter().enumerate() {
            duration(context, item.pointer(&format!("/{field}")), &format!("{list}/{index}/{field}"), findings);
        }
    }
}

fn duration(context: &ResourceContext<'_>, node: Option<&Node>, pointer: &str, findings: &mut Vec<Finding>) {
    let Some((node, text)) = node.and_then(|node| Some((node, node.as_str()?))) else { return };
    // Argo CD takes plain digits of a backoff for seconds.
    let digits = pointer.contains("/backoff/") && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if go_duration(text) || digits || text.contains("{{") || text.contains("${") {
        return;
    }
    let field = pointer.trim_start_matches('/').replace('/', ".");
    findings.push(
        context
            .finding(&RULE, node, pointer)
            .message(format!("{field} must be a duration, found `{text}`"))
            .help("write numbers with the units h, m, s and ms: `1h30m`"),
    );
}
