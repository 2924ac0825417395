//! How long a request is repeated when the server cannot answer it now.

use std::time::Duration;

/// How long to go on asking.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Where no answer came, or one that says to come back: a server that restarts takes a while.
    unreachable: Duration,
    /// Where the server says that it failed: often a webhook that is broken, which a longer wait does not mend.
    failing: Duration,
}

impl Patience {
    /// For what a sync depends on.
    pub(crate) const LONG: Patience =
        Patience { unreachable: Duration::from_secs(90), failing: Duration::from_secs(6) };
    /// For the first request to a cluster.
    pub(crate) const SHORT: Patience =
        Patience { unreachable: Duration::from_secs(6), failing: Duration::from_secs(6) };

    /// Whether a request that `error` answered is made again `after` the first one.
    pub(super) fn holds(self, error: &kube::Error, after: Duration) -> bool {
        let limit = match error {
            kube::Error::Api(status) if matches!(status.code, 429 | 503) => self.unreachable,
            kube::Error::Api(status) if matches!(status.code, 500 | 502 | 504) => self.failing,
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => self.unreachable,
            _ => return false,
        };
        after < limit
    }
}

/// Pauses between requests double up to this.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// An error with all that led to it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}
