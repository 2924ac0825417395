//! What the processes that a bench started have cost.
#![allow(clippy::expect_used, reason = "a measurement ends where it cannot be taken")]

use std::time::Duration;

/// The CPU time of all children that have ended, as Linux counts it: in hundredths of a second.
pub(crate) fn children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name in brackets may hold spaces; cutime and cstime are the 14th and 15th field behind it.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks: u64 = [13, 14].iter().filter_map(|at| fields.get(*at)).filter_map(|text| text.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
