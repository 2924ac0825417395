//! What it costs to know every Application of a tree: roots found, ApplicationSets expanded, sources detected, without
//! what it costs to read the files and to render them.
//!
//! `cargo bench --bench expand -- TREE...` prints, for each tree, the CPU time of one thread: the best of several runs.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout, reason = "a program that prints a measurement")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tiphys::config::Config;
use tiphys::load::load;
use tiphys::render::{Output, Resource};
use tiphys::resolve::fixpoint::{self, Expanded, Stages};
use tiphys::resolve::source::detect;
use tiphys::resolve::stages::Renderers;
use tiphys::resolve::{Rendered, Target};
use tiphys::source::worktree;

const RUNS: usize = 5;

/// The renderers, and how long they took.
struct Timed<'r> {
    inner: Renderers<'r>,
    rendering: AtomicU64,
    expanding: AtomicU64,
}

/// How long the thread has run so far: other processes do not count. Thousands of targets are timed, so a reading must
/// cost next to nothing.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn timed<T>(into: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let start = now();
    let result = work();
    into.fetch_add(now().saturating_sub(start).as_nanos() as u64, Ordering::Relaxed);
    result
}

impl Stages for Timed<'_> {
    fn render(&self, target: &Target) -> Output {
        timed(&self.rendering, || self.inner.render(target))
    }

    fn observe(&self, roots: &[Rendered], applications: &[Rendered]) {
        self.inner.observe(roots, applications);
    }

    fn expand(&self, set: &Resource) -> Expanded {
        timed(&self.expanding, || self.inner.expand(set))
    }
}

fn main() {
    let trees: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    for tree in trees {
        pool.install(|| measure(&tree));
    }
}

fn measure(tree: &str) {
    let snapshot = Arc::new(worktree::read(Path::new(tree)).expect("a readable tree"));
    let start = now();
    let repository = load(snapshot);
    let reading = now().saturating_sub(start);
    let (config, _) = Config::load(&repository, None);
    let mut best: Option<[Duration; 3]> = None;
    let mut counts = (0, 0);
    for _ in 0..RUNS {
        let start = now();
        let stages = Timed {
            inner: Renderers::new(&repository, &config),
            rendering: AtomicU64::new(0),
            expanding: AtomicU64::new(0),
        };
        let found = fixpoint::run(&repository, &stages);
        for application in &found.resolved.applications {
            for source in application.sources() {
                std::hint::black_box(detect(&repository, stages.inner.identity(), application, source));
            }
        }
        let whole = now().saturating_sub(start);
        let of = |time: &AtomicU64| Duration::from_nanos(time.load(Ordering::Relaxed));
        let known = whole.saturating_sub(of(&stages.rendering));
        counts = (found.resolved.application_sets.len(), found.resolved.applications.len());
        if best.is_none_or(|[shortest, ..]| known < shortest) {
            best = Some([known, of(&stages.expanding), of(&stages.rendering)]);
        }
    }
    let [known, expanding, rendering] = best.unwrap_or_default();
    println!(
        "{tree}: {} ApplicationSets, {} Applications: {known:.1?}, of that {expanding:.1?} in generators and templates; \
         besides, {reading:.1?} parsing and {rendering:.1?} rendering",
        counts.0, counts.1
    );
}
