//! `duplicate-generated-name`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports an ApplicationSet that generates more than one Application of one name.
    ///
    /// ## Why it matters
    /// Argo CD creates none of the Applications that share a name, and keeps the set in error.
    ///
    /// ## Example
    /// ```yaml
    /// name: '{{.env}}'             # two services for each environment
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// name: '{{.service}}-{{.env}}'
    /// ```
    "duplicate-generated-name" = {
        summary: "generated Applications share a name",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
