//! How long a request is repeated when the server cannot answer it now.

use std::time::{Duration, Instant};

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

    /// Makes a request until it is answered. Every request here may be repeated.
    pub(super) async fn ask<T>(self, request: impl AsyncFn() -> kube::Result<T>) -> kube::Result<T> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(100);
        loop {
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let limit = match &error {
                kube::Error::Api(status) if matches!(status.code, 429 | 503) => self.unreachable,
                kube::Error::Api(status) if matches!(status.code, 500 | 502 | 504) => self.failing,
                kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => self.unreachable,
                _ => return Err(error),
            };
            if began.elapsed() + pause > limit {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(3));
        }
    }
}

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
