//! How much memory policies may take: what a policy builds up beyond it ends its evaluation.
//!
//! The allocator that regorus brings along counts what the whole process has, so evaluations side by side share one
//! limit. One that reaches it is asked again [`alone`], with the whole limit to itself: what others take never makes a
//! policy unjudged.

use std::sync::{PoisonError, RwLock};

/// What policies may have at once, in bytes, beside all that there was before.
const LARGEST: u64 = 1 << 30;

/// Held by each evaluation; by one alone where it must not count what others take.
static EVALUATIONS: RwLock<()> = RwLock::new(());

/// Sets the limit for the evaluations that follow.
pub(super) fn limit() {
    let before = regorus_mimalloc::global_allocation_stats_snapshot().allocated;
    regorus::set_global_memory_limit(Some(before.saturating_add(LARGEST)));
}

/// Evaluates beside others.
pub(super) fn together<T>(evaluate: impl FnOnce() -> T) -> T {
    let _shared = EVALUATIONS.read().unwrap_or_else(PoisonError::into_inner);
    evaluate()
}

/// Evaluates when no other evaluation goes on, with a limit of its own.
pub(super) fn alone<T>(evaluate: impl FnOnce() -> T) -> T {
    let _exclusive = EVALUATIONS.write().unwrap_or_else(PoisonError::into_inner);
    limit();
    evaluate()
}

/// How regorus begins to say that the limit was reached.
pub(super) const EXCEEDED: &str = "execution exceeded memory limit";

/// What is said of a policy that reached the limit.
pub(super) fn said() -> String {
    format!("it takes more than {} MiB of memory", LARGEST >> 20)
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::{Problem, add_policy, engine};
    use super::*;

    #[test]
    fn what_others_took_does_not_count_against_a_policy_that_is_asked_alone() {
        let mut engine = engine();
        let policy = "package main\nimport rego.v1\nfound := [n | some n in numbers.range(1, 5000)]\n";
        add_policy(&mut engine, "a.rego", policy).expect("it compiles");
        let mut ask = || engine.eval_rule("data.main.found".to_owned()).map_err(|error| Problem::of(&error).message);
        let ballast = alone(|| {
            let ballast = vec![0u8; usize::try_from(LARGEST).expect("64 bits")];
            assert_eq!(ask(), Err(said()));
            ballast
        });
        assert!(alone(&mut ask).is_ok());
        drop(ballast);
        limit();
    }
}
