//! What building every kustomization of a tree costs in one process, against one process of kustomize for each.
//!
//! `cargo bench --bench kustomize -- TREE... [--peer 'kubectl kustomize']` prints, for each tree and for all, the wall
//! time and the CPU time of both, and their ratios. The peer's own work is its CPU time without that of as many starts on
//! a kustomization that holds next to nothing. Directories that either of the two refuses are left out.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout, reason = "a program that prints a measurement")]

mod best;
mod children;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use best::best;
use children::children;
use rayon::prelude::*;
use tiphys::load::{Repository, load_lazily};
use tiphys::render::kustomize::{Builds, Options, Overrides};
use tiphys::source::worktree;

const RUNS: usize = 3;

const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

#[derive(Clone, Copy, Default)]
struct Cost {
    targets: u32,
    /// One process, all threads.
    wall: Duration,
    /// One process, one thread.
    cpu: Duration,
    peer_wall: Duration,
    peer_cpu: Duration,
    /// The part of `peer_cpu` that is no process start.
    peer_work: Duration,
}

impl Cost {
    fn print(&self, name: &str) {
        let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64().max(1e-9);
        println!(
            "{name}: {} targets; wall {:.1?} against {:.1?}: {:.0} times; CPU {:.1?} against {:.1?} of its own work: {:.1} times",
            self.targets,
            self.wall,
            self.peer_wall,
            ratio(self.peer_wall, self.wall),
            self.cpu,
            self.peer_work,
            ratio(self.peer_work, self.cpu),
        );
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (mut trees, mut peer) = (Vec::new(), "kubectl kustomize".to_owned());
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--peer" => peer = rest.next().expect("a command after --peer"),
            _ => trees.push(argument),
        }
    }
    if trees.is_empty() {
        trees.push("examples/platform".to_owned());
    }
    let peer: Vec<&str> = peer.split_whitespace().collect();
    let start = started(&peer);
    println!("one start of {}: {start:.1?} of CPU", peer.join(" "));
    let mut all = Cost::default();
    for tree in &trees {
        let cost = measure(Path::new(tree), &peer, start);
        cost.print(tree);
        all.targets += cost.targets;
        all.wall += cost.wall;
        all.cpu += cost.cpu;
        all.peer_wall += cost.peer_wall;
        all.peer_cpu += cost.peer_cpu;
        all.peer_work += cost.peer_work;
    }
    if trees.len() > 1 {
        all.print("all");
    }
}

fn measure(tree: &Path, peer: &[&str], start: Duration) -> Cost {
    let tree = tree.canonicalize().expect("a tree that exists");
    let snapshot = Arc::new(worktree::read_all(&tree).expect("a readable tree"));
    let repository = load_lazily(Arc::clone(&snapshot));
    let mut targets: Vec<String> = snapshot
        .files()
        .filter_map(|(_, file)| {
            let (directory, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            NAMES.contains(&name).then(|| directory.to_owned())
        })
        .collect();
    targets.sort();
    targets.dedup();
    let mut cost = Cost::default();
    targets.retain(|target| {
        if build(&repository, std::slice::from_ref(target)) == 0 {
            return false;
        }
        let (wall, cpu, built) = ran(peer, &tree.join(target));
        if built {
            cost.peer_wall += wall;
            cost.peer_cpu += cpu;
            cost.peer_work += cpu.saturating_sub(start);
        }
        built
    });
    cost.targets = u32::try_from(targets.len()).unwrap_or(u32::MAX);
    // From the files on the disk to the text, as a process of its own would.
    let whole = || {
        let snapshot = worktree::read_all(&tree).expect("a readable tree");
        let repository = load_lazily(Arc::new(snapshot));
        std::hint::black_box(build(&repository, &targets));
    };
    cost.wall = best(RUNS, whole);
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread pool of one");
    cost.cpu = single.install(|| best(RUNS, whole));
    cost
}

/// How many of `targets` build, each written as `tiphys kustomize build` would.
fn build(repository: &Repository, targets: &[String]) -> usize {
    let builds = Builds::with(repository, Options { restrict: true, helm: false });
    targets
        .par_iter()
        .filter(|target| {
            let output = builds.build(target, &Overrides::none());
            let mut text = String::new();
            let written =
                output.resources.iter().all(|resource| tiphys::yaml::write(&resource.node, &mut text).is_ok());
            !output.failed && output.not_judged.is_empty() && written && !std::hint::black_box(text).is_empty()
        })
        .count()
}

/// What one start of the peer costs: the CPU time of a kustomization with one small object, the mean of twenty.
fn started(peer: &[&str]) -> Duration {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n";
    std::fs::write(directory.path().join("one.yaml"), object).expect("a file");
    std::fs::write(directory.path().join("kustomization.yaml"), "resources: [one.yaml]\n").expect("a file");
    (0..20).map(|_| ran(peer, directory.path()).1).sum::<Duration>() / 20
}

/// Wall time, CPU time and success of one run of the peer.
fn ran(peer: &[&str], directory: &Path) -> (Duration, Duration, bool) {
    let (name, arguments) = peer.split_first().expect("a command");
    let before = children();
    let start = Instant::now();
    let status = Command::new(name)
        .args(arguments)
        .arg(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the peer on the PATH");
    let wall = start.elapsed();
    (wall, children().saturating_sub(before), status.success())
}
