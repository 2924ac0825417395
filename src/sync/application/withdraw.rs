//! The way back of an Application that was synced well, because others of its rollout failed.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Key, Kind, Limits, Revision, Site, Standing, SyncError, Work, backwards, drive, history, named, now};
use crate::sync::live::Event;

impl Site {
    /// Takes `work` back to the last good revision before it, and says its number; `None` where there is none: then
    /// nothing is done.
    ///
    /// # Errors
    /// When the way back fails or could not be brought to its end.
    pub(in crate::sync) async fn withdraw(&self, work: &Work) -> Result<Option<u64>, SyncError> {
        let hold = self.leases.take(&work.id).await?;
        let result = self.withdraw_alone(work, &self.limits(work, hold)).await;
        self.leases.give_back(&work.id).await;
        result
    }

    async fn withdraw_alone(&self, work: &Work, limits: &Limits) -> Result<Option<u64>, SyncError> {
        let began = Instant::now();
        let known = history::history(&self.cluster, &self.place, &work.id).await?;
        let Some(good) = history::last_good(&known, &work.goal.content.to_string()) else { return Ok(None) };
        let made: BTreeSet<Key> = match self.journal.existing(&self.place, &work.id, Kind::Sync)? {
            Some(record) => self.journal.created(record.id)?.into_iter().flat_map(|key| [key.bare(), key]).collect(),
            None => BTreeSet::new(),
        };
        let candidates = work.goal.objects.iter().map(|object| named(object)).filter(|(_, key)| made.contains(key));
        let goal = backwards(good, candidates, &work.goal.options)?;
        let record = self.journal.operation(&self.place, &work.id, Kind::Withdrawal, &goal.content)?;
        let hands = self.hands(&work.id, &goal.options, work.sources.clone(), limits);
        drive(&goal, &record, &hands, limits).await?.map_err(|reason| SyncError::Application {
            application: work.id.clone(),
            reason: format!("going back with the others failed: {reason}"),
        })?;
        let newest = known.last().map_or(&good.revision, |kept| &kept.revision);
        if newest.content != good.revision.content || newest.standing == Standing::Bad {
            let revision = Revision {
                number: newest.number + 1,
                standing: Standing::Good,
                reason: String::new(),
                at: now(),
                ..good.revision.clone()
            };
            self.store(&revision, good.packed(), &known).await?;
        }
        self.events.tell(Event::RolledBack {
            cluster: self.place.clone(),
            application: work.id.clone(),
            revision: good.revision.number,
            after: began.elapsed(),
        });
        Ok(Some(good.revision.number))
    }
}
