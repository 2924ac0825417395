//! `schema-rule-violation`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a custom resource that breaks a CEL rule (`x-kubernetes-validations`) of its CRD. Defaults are filled in first,
    /// and rules that compare with what was there before are left out, as when an object is created.
    ///
    /// ## Why it matters
    /// The API server refuses the object: types and required fields are right, and yet the combination is not allowed.
    ///
    /// ## Example
    /// ```yaml
    /// apiVersion: gateway.networking.k8s.io/v1
    /// kind: HTTPRoute
    /// spec:
    ///   rules:
    ///   - filters:
    ///     - {type: RequestRedirect, requestRedirect: {statusCode: 301}}
    ///     backendRefs: [{name: web, port: 80}]   # a redirect has no backend
    /// ```
    ///
    /// ## Instead
    /// What the message says; the help names the rule.
    "schema-rule-violation" = {
        summary: "custom resource breaks a rule of its CRD",
        severity: Error,
        profile: Recommended,
        since: "0.2.0",
        check: Check::Stage,
    }
}
