use super::*;
use crate::sync::machine::{Key, Phase, State, Status};

fn key(name: &str) -> Key {
    Key { group: "batch".to_owned(), kind: "Job".to_owned(), namespace: "shop".to_owned(), name: name.to_owned() }
}

fn outcome(name: &str, state: State) -> Outcome {
    Outcome {
        key: key(name),
        phase: Phase::PreSync,
        hook: true,
        status: Some(Status::Synced),
        state: Some(state),
        message: String::new(),
        order: 0,
    }
}

#[test]
fn a_run_that_did_not_end_is_taken_up_with_all_that_is_known() {
    let directory = tempfile::tempdir().expect("a directory is made");
    let path = directory.path().join("journal.sqlite");
    let plan = Digest::of(b"plan");
    let journal = Journal::open(&path, &plan, false).expect("a journal is made");
    let record = journal.operation("c", "a", Kind::Sync, &plan).expect("it is written");
    let entry = Entry { verb: "apply", key: &key("pre"), phase: Phase::PreSync, hook: true, before: "" };
    let acts = journal.intend(record.id, &[entry]).expect("it is written");
    journal.note(record.id, &[outcome("pre", State::Running)]).expect("it is written");
    journal.note(record.id, &[outcome("pre", State::Succeeded)]).expect("it is written");
    let holder = journal.holder().to_owned();
    drop(journal);
    let journal = Journal::open(&path, &plan, true).expect("it is there");
    assert_eq!(journal.holder(), holder);
    let again = journal.operation("c", "a", Kind::Sync, &plan).expect("it is there");
    assert_eq!((again.id, again.started), (record.id, record.started));
    assert_eq!(journal.outcomes(record.id).expect("they are there"), [outcome("pre", State::Succeeded)]);
    let unsettled = || journal.unsettled(record.id).expect("they are there");
    assert_eq!(unsettled().iter().map(|act| (act.id, act.done)).collect::<Vec<_>>(), [(acts[0], false)]);
    journal.conclude(&[(acts[0], None)]).expect("it is written");
    assert_eq!(unsettled().iter().map(|act| (act.id, act.done)).collect::<Vec<_>>(), [(acts[0], true)]);
    journal.restart(record.id).expect("it is begun anew");
    assert!(unsettled().is_empty());
}

#[test]
fn the_count_of_retries_survives_and_ends_with_a_new_beginning() {
    let directory = tempfile::tempdir().expect("a directory is made");
    let path = directory.path().join("journal.sqlite");
    let plan = Digest::of(b"plan");
    let journal = Journal::open(&path, &plan, false).expect("a journal is made");
    let record = journal.operation("c", "a", Kind::Sync, &plan).expect("it is written");
    journal.note(record.id, &[outcome("pre", State::Failed)]).expect("it is written");
    journal.advance(record.id, "waiting", "refused").expect("it is written");
    drop(journal);
    let journal = Journal::open(&path, &plan, true).expect("it is there");
    let again = journal.operation("c", "a", Kind::Sync, &plan).expect("it is there");
    assert_eq!((again.state.as_str(), again.message.as_str(), again.retries), ("waiting", "refused", 0));
    journal.retry(record.id).expect("it is written");
    let again = journal.operation("c", "a", Kind::Sync, &plan).expect("it is there");
    assert_eq!((again.state.as_str(), again.retries, again.started), ("running", 1, record.started));
    assert!(journal.outcomes(record.id).expect("they are there").is_empty());
    journal.restart(record.id).expect("it is written");
    assert_eq!(journal.operation("c", "a", Kind::Sync, &plan).expect("it is there").retries, 0);
}

#[test]
fn a_run_that_ended_well_is_not_done_again() {
    let directory = tempfile::tempdir().expect("a directory is made");
    let path = directory.path().join("journal.sqlite");
    let plan = Digest::of(b"plan");
    let ended = |result: &str, resume: bool| {
        let journal = Journal::open(&path, &plan, resume).expect("a journal is made");
        let before = journal.has_ended_well();
        journal.end(result).expect("it is written");
        before
    };
    assert!(!ended("failed", true), "there was none");
    assert!(!ended("done", true), "it had failed");
    assert!(ended("done", true));
    assert!(!ended("done", false), "whoever does not resume does it again");
}

#[test]
fn a_journal_has_one_writer() {
    let directory = tempfile::tempdir().expect("a directory is made");
    let path = directory.path().join("journal.sqlite");
    let plan = Digest::of(b"plan");
    let first = Journal::open(&path, &plan, false).expect("a journal is made");
    assert!(Journal::open(&path, &plan, true).is_err());
    drop(first);
    assert!(Journal::open(&path, &plan, true).is_ok());
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_a_journal() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory is made");
    let path = directory.path().join("journal.sqlite");
    let _journal = Journal::open(&path, &Digest::of(b"plan"), false).expect("a journal is made");
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o077, 0);
}
