//! `kustomization-cycle`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a kustomization that includes itself, directly, through others, or through a directory that contains it.
    ///
    /// ## Why it matters
    /// kustomize refuses to build it.
    ///
    /// ## Example
    /// `base/kustomization.yaml` has `resources: [../overlay]`, and `overlay/kustomization.yaml` has
    /// `resources: [../base]`.
    ///
    /// ## Instead
    /// Let overlays include bases, never the other way round; move what both need into a third directory.
    "kustomization-cycle" = {
        summary: "a kustomization includes itself",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
