//! How much memory policies may take: what a policy builds up beyond it ends its evaluation.
//!
//! The allocator that regorus brings along counts what the whole process has.

/// What the policies of one run may have at once, in bytes, beside all that there was before.
const LARGEST: u64 = 1 << 30;

/// Sets the limit for the evaluations that follow.
pub(super) fn limit() {
    let before = regorus_mimalloc::global_allocation_stats_snapshot().allocated;
    regorus::set_global_memory_limit(Some(before.saturating_add(LARGEST)));
}

/// How regorus begins to say that the limit was reached.
pub(super) const EXCEEDED: &str = "execution exceeded memory limit";

/// What is said of a policy that reached the limit.
pub(super) fn said() -> String {
    format!("it takes more than {} MiB of memory", LARGEST >> 20)
}
