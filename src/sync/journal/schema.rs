//! The tables of a journal.

use rusqlite::Connection;

/// Counted up with every change of the tables.
const VERSION: i64 = 3;

const TABLES: &str = "
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        plan TEXT NOT NULL,
        holder TEXT NOT NULL,
        began TEXT NOT NULL,
        ended TEXT,
        result TEXT
    );
    CREATE TABLE operations (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs(id),
        cluster TEXT NOT NULL,
        application TEXT NOT NULL,
        kind TEXT NOT NULL,
        content TEXT NOT NULL,
        started INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        state TEXT NOT NULL,
        message TEXT NOT NULL,
        at TEXT NOT NULL,
        UNIQUE (run, cluster, application, kind)
    );
    CREATE TABLE outcomes (
        operation INTEGER NOT NULL REFERENCES operations(id),
        phase TEXT NOT NULL,
        api_group TEXT NOT NULL,
        kind TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        hook INTEGER NOT NULL,
        status TEXT,
        state TEXT,
        message TEXT NOT NULL,
        place INTEGER NOT NULL,
        PRIMARY KEY (operation, phase, api_group, kind, namespace, name)
    ) WITHOUT ROWID;
    CREATE TABLE acts (
        id INTEGER PRIMARY KEY,
        operation INTEGER NOT NULL REFERENCES operations(id),
        verb TEXT NOT NULL,
        phase TEXT NOT NULL,
        hook INTEGER NOT NULL,
        api_group TEXT NOT NULL,
        kind TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        before TEXT NOT NULL,
        state TEXT NOT NULL,
        message TEXT NOT NULL,
        began TEXT NOT NULL,
        ended TEXT
    );
    CREATE INDEX acts_of_operation ON acts (operation, state);
    CREATE TABLE remarks (
        run INTEGER NOT NULL REFERENCES runs(id),
        cluster TEXT NOT NULL,
        application TEXT NOT NULL,
        text TEXT NOT NULL,
        at TEXT NOT NULL
    );
    CREATE TABLE revisions (
        cluster TEXT NOT NULL,
        application TEXT NOT NULL,
        number INTEGER NOT NULL,
        content TEXT NOT NULL,
        commit_id TEXT NOT NULL,
        standing TEXT NOT NULL,
        reason TEXT NOT NULL,
        at TEXT NOT NULL,
        objects BLOB NOT NULL,
        PRIMARY KEY (cluster, application, number)
    ) WITHOUT ROWID;
";

/// Makes the tables where there are none.
pub(super) fn create(connection: &Connection) -> Result<(), String> {
    let text = |error: rusqlite::Error| error.to_string();
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(text)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).map_err(text)?;
    match (version, tables) {
        (VERSION, _) => Ok(()),
        (0, 0) => {
            let sql = format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
            connection.execute_batch(&sql).map_err(text)
        }
        _ => Err("it was written by another version of tiphys; name another file with --journal".to_owned()),
    }
}
