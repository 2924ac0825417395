//! `committed-token`

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::check::World;
use crate::check::tokens::{Token, tokens};
use crate::finding::{Check, Finding, declare_rule};
use crate::origin::{FileId, Mark};
use crate::yaml::{Node, Value};

declare_rule! {
    /// Reports a token, private key or password that is known by its form in a file that is deployed: keys of AWS, Google,
    /// GitHub, GitLab, Slack, Stripe and others, private keys in PEM, tokens of JWT, URLs with a password. Data of Secrets
    /// are decoded. The value is not printed.
    ///
    /// ## Why it matters
    /// Who may read the repository, or ever could, has the credential; it stays in the history.
    ///
    /// ## Example
    /// ```yaml
    /// env:
    /// - name: GITHUB
    ///   value: ghp_0123456789abcdefghijklmnopqrstuvwxyz
    /// ```
    ///
    /// ## Instead
    /// Revoke it. Keep the new one in a secret store, and take it from there with an ExternalSecret or a SealedSecret.
    "committed-token" = {
        summary: "a token in plain text",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let snapshot = &world.repository.snapshot;
    let files: BTreeSet<FileId> =
        world.rendered.iter().flat_map(|rendered| rendered.output.used.iter().copied()).collect();
    for file in files {
        let Some(text) = snapshot.text(file) else { continue };
        for Token { what, start, end } in tokens(text) {
            findings.push(report(what, mark(file, text, start, end)));
        }
        if !world.repository.is_yaml(file) {
            continue;
        }
        for document in world.repository.yaml(file).map_or(&[][..], |yaml| &yaml.documents) {
            if document.root.str_at(&["kind"]) == Some("Secret") {
                let data = document.root.get("data").map(Node::entries).unwrap_or_default();
                for entry in data {
                    if let Value::Scalar(scalar) = &entry.value.value
                        && let Some(what) = decoded(&scalar.text)
                    {
                        findings.push(report(what, entry.key.mark()));
                    }
                }
            }
        }
    }
}

/// What the base64 of `text` holds.
fn decoded(text: &str) -> Option<&'static str> {
    let joined: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD.decode(joined).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    tokens(&text).first().map(|token| token.what)
}

fn report(what: &str, mark: Mark) -> Finding {
    Finding::new(&RULE, mark)
        .message(format!("{what} stands in the repository"))
        .help("revoke it, and take the new one from a secret store")
}

fn mark(file: FileId, text: &str, start: usize, end: usize) -> Mark {
    let before = &text[..start];
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    let column = text[begin..start].chars().count() + 1;
    Mark { file, line: line as u32, column: column as u32, start: start as u32, end: end as u32 }
}
