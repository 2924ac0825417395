//! `duplicate-resource-id`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports two resources of one kustomization with the same kind, name and namespace.
    ///
    /// ## Why it matters
    /// kustomize refuses the build. In a plain directory Argo CD would apply one over the other, in an order that nobody
    /// chose.
    ///
    /// ## Example
    /// ```yaml
    /// resources:
    /// - web.yaml
    /// - web-copy.yaml   # also has the Deployment `web`
    /// ```
    ///
    /// ## Instead
    /// Remove one of them, or give it another name. To change a resource of a base, write a patch.
    "duplicate-resource-id" = {
        summary: "two resources with one identity",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
