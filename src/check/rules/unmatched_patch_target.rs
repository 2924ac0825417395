//! `unmatched-patch-target`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a patch whose target selects no resource.
    ///
    /// ## Why it matters
    /// kustomize ignores such a patch silently when it has a `target`: the limit, the probe or the toleration that it carries
    /// never reaches the cluster. Without a `target` it refuses the build.
    ///
    /// ## Example
    /// ```yaml
    /// patches:
    /// - path: memory.yaml
    ///   target: {kind: Deployment, name: wbe}   # the Deployment is called `web`
    /// ```
    ///
    /// ## Instead
    /// Name a resource of the kustomization, or remove the patch.
    "unmatched-patch-target" = {
        summary: "patch target selects nothing",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
