//! Whether something may still be asked of a cluster: not without the lease, and not when all shall end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::sync::SyncError;

/// How long a lease is relied on after it was renewed. Others wait for longer: clocks do not run at one speed.
const RELIABLE: Duration = Duration::from_secs(25);

/// What is known of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) enum Hold {
    /// There is none: nobody else does what is done here.
    Free,
    /// It was renewed then.
    Since(Instant),
    /// Another has it.
    Lost,
}

/// What has to hold whenever a request is sent.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Guard {
    hold: watch::Receiver<Hold>,
    interrupted: Arc<AtomicBool>,
}

impl Guard {
    /// Requests are sent while the lease is held and `interrupted` is not set.
    pub(in crate::sync) fn new(hold: watch::Receiver<Hold>, interrupted: Arc<AtomicBool>) -> Guard {
        Guard { hold, interrupted }
    }

    /// Whether a request may be sent: `Ok(false)` is not now, but maybe later.
    pub(super) fn admits(&self) -> Result<bool, SyncError> {
        self.check()?;
        Ok(match *self.hold.borrow() {
            Hold::Since(renewed) => renewed.elapsed() < RELIABLE,
            Hold::Free | Hold::Lost => true,
        })
    }

    /// Whether it is worth going on.
    ///
    /// # Errors
    /// When the lease was lost, or all shall end.
    pub(in crate::sync) fn check(&self) -> Result<(), SyncError> {
        if *self.hold.borrow() == Hold::Lost {
            return Err(SyncError::LeaseLost);
        }
        if self.interrupted.load(Ordering::Relaxed) { Err(SyncError::Interrupted) } else { Ok(()) }
    }

    /// Waits until the doubt may be over, for at most `longest`.
    pub(super) async fn wait(&mut self, longest: Duration) {
        // The lease or the end: whatever comes is seen by the next look.
        let _ = tokio::time::timeout(longest, self.hold.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_was_not_renewed_for_long_is_doubted_and_not_given_up() {
        let now = Instant::now();
        let (lease, seen) = watch::channel(Hold::Since(now));
        let guard = Guard::new(seen, Arc::default());
        assert!(matches!(guard.admits(), Ok(true)));
        let Some(long_ago) = now.checked_sub(RELIABLE) else { return };
        lease.send_replace(Hold::Since(long_ago));
        assert!(matches!(guard.admits(), Ok(false)));
        assert!(guard.check().is_ok(), "it may still be ours");
        lease.send_replace(Hold::Lost);
        assert!(matches!(guard.admits(), Err(SyncError::LeaseLost)));
    }

    #[test]
    fn nothing_is_sent_after_the_end() {
        let interrupted = Arc::new(AtomicBool::new(true));
        let guard = Guard::new(watch::channel(Hold::Free).1, interrupted);
        assert!(matches!(guard.admits(), Err(SyncError::Interrupted)));
    }
}
