//! What is written of the revisions of an Application.

use rusqlite::{Connection, params};

/// What became of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was applied and became healthy.
    Good,
    /// It was not, and is not tried again.
    Bad,
}

impl Standing {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Good => "good",
            Standing::Bad => "bad",
        }
    }

    /// A standing by its word.
    pub fn named(name: &str) -> Option<Standing> {
        [Standing::Good, Standing::Bad].into_iter().find(|one| one.as_str() == name)
    }
}

/// One revision of an Application in one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The cluster, as the plan names it.
    pub cluster: String,
    /// `namespace/name`
    pub application: String,
    /// Counted up from 1.
    pub number: u64,
    /// Digest of what it deploys.
    pub content: String,
    /// The commit that it was rendered from; empty where there is no git.
    pub commit: String,
    /// What became of it.
    pub standing: Standing,
    /// Why it is bad; empty for good ones.
    pub reason: String,
    /// When it got there, as RFC 3339 has it.
    pub at: String,
}

pub(super) fn keep(
    connection: &mut Connection,
    revision: &Revision,
    objects: &[u8],
    limit: usize,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute(
        "INSERT OR REPLACE INTO revisions
         (cluster, application, number, content, commit_id, standing, reason, at, objects)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            revision.cluster,
            revision.application,
            i64::try_from(revision.number).unwrap_or(i64::MAX),
            revision.content,
            revision.commit,
            revision.standing.as_str(),
            revision.reason,
            revision.at,
            objects
        ],
    )?;
    transaction.execute(
        "DELETE FROM revisions WHERE cluster = ?1 AND application = ?2 AND standing = ?3 AND number NOT IN
         (SELECT number FROM revisions WHERE cluster = ?1 AND application = ?2 AND standing = ?3
          ORDER BY number DESC LIMIT ?4)",
        params![
            revision.cluster,
            revision.application,
            revision.standing.as_str(),
            i64::try_from(limit.max(1)).unwrap_or(i64::MAX)
        ],
    )?;
    transaction.commit()
}
