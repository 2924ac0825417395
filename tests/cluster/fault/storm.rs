//! A server that is overloaded, or meets other writers all the time, or whose answers get lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::harness::{CONFIG_MAP, Kind, control_plane};
use super::super::hooks::job;
use super::super::proxy::{Fault, Proxy};
use super::{count, waves};

const JOB: Kind = Kind("batch", "v1", "Job");

#[test]
fn a_storm_of_refusals_and_lost_answers_is_weathered() {
    let Some(plane) = control_plane() else { return };
    let repository = waves("storm", 12);
    let hook = "argocd.argoproj.io/hook: PreSync\n    argocd.argoproj.io/hook-delete-policy: BeforeHookCreation";
    repository.write("manifests/pre.yaml", &job("storm", "name: pre", hook, ""));
    let met: Arc<[AtomicUsize; 4]> = Arc::default();
    let seen = Arc::clone(&met);
    let proxy = Proxy::start(plane, move |asked| {
        let choice = match asked.number % 7 {
            1 | 4 => 0,
            2 if asked.writes() => 1,
            5 if asked.writes() => 2,
            6 => 3,
            _ => return Fault::None,
        };
        seen[choice].fetch_add(1, Ordering::Relaxed);
        match choice {
            0 => Fault::Answer(429, "TooManyRequests", "too many requests"),
            1 => Fault::Answer(409, "Conflict", "the object has been modified; please apply your changes to it"),
            2 => Fault::Lost,
            _ => Fault::Answer(503, "ServiceUnavailable", "the server is starting"),
        }
    });
    repository.plan(plane);
    let out = repository.sync_with(&proxy.front, &[]).ok();
    assert!(met.iter().all(|count| count.load(Ordering::Relaxed) > 2), "{met:?}");
    assert_eq!(count(plane, "storm"), 12);
    assert_eq!(plane.list(JOB, "storm").len(), 1, "{out}");
    // An answer that is lost is not an act that is repeated: each hook was made once.
    let made = plane.list(JOB, "storm")[0]["metadata"]["generation"].clone();
    assert_eq!(made, 1);
    let shown = repository.plan(plane);
    assert!(shown.contains("0 to create, 0 to apply"), "{shown}");
    assert!(plane.get(CONFIG_MAP, "storm", "m0").is_some());
}
