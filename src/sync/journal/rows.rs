//! What is written of operations, their tasks and their acts.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::now;
use crate::plan::Digest;
use crate::sync::machine::{Key, Outcome, Phase, State, Status};

/// What an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To what the plan says.
    Sync,
    /// Back to the last good revision.
    Rollback,
    /// To nothing.
    Delete,
    /// Back to the last good revision, though it was synced well: others of its rollout failed.
    Withdrawal,
}

impl Kind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Sync => "sync",
            Kind::Rollback => "rollback",
            Kind::Delete => "delete",
            Kind::Withdrawal => "withdrawal",
        }
    }
}

/// An operation as it was written.
#[derive(Debug, Clone)]
pub struct OperationRecord {
    /// Its number.
    pub id: i64,
    /// When it began, in seconds since 1970.
    pub started: i64,
    /// How often it was tried again since it was begun.
    pub retries: i64,
    /// `running`, `healing` (applied, and not healthy yet), `succeeded`, `failed`, or `waiting` (failed, and to be tried
    /// again).
    pub state: String,
    /// Why.
    pub message: String,
    /// When that was written, as RFC 3339 has it.
    pub at: String,
}

/// An act that is about to be done.
#[derive(Debug)]
pub struct Entry<'a> {
    /// `apply`
    pub verb: &'static str,
    /// The object.
    pub key: &'a Key,
    /// The phase of its task.
    pub phase: Phase,
    /// Whether it is a hook.
    pub hook: bool,
    /// The uid of the object that is there; empty if there is none.
    pub before: &'a str,
}

/// An act that a resumed run has to know of.
#[derive(Debug)]
pub struct Begun {
    /// Its number.
    pub id: i64,
    /// `apply`
    pub verb: String,
    /// The object.
    pub key: Key,
    /// The phase of its task.
    pub phase: Phase,
    /// Whether it is a hook.
    pub hook: bool,
    /// The uid of the object that was there before; empty if there was none.
    pub before: String,
    /// Whether it was done; otherwise nobody knows.
    pub done: bool,
}

pub(super) fn operation(
    connection: &Connection,
    run: i64,
    cluster: &str,
    application: &str,
    kind: Kind,
    content: &Digest,
) -> rusqlite::Result<OperationRecord> {
    if let Some(found) = existing(connection, run, cluster, application, kind)? {
        return Ok(found);
    }
    let (started, at) = (chrono::Utc::now().timestamp(), now());
    connection.execute(
        "INSERT INTO operations (run, cluster, application, kind, content, started, attempt, state, message, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 'running', '', ?7)",
        params![run, cluster, application, kind.as_str(), content.to_string(), started, at],
    )?;
    let id = connection.last_insert_rowid();
    Ok(OperationRecord { id, started, retries: 0, state: "running".to_owned(), message: String::new(), at })
}

pub(super) fn existing(
    connection: &Connection,
    run: i64,
    cluster: &str,
    application: &str,
    kind: Kind,
) -> rusqlite::Result<Option<OperationRecord>> {
    let read = |row: &Row<'_>| {
        Ok(OperationRecord {
            id: row.get(0)?,
            started: row.get(1)?,
            retries: row.get(2)?,
            state: row.get(3)?,
            message: row.get(4)?,
            at: row.get(5)?,
        })
    };
    connection
        .query_row(
            "SELECT id, started, attempt, state, message, at FROM operations
             WHERE run = ?1 AND cluster = ?2 AND application = ?3 AND kind = ?4",
            params![run, cluster, application, kind.as_str()],
            read,
        )
        .optional()
}

/// Begins an operation anew, as if it had never been tried.
pub(super) fn restart(connection: &mut Connection, operation: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute(
        "UPDATE operations SET attempt = 0, started = ?2, state = 'running', message = '', at = ?3 WHERE id = ?1",
        params![operation, chrono::Utc::now().timestamp(), now()],
    )?;
    forget(&transaction, operation)?;
    transaction.commit()
}

/// Tries an operation again, and counts it. It is the same operation: hooks keep the names that they get in it.
pub(super) fn retry(connection: &mut Connection, operation: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute(
        "UPDATE operations SET attempt = attempt + 1, state = 'running', message = '', at = ?2 WHERE id = ?1",
        params![operation, now()],
    )?;
    forget(&transaction, operation)?;
    transaction.commit()
}

fn forget(transaction: &Connection, operation: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM outcomes WHERE operation = ?1", params![operation])?;
    let sql = "UPDATE acts SET state = 'forgotten' WHERE operation = ?1 AND state IN ('begun', 'done')";
    transaction.execute(sql, params![operation])?;
    Ok(())
}

fn key(row: &Row<'_>, first: usize) -> rusqlite::Result<Key> {
    Ok(Key {
        group: row.get(first)?,
        kind: row.get(first + 1)?,
        namespace: row.get(first + 2)?,
        name: row.get(first + 3)?,
    })
}

fn phase(row: &Row<'_>, column: usize) -> rusqlite::Result<Phase> {
    let text: String = row.get(column)?;
    Ok(Phase::named(&text).unwrap_or(Phase::Sync))
}

pub(super) fn outcomes(connection: &Connection, operation: i64) -> rusqlite::Result<Vec<Outcome>> {
    let mut statement = connection.prepare_cached(
        "SELECT api_group, kind, namespace, name, phase, hook, status, state, message, place
         FROM outcomes WHERE operation = ?1 ORDER BY place",
    )?;
    let rows = statement.query_map(params![operation], |row| {
        let status: Option<String> = row.get(6)?;
        let state: Option<String> = row.get(7)?;
        let place: i64 = row.get(9)?;
        Ok(Outcome {
            key: key(row, 0)?,
            phase: phase(row, 4)?,
            hook: row.get(5)?,
            status: status.as_deref().and_then(Status::named),
            state: state.as_deref().and_then(State::named),
            message: row.get(8)?,
            order: usize::try_from(place).unwrap_or(0),
        })
    })?;
    rows.collect()
}

pub(super) fn note(connection: &mut Connection, operation: i64, outcomes: &[Outcome]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut statement = transaction.prepare_cached(
            "INSERT OR REPLACE INTO outcomes
             (operation, phase, api_group, kind, namespace, name, hook, status, state, message, place)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        for outcome in outcomes {
            let Key { group, kind, namespace, name } = &outcome.key;
            statement.execute(params![
                operation,
                outcome.phase.as_str(),
                group,
                kind,
                namespace,
                name,
                outcome.hook,
                outcome.status.map(Status::as_str),
                outcome.state.map(State::as_str),
                outcome.message,
                i64::try_from(outcome.order).unwrap_or(i64::MAX),
            ])?;
        }
    }
    transaction.commit()
}

pub(super) fn intend(connection: &mut Connection, operation: i64, acts: &[Entry<'_>]) -> rusqlite::Result<Vec<i64>> {
    let transaction = connection.transaction()?;
    let mut numbers = Vec::with_capacity(acts.len());
    {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO acts
             (operation, verb, phase, hook, api_group, kind, namespace, name, before, state, message, began)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'begun', '', ?10)",
        )?;
        let now = now();
        for act in acts {
            let Key { group, kind, namespace, name } = act.key;
            statement.execute(params![
                operation,
                act.verb,
                act.phase.as_str(),
                act.hook,
                group,
                kind,
                namespace,
                name,
                act.before,
                now
            ])?;
            numbers.push(transaction.last_insert_rowid());
        }
    }
    transaction.commit()?;
    Ok(numbers)
}

pub(super) fn conclude(connection: &mut Connection, acts: &[(i64, Option<String>)]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut statement =
            transaction.prepare_cached("UPDATE acts SET state = ?2, message = ?3, ended = ?4 WHERE id = ?1")?;
        let now = now();
        for (act, failure) in acts {
            let state = if failure.is_none() { "done" } else { "failed" };
            statement.execute(params![act, state, failure.as_deref().unwrap_or_default(), now])?;
        }
    }
    transaction.commit()
}

pub(super) fn leave(connection: &Connection, act: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE acts SET state = 'forgotten', ended = ?2 WHERE id = ?1";
    connection.execute(sql, params![act, now()])?;
    Ok(())
}

pub(super) fn unsettled(connection: &Connection, operation: i64) -> rusqlite::Result<Vec<Begun>> {
    let mut statement = connection.prepare_cached(
        "SELECT api_group, kind, namespace, name, id, verb, phase, hook, before, state = 'done'
         FROM acts WHERE operation = ?1 AND (state = 'begun' OR (state = 'done' AND hook)) ORDER BY id",
    )?;
    let rows = statement.query_map(params![operation], |row| {
        Ok(Begun {
            key: key(row, 0)?,
            id: row.get(4)?,
            verb: row.get(5)?,
            phase: phase(row, 6)?,
            hook: row.get(7)?,
            before: row.get(8)?,
            done: row.get(9)?,
        })
    })?;
    rows.collect()
}

pub(super) fn created(connection: &Connection, operation: i64) -> rusqlite::Result<Vec<Key>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT api_group, kind, namespace, name FROM acts
         WHERE operation = ?1 AND NOT hook AND before = '' AND state <> 'failed'
         AND verb IN ('apply', 'create', 'replace', 'update')",
    )?;
    let rows = statement.query_map(params![operation], |row| key(row, 0))?;
    rows.collect()
}
