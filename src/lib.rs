//! Reads a whole Argo CD GitOps repository the way a compiler reads a program.
//!
//! It renders everything that would be deployed, proves it against schemas, policies and cross-references, says what is
//! wrong at the line a person wrote, and hands only what passed to a sync executor.
//!
//! # The pipeline
//!
//! ```text
//! source   worktree, git revision, memory      -> Snapshot
//! load     Snapshot                            -> Repository       files classified and parsed, once
//! resolve  Repository                          -> Targets          Applications to a fixpoint, sets expanded
//! render   Target                              -> Output           resources, each value with its origin
//! check    Repository, Resolved, Rendered      -> Checked          schemas, policies, rules, waivers
//! report   Checked                             -> text, JSON, SARIF, ...
//! approve  Checked                             -> Approved         only without blocking findings
//! plan     Approved                            -> Plan             waves, tasks, digest
//! sync     Plan, cluster                       -> Journal
//! ```
//!
//! [`run`] puts the stages together.
//!
//! # Invariants
//!
//! 1. `load` to `plan` are pure over their inputs: no network, clock, environment or child process.
//! 2. A stage never gives up on the repository: it returns its output and its findings.
//! 3. Three outcomes, never mixed: a *finding* (the repository is wrong), *not judged* (it could not be evaluated),
//!    an *error* (tiphys itself failed).
//! 4. Every rendered value has an origin; every finding of `check` has file, line and column.
//! 5. Same snapshot, same bytes out, at any number of threads.
//! 6. Work is memoised by the content it read: a file is parsed once, a base accumulated once, a chart compiled once.
//! 7. Only `report` knows SARIF and miette, only `sync` and `serve` know the kube client, only `cli` knows clap.
//! 8. Input is hostile: sizes, depths, alias expansion, template steps and recursion have limits with a clear finding;
//!    no path leaves the repository; values of Secrets are never printed.

pub mod check;
pub mod cli;
pub mod config;
pub mod finding;
pub mod fix;
mod glob;
pub mod graph;
pub mod health;
pub mod load;
pub mod origin;
pub mod plan;
pub mod render;
pub mod report;
pub mod resolve;
pub mod run;
pub mod schema;
pub mod serve;
pub mod source;
pub mod sync;
pub mod waiver;
pub mod yaml;
