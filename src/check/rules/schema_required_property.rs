//! `schema-required-property`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports an object that lacks a property which the kind's schema requires, or which the API server asks for though
    /// the schema does not.
    ///
    /// The place is the key of the object that lacks it.
    ///
    /// ## Why it matters
    /// The API server refuses the object.
    ///
    /// ## Example
    /// ```yaml
    /// kind: Deployment
    /// spec:              # needs `selector`
    ///   template: {}
    /// ```
    ///
    /// ## Instead
    /// Give the object the property.
    "schema-required-property" = {
        summary: "required property is missing",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
