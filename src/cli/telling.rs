//! What a person sees while clusters are changed: a line for each thing that happens, on a terminal how far it is, and at
//! the end what changed, what was waited for, and what failed. Or the same as JSON, one event a line.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::sync::Event;

/// How progress is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Telling {
    /// A line for each object.
    Text,
    /// A line of JSON for each event.
    Json,
}

/// Tells events, and remembers what the summary needs.
pub(super) struct Teller {
    telling: Telling,
    bar: ProgressBar,
    began: Instant,
    /// How many objects were written or deleted, by what was done.
    acts: BTreeMap<&'static str, usize>,
    healthy: usize,
    failed: BTreeMap<String, String>,
    back: usize,
    /// What each Application waits for, and since when.
    waiting: BTreeMap<String, (String, Instant)>,
    /// The longest wait of each Application.
    waited: BTreeMap<String, (Duration, String)>,
}

/// Shorter waits are not worth a word.
const WORTH_TELLING: Duration = Duration::from_secs(2);
/// How many waits the summary names.
const WAITS: usize = 3;

impl Teller {
    /// Begins to tell of `applications` Applications.
    pub(super) fn new(telling: Telling, applications: usize) -> Teller {
        let bar = ProgressBar::new(applications as u64);
        if telling == Telling::Json || !io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} Applications {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Teller {
            telling,
            bar,
            began: Instant::now(),
            acts: BTreeMap::new(),
            healthy: 0,
            failed: BTreeMap::new(),
            back: 0,
            waiting: BTreeMap::new(),
            waited: BTreeMap::new(),
        }
    }

    /// Tells `event`.
    pub(super) fn tell(&mut self, event: &Event) {
        self.remember(event);
        if self.telling == Telling::Json {
            line(&serde_json::to_string(event).unwrap_or_default());
        } else if !matches!(event, Event::Measured { acts: 0, .. }) {
            // The line about how far it is would be torn apart.
            self.bar.suspend(|| line(&text(event)));
        }
    }

    fn remember(&mut self, event: &Event) {
        match event {
            Event::Act { verb, error: None, .. } => *self.acts.entry(done(verb)).or_default() += 1,
            Event::Waiting { application, message, .. } => {
                self.end_wait(application);
                self.waiting.insert(application.clone(), (message.clone(), Instant::now()));
                self.bar.set_message(format!("{application}: {message}"));
            }
            Event::Healthy { application, .. } => {
                self.end_wait(application);
                self.healthy += 1;
                self.bar.inc(1);
            }
            Event::Failed { application, message, .. } => {
                self.end_wait(application);
                self.failed.insert(application.clone(), message.clone());
                self.bar.inc(1);
            }
            Event::RolledBack { .. } => self.back += 1,
            Event::Deleted { application, .. } => {
                self.end_wait(application);
                self.bar.inc(1);
            }
            _ => {}
        }
    }

    fn end_wait(&mut self, application: &str) {
        let Some((message, since)) = self.waiting.remove(application) else { return };
        let took = since.elapsed();
        let longest = self.waited.entry(application.to_owned()).or_default();
        if took > longest.0 {
            *longest = (took, message);
        }
    }

    /// Tells what came of it all.
    pub(super) fn finish(mut self) {
        self.bar.finish_and_clear();
        for application in self.waiting.keys().cloned().collect::<Vec<_>>() {
            self.end_wait(&application);
        }
        let seconds = (self.began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        if self.telling == Telling::Json {
            let summary = json!({"event": "summary", "acts": self.acts, "healthy": self.healthy, "failed": self.failed,
                "rolledback": self.back, "seconds": seconds});
            return line(&summary.to_string());
        }
        let mut waits: Vec<_> = self.waited.iter().filter(|(_, (took, _))| *took >= WORTH_TELLING).collect();
        waits.sort_by_key(|(_, (took, _))| std::cmp::Reverse(*took));
        for (application, (took, message)) in waits.into_iter().take(WAITS) {
            line(&format!("{application} waited {:.1} s: {message}", took.as_secs_f64()));
        }
        let mut parts: Vec<String> = self.acts.iter().map(|(done, count)| format!("{count} {done}")).collect();
        if parts.is_empty() {
            parts.push("nothing changed".to_owned());
        }
        let mut ends = vec![format!("{} healthy", self.healthy)];
        if !self.failed.is_empty() {
            ends.push(format!("{} failed", self.failed.len()));
        }
        if self.back > 0 {
            ends.push(format!("{} rolled back", self.back));
        }
        line(&format!("{} in {seconds:.1} s; Applications: {}", parts.join(", "), ends.join(", ")));
    }
}

/// Writes a line. A reader that has gone does not stop the sync.
fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

fn text(event: &Event) -> String {
    match event {
        Event::Act { object, error: Some(error), .. } => format!("failed {object}: {error}"),
        Event::Act { verb, object, .. } => format!("{} {object}", done(verb)),
        Event::Conflict { object, source, message, .. } => format!("took over {source}: {object}: {message}"),
        Event::Waiting { application, message, .. } => format!("waiting {application}: {message}"),
        Event::Measured { application, operation, dry_run, apply, health, .. } => {
            let of = if application.is_empty() { "what is needed first" } else { application };
            let [dry_run, apply, health] = [dry_run, apply, health].map(Duration::as_secs_f64);
            format!("{operation} {of}: tried in {dry_run:.1} s, applied in {apply:.1} s, healthy after {health:.1} s")
        }
        Event::Ended { cluster, requests, after } => {
            format!("{cluster}: {requests} requests in {:.1} s", after.as_secs_f64())
        }
        Event::Healthy { application, objects, after, .. } => {
            format!("healthy {application}: {objects} objects after {:.1} s", after.as_secs_f64())
        }
        Event::Failed { application, message, .. } => format!("failed {application}: {message}"),
        Event::Gate { environment, message } => format!("environment {environment} {message}"),
        Event::Drift { message, .. } => format!("replanned {message}"),
        Event::TakenOver { application, object, reason, .. } => {
            format!("taking over {object} for {application}: {reason}")
        }
        Event::Retrying { application, attempt, after, message, refresh, .. } => {
            let kept = if *refresh { ", of the plan's revision" } else { "" };
            let seconds = after.as_secs_f64();
            format!("retrying {application}: attempt {attempt} after {seconds:.1} s{kept}: {message}")
        }
        Event::Deleted { application, after, .. } => {
            format!("deleted {application}: after {:.1} s", after.as_secs_f64())
        }
        Event::RolledBack { application, revision, after, .. } => {
            format!("rolled back {application}: revision {revision}, after {:.1} s", after.as_secs_f64())
        }
    }
}

/// What was done, in the past.
fn done(verb: &str) -> &'static str {
    match verb {
        "create" => "created",
        "replace" | "update" => "replaced",
        "delete" => "deleted",
        "prune" => "pruned",
        "release" => "released",
        _ => "applied",
    }
}
