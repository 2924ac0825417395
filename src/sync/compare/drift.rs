//! A plan held against the cluster once more, before anything is done: what would be done now that it does not say.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Cluster, Difference, differences};
use crate::plan::{Action, ClusterPlan, Deployment, ObjectRef};
use crate::sync::SyncError;

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

/// What would be done in `cluster` now and is not in `plan`. That less is to be done than planned is no drift, nor is what
/// others do to fields that the plan does not set.
///
/// # Errors
/// When the cluster cannot be read.
pub async fn drift(
    plan: &ClusterPlan,
    deployment: &Deployment,
    cluster: &Arc<Cluster>,
) -> Result<Vec<Drift>, SyncError> {
    if !plan.live {
        return Ok(Vec::new());
    }
    let planned: BTreeSet<&ObjectRef> = plan.tasks.iter().map(|task| &task.object).collect();
    let objects = deployment.objects.iter().filter(|desired| planned.contains(&desired.object));
    let mut found = differences(deployment, objects, cluster).await?;
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
