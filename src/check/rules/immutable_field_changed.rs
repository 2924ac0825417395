//! `immutable-field-changed`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a field that differs from the revision that is compared with (`--new-since`), and that the API server does not
    /// let anyone change: a Deployment's selector, a StatefulSet's claims, a Job's template, a binding's role, and others.
    /// Hooks, and objects with the sync options `Replace=true` or `Force=true`, are made anew and not reported.
    ///
    /// ## Why it matters
    /// Both states are right, and the way from one to the other is refused: the sync fails, and keeps failing.
    ///
    /// ## Example
    /// ```yaml
    /// kind: RoleBinding
    /// metadata: {name: deployers}
    /// roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: admin}   # was edit
    /// ```
    ///
    /// ## Instead
    /// Give the object another name, so that the old one is pruned; or delete it by hand first.
    "immutable-field-changed" = {
        summary: "field cannot be changed in place",
        severity: Error,
        profile: Recommended,
        since: "0.2.0",
        check: Check::Stage,
    }
}
