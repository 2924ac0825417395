//! `patch-adds-container`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports a strategic merge that adds a container without an image.
    ///
    /// ## Why it matters
    /// Containers are merged by their name. A name that the base does not have makes a new container: the API server refuses it
    /// for lack of an image, and the container that was meant stays unchanged.
    ///
    /// ## Example
    /// ```yaml
    /// containers:
    /// - name: wbe   # the container is called `web`
    ///   resources: {limits: {memory: 1Gi}}
    /// ```
    ///
    /// ## Instead
    /// Use the name of the container in the base.
    "patch-adds-container" = {
        summary: "patch adds a container instead of changing one",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
