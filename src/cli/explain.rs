//! `tiphys explain` and `tiphys rules`

use std::io::{self, Write};
use std::path::PathBuf;

use super::{Failure, Status};
use crate::check::rego::PolicySet;
use crate::check::{RuleInfo, catalogue};
use crate::finding::nearest;
use crate::source::{Snapshot, worktree};

/// Arguments of `tiphys explain`.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// The rule: unmatched-patch-target
    #[arg(value_name = "RULE")]
    rule: String,
    #[command(flatten)]
    policies: PolicyArgs,
}

/// Arguments of `tiphys rules`.
#[derive(Debug, clap::Args)]
pub(super) struct RulesArgs {
    /// Print JSON: id, severity, profile, summary, policy and documentation of each
    #[arg(long)]
    json: bool,
    /// Print Markdown: a table of the rules, and the documentation of each
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    policies: PolicyArgs,
}

#[derive(Debug, clap::Args)]
struct PolicyArgs {
    /// A directory of Rego policies, besides those that are built in; may be repeated
    #[arg(long = "policy", value_name = "DIR")]
    directories: Vec<PathBuf>,
}

impl PolicyArgs {
    fn catalogue(&self) -> Result<Vec<RuleInfo>, Failure> {
        let mut snapshot = Snapshot::default();
        for directory in &self.directories {
            let read = worktree::read(directory).map_err(|error| Failure::Usage(error.to_string()))?;
            for (_, file) in read.files() {
                snapshot.add_external(format!("{}/{}", directory.display(), file.path), file.content.clone());
            }
        }
        Ok(catalogue(&PolicySet::load(&snapshot, &[]).0))
    }
}

/// Runs `tiphys explain`.
pub(super) fn explain(args: &ExplainArgs) -> Result<Status, Failure> {
    let rules = args.policies.catalogue()?;
    let Some(rule) = rules.iter().find(|rule| rule.id == args.rule) else {
        let near = nearest(&args.rule, rules.iter().map(|rule| rule.id.as_str()));
        let hint =
            near.map_or_else(|| "`tiphys rules` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Failure::Usage(format!("there is no rule `{}`; {hint}", args.rule)));
    };
    let from = rule.policy.as_ref().map(|path| format!(", policy {path}")).unwrap_or_default();
    print(&format!(
        "# {}\n\n{}: {} (profile {}{from})\n\n{}\n",
        rule.id,
        rule.severity.as_str(),
        rule.summary,
        rule.profile.as_str(),
        rule.doc.trim()
    ))
}

/// Runs `tiphys rules`.
pub(super) fn rules(args: &RulesArgs) -> Result<Status, Failure> {
    let rules = args.policies.catalogue()?;
    if args.json {
        let list: Vec<serde_json::Value> = rules
            .iter()
            .map(|rule| {
                serde_json::json!({
                    "id": rule.id,
                    "severity": rule.severity.as_str(),
                    "profile": rule.profile.as_str(),
                    "summary": rule.summary,
                    "policy": rule.policy,
                    "doc": rule.doc,
                })
            })
            .collect();
        return print(&format!("{:#}\n", serde_json::Value::Array(list)));
    }
    if args.markdown {
        return print(&markdown(&rules));
    }
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in &rules {
        let (severity, profile) = (rule.severity.as_str(), rule.profile.as_str());
        text.push_str(&format!("{:width$}  {severity:7}  {profile:11}  {}\n", rule.id, rule.summary));
    }
    print(&text)
}

/// A page of all rules: `docs/rules.md`.
fn markdown(rules: &[RuleInfo]) -> String {
    let mut text = String::from(
        "# Rules\n\nWritten by `tiphys rules --markdown`. A profile includes those before it: recommended (the default), \
         strict, seed.\n\n| rule | severity | profile | reports |\n|---|---|---|---|\n",
    );
    for rule in rules {
        let (severity, profile) = (rule.severity.as_str(), rule.profile.as_str());
        text.push_str(&format!("| [{0}](#{0}) | {severity} | {profile} | {1} |\n", rule.id, rule.summary));
    }
    for rule in rules {
        let from = rule.policy.as_ref().map(|path| format!(", policy `{path}`")).unwrap_or_default();
        let doc: Vec<String> = rule.doc.trim().lines().map(heading_below).collect();
        let (severity, profile) = (rule.severity.as_str(), rule.profile.as_str());
        text.push_str(&format!("\n## {}\n\n{severity}, profile {profile}{from}\n\n{}\n", rule.id, doc.join("\n")));
    }
    text
}

/// A line of a rule's documentation without the space that a doc comment begins with, headings one level down.
fn heading_below(line: &str) -> String {
    let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
    match line.strip_prefix("## ") {
        Some(heading) => format!("### {heading}"),
        None => line.to_owned(),
    }
}

fn print(text: &str) -> Result<Status, Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Internal(format!("standard output: {error}")))
        }
        _ => Ok(Status::Clean),
    }
}
