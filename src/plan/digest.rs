//! Digests: of plans, of rendered objects and of the files that they come from.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::check::Checked;
use crate::load::Class;
use crate::origin::FileId;
use crate::source::Content;

/// A SHA-256 digest in lower-case hexadecimal, `sha256:` before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest::finish(Sha256::new_with_prefix(bytes))
    }

    fn finish(hash: Sha256) -> Digest {
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in hash.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        Digest(text)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// JSON with sorted keys and without spaces: the same value has the same bytes.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    // A vector takes everything, and keys are text.
    let _ = write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, key)?;
                out.push(b':');
                write_canonical(value, out)?;
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(item, out)?;
            }
            out.push(b']');
        }
        scalar => serde_json::to_writer(&mut *out, scalar)?,
    }
    Ok(())
}

/// The digest of every file that takes part in what is rendered: everything that is YAML, a chart, a policy or the
/// configuration, and whatever a renderer read besides. Other files (a README, the plan itself) may change.
pub fn of_inputs(checked: &Checked) -> Digest {
    let repository = checked.repository();
    let used: BTreeSet<FileId> =
        checked.rendered().iter().flat_map(|rendered| rendered.output.used.iter().copied()).collect();
    let mut hash = Sha256::new();
    for (id, file) in repository.snapshot.files() {
        if repository.class(id) == Class::Other && !used.contains(&id) {
            continue;
        }
        let content: &[u8] = match &file.content {
            Content::Text(text) => text.as_bytes(),
            Content::Binary(bytes) => bytes,
            Content::Link(target) => target.as_bytes(),
            Content::TooLarge(_) | Content::Unreadable(_) | Content::Outside(_) => &[],
        };
        hash.update((file.path.len() as u64).to_le_bytes());
        hash.update(file.path.as_bytes());
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    Digest::finish(hash)
}
