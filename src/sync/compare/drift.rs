//! A plan held against the cluster once more, before anything is done: what would be done now that it does not say.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::{Difference, applied, differences};
use crate::plan::{Action, ClusterPlan, Deployment, Desired, ObjectRef};
use crate::sync::SyncError;
use crate::sync::machine::Key;
use crate::sync::mirror::Mirror;

/// Something that changed in the cluster since the plan was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The object.
    pub object: ObjectRef,
    /// What would be done to it now.
    pub now: Difference,
    /// What the plan says.
    pub planned: Action,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Drift { object, now, planned } = self;
        write!(f, "{object}: the plan says {}, now it is {}", planned.as_str(), now.action.as_str())?;
        match &now.adopts {
            Some(owner) if owner.is_empty() => write!(f, " of what no Application owns")?,
            Some(owner) => write!(f, " of what Application {owner} owns")?,
            None => {}
        }
        for change in &now.changes {
            write!(f, "; {change}")?;
        }
        Ok(())
    }
}

/// What would be done now in the cluster of `mirror` and is not in `plan`. That less is to be done than planned is no drift, nor is what
/// others do to fields that the plan does not set.
///
/// # Errors
/// When the cluster cannot be read.
pub async fn drift(plan: &ClusterPlan, deployment: &Deployment, mirror: &Mirror) -> Result<Vec<Drift>, SyncError> {
    if !plan.live {
        return Ok(Vec::new());
    }
    let planned: BTreeSet<&ObjectRef> = plan.tasks.iter().map(|task| &task.object).collect();
    let objects = applied(deployment.objects.iter().filter(|desired| planned.contains(&desired.object)));
    let objects: Vec<&Desired> = objects.collect();
    // The sync follows all of these kinds: what is read here is not read again.
    let kinds: BTreeSet<(&str, &str)> =
        objects.iter().map(|desired| (desired.object.api_version.as_str(), desired.object.kind.as_str())).collect();
    try_join_all(kinds.into_iter().map(|(api_version, kind)| mirror.follow(api_version, kind))).await?;
    let read = |object: &ObjectRef| match mirror.get(&Key::from(object)) {
        // A kind is read in one version alone.
        Some(live) if live["apiVersion"] != object.api_version.as_str() => None,
        live => Some(live),
    };
    let mut found = differences(deployment, &objects, mirror.cluster(), read).await?;
    let mut drifts = Vec::new();
    for task in plan.tasks.iter().filter(|task| !matches!(task.action, Action::Prune | Action::Hook)) {
        let Some(now) = found.remove(&task.object) else { continue };
        let less = now.action == Action::Unchanged;
        let planned = (task.action, &task.changes, &task.adopts);
        if !less && (now.action, &now.changes, &now.adopts) != planned {
            drifts.push(Drift { object: task.object.clone(), now, planned: task.action });
        }
    }
    Ok(drifts)
}
