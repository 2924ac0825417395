//! The best time of several runs: what the machine does besides only ever adds to it.

use std::time::{Duration, Instant};

/// The shortest of `runs` runs.
pub(crate) fn best(runs: usize, mut run: impl FnMut()) -> Duration {
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}
