//! `variable-without-effect`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a variable that no field uses.
    ///
    /// ## Why it matters
    /// It is read and forgotten. If a field does say `$(NAME)`, then kustomize does not look into that field: the text is
    /// deployed as it is.
    ///
    /// ## Example
    /// ```yaml
    /// vars:
    /// - name: WEB_HOST
    ///   objref: {apiVersion: v1, kind: Service, name: web}
    /// ```
    ///
    /// ## Instead
    /// Say `$(WEB_HOST)` in an environment variable, an argument or a command, list the field under `varReference` of a
    /// configuration, or take the variable out.
    "variable-without-effect" = {
        summary: "the variable is used nowhere",
        severity: Info,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
