//! `unmatched-image-override`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports an entry of `images` that no container uses.
    ///
    /// ## Why it matters
    /// kustomize ignores it silently: the tag that it sets never reaches the cluster, and the old image keeps running.
    ///
    /// ## Example
    /// ```yaml
    /// images:
    /// - name: registry.example.com/wbe   # the image is registry.example.com/web
    ///   newTag: v2
    /// ```
    ///
    /// ## Instead
    /// Name the image exactly as the base writes it, without tag; or remove the entry.
    "unmatched-image-override" = {
        summary: "image override matches nothing",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
