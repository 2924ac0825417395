//! One cluster of a rollout: opened by the first Application that is synced there; all others go through it as well.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{OnceCell, Semaphore};

use super::work::{self, Planned};
use super::{Options, Place};
use crate::check::sync_refusal;
use crate::sync::SyncError;
use crate::sync::application::Site;
use crate::sync::journal::{Journal, Kind};
use crate::sync::live::{Event, Events};

/// The door to a cluster, opened by the first Application that is synced there.
pub(super) struct Door {
    pub(super) place: Place,
    site: OnceCell<Result<Arc<Site>, String>>,
    permits: Arc<Semaphore>,
}

impl Door {
    /// The door to `place`, through which so many Applications go at once.
    pub(super) fn new(place: Place, parallel: usize) -> Door {
        Door { place, site: OnceCell::new(), permits: Arc::new(Semaphore::new(parallel.max(1))) }
    }

    /// What its Applications have in common, where one of them has been synced.
    pub(super) fn opened(&self) -> Option<&Arc<Site>> {
        self.site.get().and_then(|site| site.as_ref().ok())
    }

    /// Syncs an Application here; `false` where it was not begun because the run is being taken back.
    pub(super) async fn sync(
        &self,
        planned: &Planned,
        taking_back: bool,
        journal: &Arc<Journal>,
        events: &Events,
        options: &Options,
    ) -> Result<bool, SyncError> {
        let _permit = self.permits.acquire().await;
        let (place, work) = (&self.place.plan.cluster, &planned.work);
        let begun = journal.existing(place, &work.id, Kind::Sync)?;
        if begun.is_none() {
            if taking_back {
                return Ok(false);
            }
            self.mind_windows(planned, journal, events, options)?;
        }
        if options.interrupted.load(Ordering::Relaxed) {
            return Err(SyncError::Interrupted);
        }
        let site = self.site.get_or_init(|| self.open(journal, events, options)).await;
        let site = site
            .as_ref()
            .map_err(|reason| SyncError::Unreachable { cluster: place.clone(), reason: reason.clone() })?;
        if journal.existing(place, &work.id, Kind::Withdrawal)?.is_some() {
            // It was synced, and is being taken back.
            return Ok(true);
        }
        site.sync(work).await.map(|()| true)
    }

    /// Begins with a cluster: what several of its Applications need comes first.
    async fn open(&self, journal: &Arc<Journal>, events: &Events, options: &Options) -> Result<Arc<Site>, String> {
        let Place { plan, deployment, cluster } = &self.place;
        let mirror = Arc::clone(cluster.as_ref().map_err(Clone::clone)?);
        let site = Site::new(
            &plan.cluster,
            mirror,
            Arc::clone(journal),
            events.clone(),
            options.clone(),
            Arc::clone(&deployment.settings),
        );
        let site = Arc::new(site.await.map_err(|error| error.to_string())?);
        if let Some((goal, sources)) = work::ahead(plan, deployment, options) {
            site.prepare(goal, sources).await.map_err(|error| error.to_string())?;
        }
        Ok(site)
    }

    /// Refuses what no sync window lets through now.
    fn mind_windows(
        &self,
        planned: &Planned,
        journal: &Journal,
        events: &Events,
        options: &Options,
    ) -> Result<(), SyncError> {
        if !planned.changes {
            return Ok(());
        }
        let Some(project) = &planned.unit.project else { return Ok(()) };
        let now = chrono::Utc::now();
        let Some(reason) = sync_refusal(project, &planned.unit.application, now, options.manual) else {
            return Ok(());
        };
        let application = planned.work.id.clone();
        let Some(why) = &options.windows_overridden else {
            return Err(SyncError::Refused { application, reason });
        };
        let message = format!("{reason}; overridden: {why}");
        journal.remark(&self.place.plan.cluster, &application, &message)?;
        events.tell(Event::Waiting { cluster: self.place.plan.cluster.clone(), application, message });
        Ok(())
    }
}
