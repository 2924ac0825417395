//! `invalid-utf8`

use crate::check::World;
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::{FileId, Mark};
use crate::source::Content;

declare_rule! {
    /// Reports a manifest, template or policy with bytes that are not UTF-8.
    ///
    /// ## Why it matters
    /// kustomize, Helm and Argo CD refuse the file, and with it every Application that reads it.
    ///
    /// ## Example
    /// A file that an editor saved as Latin-1: `ü` is then the single byte FC.
    ///
    /// ## Instead
    /// Save the file as UTF-8.
    "invalid-utf8" = {
        summary: "not UTF-8",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (id, file) in world.repository.snapshot.files() {
        let Content::Binary(bytes) = &file.content else { continue };
        if !world.repository.is_read(id) {
            continue;
        }
        let at = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
        let message = match bytes.get(at) {
            Some(byte) => format!("byte {byte:02X} at offset {at} is not UTF-8"),
            None => "not UTF-8".to_owned(),
        };
        let help = match bytes.get(..2) {
            Some([0xFF, 0xFE] | [0xFE, 0xFF]) => "the file is UTF-16; save it as UTF-8",
            _ => "save the file as UTF-8",
        };
        findings.push(Finding::new(&RULE, place(id, bytes, at)).message(message).help(help));
    }
}

/// The place of the byte `at`; all before it is UTF-8.
fn place(file: FileId, bytes: &[u8], at: usize) -> Mark {
    let before = std::str::from_utf8(&bytes[..at]).unwrap_or_default();
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
    Mark { file, line, column, start: at as u32, end: at as u32 }
}
