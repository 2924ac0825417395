//! `unmatched-replica-override`

use crate::finding::{Check, declare_rule};

declare_rule! {
    /// Reports an entry of `replicas` that names no workload.
    ///
    /// ## Why it matters
    /// kustomize refuses the build: nothing of the Application is deployed any more.
    ///
    /// ## Example
    /// ```yaml
    /// replicas:
    /// - name: wbe   # the Deployment is called `web`
    ///   count: 3
    /// ```
    ///
    /// ## Instead
    /// Name a Deployment, ReplicaSet, StatefulSet or ReplicationController by its name in the base.
    "unmatched-replica-override" = {
        summary: "replica override matches nothing",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Stage,
    }
}
