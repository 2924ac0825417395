//! `schema-duplicate-item`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports two items of a list with the same key, where the schema says that the list is a map or a set.
    ///
    /// ## Why it matters
    /// Server-side apply and custom resources refuse such a list. Elsewhere one of the two wins silently, and a patch merges
    /// into the wrong one: a warning there.
    ///
    /// ## Example
    /// ```yaml
    /// env:
    /// - name: LEVEL
    ///   value: info
    /// - name: LEVEL
    ///   value: debug
    /// ```
    ///
    /// ## Instead
    /// Keep one of the two.
    "schema-duplicate-item" = {
        summary: "list repeats an item",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
