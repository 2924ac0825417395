//! What goes back with an Application that failed: nothing, itself, its step or the whole rollout.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::work::Planned;
use super::{Extent, Rollout};
use crate::sync::SyncError;

impl Rollout {
    /// What goes back when `unit` fails.
    pub(super) fn extent(&self, unit: usize) -> Extent {
        let stage = self.planned[unit].stage.checked_sub(1).and_then(|place| self.options.stages.get(place));
        match stage {
            _ if !self.options.rollback => Extent::None,
            Some(stage) => stage.rollback,
            None => Extent::Application,
        }
    }

    /// Takes back what the run has synced along with the Application that failed; what could not be taken back.
    pub(super) async fn take_back(&self, unit: usize) -> Vec<(String, SyncError)> {
        let extent = self.extent(unit);
        let failed = &self.planned[unit];
        let step = |planned: &Planned| planned.unit.turn.as_ref().map(|(set, turn)| (set.clone(), turn.step));
        let mut running = JoinSet::new();
        for index in &self.done {
            let planned = &self.planned[*index];
            let goes = match extent {
                Extent::Rollout => true,
                Extent::Step => planned.stage == failed.stage && step(planned) == step(failed),
                // One that failed by itself is back already; one that did not stay healthy is not.
                Extent::Application => *index == unit,
                Extent::None => false,
            };
            let site = self.doors[planned.cluster].opened().filter(|_| goes && planned.changes);
            let Some(site) = site else { continue };
            let (site, work) = (Arc::clone(site), planned.work.clone());
            running.spawn(async move { (work.id.clone(), site.withdraw(&work).await) });
        }
        let mut failures = Vec::new();
        while let Some(joined) = running.join_next().await {
            match joined {
                Ok((_, Ok(_))) => {}
                Ok((id, Err(error))) => failures.push((id, error)),
                Err(error) => failures.push((String::new(), SyncError::Journal(error.to_string()))),
            }
        }
        failures
    }
}
