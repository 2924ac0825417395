//! Against a real control plane: what a plan does to a cluster, as the cluster tells it.
//!
//! One control plane serves every test of the run (see [`harness`]); each test has an Application and a namespace of its
//! own. Without Go, and without a control plane that was built before, these tests say that they are skipped; with
//! `TIPHYS_REQUIRE_CLUSTER=1` they fail.

mod agreement;
mod clusters;
mod crash;
mod deletion;
mod execution;
mod fault;
mod harness;
mod hooks;
mod journal;
mod order;
mod plan;
mod platform;
mod proxy;
mod refusal;
mod registry;
mod repository;
mod rollback;
mod rollout;
mod serve;
mod sync;
