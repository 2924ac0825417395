//! What servers would answer: given by a person, because nothing here asks them.

use serde_json::Value as Json;

/// The answers of servers, and the switches of the controller.
#[derive(Debug, Clone, Default)]
pub struct Fixtures {
    /// Whether what is not given is known to be absent: then its lack is an error, else it is not judged.
    pub strict: bool,
    /// Whether directories whose name begins with a dot count.
    pub hidden_directories: bool,
    /// Whether `*` in the globs of files stops at `/`.
    pub new_git_file_globbing: bool,
    /// `pullRequests`, `scm`, `plugins`, `decisionConfigMaps` and `decisionResources`.
    pub answers: Json,
}

impl Fixtures {
    /// Reads fixtures.
    pub fn from_json(answers: Json, strict: bool) -> Fixtures {
        let switch = |key: &str| answers.get(key).and_then(Json::as_bool).unwrap_or(false);
        Fixtures {
            strict,
            hidden_directories: switch("includeHiddenDirectories"),
            new_git_file_globbing: switch("newGitFileGlobbing"),
            answers,
        }
    }
}
