//! The journal: what was to be done, and how far it came, in SQLite.
//!
//! A run is one `tiphys sync`. For each Application in it there is an [`OperationRecord`] (one more for its rollback),
//! with the outcomes of its tasks, which is all that the state machine remembers; and every act, written before the
//! cluster is asked and again after it answered. Whatever was written survives the death of the process: with
//! `--resume` an operation goes on from its outcomes, and an act that was begun and not ended is looked up in the
//! cluster instead of being done twice.
//!
//! One process at a time writes a journal; the file beside it (`.lock`) is locked meanwhile.

mod revisions;
mod rows;
mod schema;

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

pub use revisions::{Revision, Standing};
pub use rows::{Begun, Entry, Kind, OperationRecord};

use super::SyncError;
use super::machine::Outcome;
use crate::plan::Digest;

/// The journal of one run.
pub struct Journal {
    connection: Mutex<Connection>,
    run: i64,
    holder: String,
    ended_well: bool,
    /// Locked while the journal is open.
    _lock: File,
}

/// What is remarked of an environment that was let through.
const APPROVED: &str = "approved";

fn fault(error: rusqlite::Error) -> SyncError {
    SyncError::Journal(error.to_string())
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A name that no other run has.
fn unique() -> Result<String, SyncError> {
    let mut bytes = [0_u8; 8];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| SyncError::Journal("there is no source of random numbers".to_owned()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Journal {
    /// Opens the journal at `path` and begins a run of `plan`; with `resume`, goes on with its last run, if there is one.
    ///
    /// # Errors
    /// When the file cannot be opened, is no journal, or another process writes it.
    pub fn open(path: &Path, plan: &Digest, resume: bool) -> Result<Journal, SyncError> {
        let (connection, lock) = open(path)?;
        let open: Option<(i64, String, bool)> = if resume {
            connection
                .query_row(
                    "SELECT id, holder, result IS 'done' FROM runs WHERE plan = ?1 ORDER BY id DESC LIMIT 1",
                    params![plan.to_string()],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()
                .map_err(fault)?
        } else {
            None
        };
        let (run, holder, ended_well) = match open {
            Some(open) => open,
            None => {
                let holder = unique()?;
                connection
                    .execute(
                        "INSERT INTO runs (plan, holder, began) VALUES (?1, ?2, ?3)",
                        params![plan.to_string(), holder, now()],
                    )
                    .map_err(fault)?;
                (connection.last_insert_rowid(), holder, false)
            }
        };
        Ok(Journal { connection: Mutex::new(connection), run, holder, ended_well, _lock: lock })
    }

    /// Whether the run that was taken up had ended well: its process may have died before anybody was told.
    pub fn has_ended_well(&self) -> bool {
        self.ended_well
    }

    /// By what name this run holds leases: the same when it is resumed.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record of an Application's operation in this run, made if there is none. A new one begins `now`.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub(super) fn operation(
        &self,
        cluster: &str,
        application: &str,
        kind: Kind,
        content: &Digest,
    ) -> Result<OperationRecord, SyncError> {
        rows::operation(&self.connection(), self.run, cluster, application, kind, content).map_err(fault)
    }

    /// Writes how far an operation is.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn advance(&self, operation: i64, state: &str, message: &str) -> Result<(), SyncError> {
        let sql = "UPDATE operations SET state = ?2, message = ?3, at = ?4 WHERE id = ?1";
        self.connection().execute(sql, params![operation, state, message, now()]).map_err(fault)?;
        Ok(())
    }

    /// The record of an Application's operation in this run, if there is one.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn existing(
        &self,
        cluster: &str,
        application: &str,
        kind: Kind,
    ) -> Result<Option<OperationRecord>, SyncError> {
        rows::existing(&self.connection(), self.run, cluster, application, kind).map_err(fault)
    }

    /// Whether this run has an operation of a kind.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn has(&self, kind: Kind) -> Result<bool, SyncError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM operations WHERE run = ?1 AND kind = ?2)";
        self.connection().query_row(sql, params![self.run, kind.as_str()], |row| row.get(0)).map_err(fault)
    }

    /// How many milliseconds ago an Application of this run was last synced well.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn last_success(&self) -> Result<Option<i64>, SyncError> {
        let sql = "SELECT max(at) FROM operations WHERE run = ?1 AND kind = 'sync' AND state = 'succeeded'";
        let at: Option<String> =
            self.connection().query_row(sql, params![self.run], |row| row.get(0)).map_err(fault)?;
        let at = at.and_then(|text| chrono::DateTime::parse_from_rfc3339(&text).ok());
        Ok(at.map(|at| (chrono::Utc::now() - at.to_utc()).num_milliseconds()))
    }

    /// Writes down that an environment was let through: who resumes the run need not approve it again.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn approve(&self, environment: &str) -> Result<(), SyncError> {
        if self.is_approved(environment)? { Ok(()) } else { self.remark("", environment, APPROVED) }
    }

    /// Whether an environment was let through in this run.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn is_approved(&self, environment: &str) -> Result<bool, SyncError> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM remarks WHERE run = ?1 AND cluster = '' AND application = ?2 AND text = ?3)";
        self.connection().query_row(sql, params![self.run, environment, APPROVED], |row| row.get(0)).map_err(fault)
    }

    /// Writes down something that a person decided.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn remark(&self, cluster: &str, application: &str, text: &str) -> Result<(), SyncError> {
        let sql = "INSERT INTO remarks (run, cluster, application, text, at) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.connection().execute(sql, params![self.run, cluster, application, text, now()]).map_err(fault)?;
        Ok(())
    }

    /// Forgets what came of an operation's tasks: it is tried anew.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn restart(&self, operation: i64) -> Result<(), SyncError> {
        rows::restart(&mut self.connection(), operation).map_err(fault)
    }

    /// Forgets what came of an operation's tasks: it is tried again, which is counted.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn retry(&self, operation: i64) -> Result<(), SyncError> {
        rows::retry(&mut self.connection(), operation).map_err(fault)
    }

    /// Whether anything was written or deleted by an operation, as far as is known.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn has_acted(&self, operation: i64) -> Result<bool, SyncError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM acts WHERE operation = ?1 AND state <> 'failed')";
        self.connection().query_row(sql, params![operation], |row| row.get(0)).map_err(fault)
    }

    /// What came of an operation's tasks.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn outcomes(&self, operation: i64) -> Result<Vec<Outcome>, SyncError> {
        rows::outcomes(&self.connection(), operation).map_err(fault)
    }

    /// Writes what came of tasks, all of them or none.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn note(&self, operation: i64, outcomes: &[Outcome]) -> Result<(), SyncError> {
        rows::note(&mut self.connection(), operation, outcomes).map_err(fault)
    }

    /// Writes acts that are about to be done, all of them or none; their numbers. They are on the disk when this returns,
    /// and with them all that was written before.
    ///
    /// # Errors
    /// When the journal cannot be written. Nothing may be done then.
    pub(super) fn intend(&self, operation: i64, acts: &[Entry<'_>]) -> Result<Vec<i64>, SyncError> {
        if acts.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.connection();
        connection.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
        let numbers = rows::intend(&mut connection, operation, acts).map_err(fault);
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(fault)?;
        numbers
    }

    /// Writes how acts ended: their numbers, and why they failed if they did.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn conclude(&self, acts: &[(i64, Option<String>)]) -> Result<(), SyncError> {
        rows::conclude(&mut self.connection(), acts).map_err(fault)
    }

    /// The acts of an operation of which nobody knows the end, and those of hooks that were done: what came of these may
    /// not have been noted.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn unsettled(&self, operation: i64) -> Result<Vec<Begun>, SyncError> {
        rows::unsettled(&self.connection(), operation).map_err(fault)
    }

    /// Writes that nobody will know how an act ended.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn leave(&self, act: i64) -> Result<(), SyncError> {
        rows::leave(&self.connection(), act).map_err(fault)
    }

    /// The keys of objects that an operation made: they were not there before.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn created(&self, operation: i64) -> Result<Vec<super::machine::Key>, SyncError> {
        rows::created(&self.connection(), operation).map_err(fault)
    }

    /// Notes a revision of an Application: its objects are kept until there are `limit` newer ones of the same standing.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn keep(&self, revision: &Revision, objects: &[u8], limit: usize) -> Result<(), SyncError> {
        revisions::keep(&mut self.connection(), revision, objects, limit).map_err(fault)
    }

    /// Writes how the run ended.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn end(&self, result: &str) -> Result<(), SyncError> {
        let sql = "UPDATE runs SET ended = ?1, result = ?2 WHERE id = ?3";
        self.connection().execute(sql, params![now(), result, self.run]).map_err(fault)?;
        Ok(())
    }
}

fn open(path: &Path) -> Result<(Connection, File), SyncError> {
    let shown = path.display();
    let beside = path.with_added_extension("lock");
    let lock = File::options()
        .create(true)
        .append(true)
        .open(&beside)
        .map_err(|error| SyncError::Journal(format!("{}: {error}", beside.display())))?;
    lock.try_lock().map_err(|_| SyncError::Journal(format!("{shown}: another process writes it")))?;
    // Before SQLite makes it: it holds what revisions deployed, Secrets among it.
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| SyncError::Journal(format!("{shown}: {error}")))?;
    let connection = Connection::open(path).map_err(fault)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(fault)?;
    // Whatever is written survives the death of the process. What has to survive a power cut is written with more care
    // (`intend`): that something was done may be forgotten, as it is then looked up; that it was begun may not.
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(fault)?;
    connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(fault)?;
    schema::create(&connection).map_err(|reason| SyncError::Journal(format!("{shown}: {reason}")))?;
    Ok((connection, lock))
}

#[cfg(test)]
mod tests;
