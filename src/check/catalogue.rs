//! Everything that is known of every rule, in Rust or in Rego: what `tiphys rules` and `tiphys explain` print.

use super::rego::PolicySet;
use super::rules;
use crate::finding::{Profile, Severity};

/// What a rule says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// The defect's name.
    pub id: String,
    /// What it reports, in a few words.
    pub summary: String,
    /// The documentation: Markdown.
    pub doc: String,
    /// The severity of its findings, unless one says otherwise.
    pub severity: Severity,
    /// The narrowest profile that includes it.
    pub profile: Profile,
    /// The policy's file, for a rule in Rego.
    pub policy: Option<String>,
}

/// All rules, by id. `policies` are those that are in force.
pub fn catalogue(policies: &PolicySet) -> Vec<RuleInfo> {
    let rust = rules::all().iter().map(|rule| RuleInfo {
        id: rule.id.to_owned(),
        summary: rule.summary.to_owned(),
        // The lines of a doc comment begin with a blank.
        doc: rule
            .doc
            .lines()
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .fold(String::new(), |doc, line| doc + line + "\n"),
        severity: rule.severity,
        profile: rule.profile,
        policy: None,
    });
    let rego = policies.rules().map(|rule| RuleInfo {
        id: rule.id.to_string(),
        summary: rule.summary.clone(),
        doc: rule.doc.clone(),
        severity: rule.severity,
        profile: rule.profile,
        policy: Some(rule.path.clone()),
    });
    let mut all: Vec<RuleInfo> = rust.chain(rego).collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Snapshot;

    #[test]
    fn every_rule_says_why_it_matters_and_what_to_do_instead() {
        let (policies, _) = PolicySet::load(&Snapshot::default(), &[]);
        let all = catalogue(&policies);
        for rule in &all {
            for section in ["## Why it matters", "## Example", "## Instead"] {
                assert!(rule.doc.contains(section), "{} has no section {section}", rule.id);
            }
            assert!(rule.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{}", rule.id);
            assert!(!rule.summary.is_empty() && !rule.summary.ends_with('.'), "{}", rule.id);
        }
        assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id), "an id stands for two rules");
    }
}
