//! `env-line-without-value`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a line of a generator's env file that has no `=`.
    ///
    /// ## Why it matters
    /// kustomize takes the whole line as a key and gives it an empty value: a variable that was misspelt, or a value that
    /// went over two lines, is empty in the container, and nothing else says so.
    ///
    /// ## Example
    /// ```text
    /// LOG_LEVEL=info
    /// REGION: eu-west-1
    /// ```
    ///
    /// ## Instead
    /// ```text
    /// LOG_LEVEL=info
    /// REGION=eu-west-1
    /// ```
    "env-line-without-value" = {
        summary: "line of an env file has no `=`",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
