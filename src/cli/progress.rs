//! What is going on, for a person who waits at a terminal: a line on the standard error that is gone at the end.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line. It is not drawn unless the standard error is a terminal, and not before a moment has passed.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Begins with the stage `stage`.
    pub(super) fn new(stage: &'static str) -> Progress {
        let bar = ProgressBar::new_spinner();
        if !io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(stage);
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar }
    }

    /// Goes on with the stage `stage`.
    pub(super) fn stage(&self, stage: &'static str) {
        self.bar.set_message(stage);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
