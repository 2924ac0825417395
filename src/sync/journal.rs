//! The journal: what was to be done, and how far it came, in SQLite.
//!
//! A task is written as begun before the cluster is asked, and as done or failed after it answered. A run that was
//! killed leaves tasks that are begun: they are done again, which is harmless, as applying is.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::SyncError;
use crate::plan::{Digest, Task};

/// The journal of one run.
pub struct Journal {
    connection: Connection,
    run: i64,
}

/// How far a task came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The cluster was asked.
    Begun,
    /// The cluster has it.
    Done,
    /// The cluster refused.
    Failed,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Begun => "begun",
            State::Done => "done",
            State::Failed => "failed",
        }
    }
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS runs (
        id INTEGER PRIMARY KEY,
        plan TEXT NOT NULL,
        began TEXT NOT NULL,
        ended TEXT,
        result TEXT
    );
    CREATE TABLE IF NOT EXISTS tasks (
        run INTEGER NOT NULL REFERENCES runs(id),
        cluster TEXT NOT NULL,
        position INTEGER NOT NULL,
        action TEXT NOT NULL,
        object TEXT NOT NULL,
        state TEXT NOT NULL,
        message TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (run, cluster, position)
    );
";

fn fault(error: rusqlite::Error) -> SyncError {
    SyncError::Journal(error.to_string())
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339()
}

impl Journal {
    /// Opens the journal at `path` and begins a run of `plan`; with `resume`, goes on with its last run that did not
    /// end well.
    ///
    /// # Errors
    /// When the file cannot be opened or is no journal.
    pub fn open(path: &Path, plan: &Digest, resume: bool) -> Result<Journal, SyncError> {
        let connection = Connection::open(path).map_err(fault)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(fault)?;
        // Whatever is written survives the death of the process. A power cut may take the last tasks with it; they are
        // then done again, which is harmless, and not worth a wait for the disk with each task.
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(fault)?;
        connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(fault)?;
        connection.execute_batch(SCHEMA).map_err(fault)?;
        let open: Option<i64> = if resume {
            connection
                .query_row(
                    "SELECT id FROM runs WHERE plan = ?1 AND (result IS NULL OR result <> 'done') ORDER BY id DESC LIMIT 1",
                    params![plan.to_string()],
                    |row| row.get(0),
                )
                .optional()
                .map_err(fault)?
        } else {
            None
        };
        let run = match open {
            Some(run) => run,
            None => {
                connection
                    .execute("INSERT INTO runs (plan, began) VALUES (?1, ?2)", params![plan.to_string(), now()])
                    .map_err(fault)?;
                connection.last_insert_rowid()
            }
        };
        Ok(Journal { connection, run })
    }

    /// Whether a task was done, in this run or before it was interrupted.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn is_done(&self, cluster: &str, position: usize) -> Result<bool, SyncError> {
        let state: Option<String> = self
            .connection
            .query_row(
                "SELECT state FROM tasks WHERE run = ?1 AND cluster = ?2 AND position = ?3",
                params![self.run, cluster, position as i64],
                |row| row.get(0),
            )
            .optional()
            .map_err(fault)?;
        Ok(state.as_deref() == Some(State::Done.as_str()))
    }

    /// Writes how far tasks came, all of them or none.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn record(&mut self, cluster: &str, entries: &[(usize, &Task, State, &str)]) -> Result<(), SyncError> {
        let transaction = self.connection.transaction().map_err(fault)?;
        for (position, task, state, message) in entries {
            let action = serde_json::to_value(task.action).unwrap_or_default();
            transaction
                .execute(
                    "INSERT INTO tasks (run, cluster, position, action, object, state, message, at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT (run, cluster, position) DO UPDATE SET state = ?6, message = ?7, at = ?8",
                    params![
                        self.run,
                        cluster,
                        *position as i64,
                        action.as_str().unwrap_or_default(),
                        task.object.to_string(),
                        state.as_str(),
                        message,
                        now()
                    ],
                )
                .map_err(fault)?;
        }
        transaction.commit().map_err(fault)
    }

    /// Writes how the run ended.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn end(&mut self, result: &str) -> Result<(), SyncError> {
        self.connection
            .execute("UPDATE runs SET ended = ?1, result = ?2 WHERE id = ?3", params![now(), result, self.run])
            .map_err(fault)?;
        Ok(())
    }

    /// How many tasks of the run came to `state`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn count(&self, state: State) -> Result<usize, SyncError> {
        let count: i64 = self
            .connection
            .query_row(
                "SELECT count(*) FROM tasks WHERE run = ?1 AND state = ?2",
                params![self.run, state.as_str()],
                |row| row.get(0),
            )
            .map_err(fault)?;
        Ok(usize::try_from(count).unwrap_or(0))
    }
}
