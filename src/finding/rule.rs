//! What a rule says of itself.

use super::{Finding, Severity};
use crate::check::{ApplicationContext, ResourceContext, World};

/// A rule: its id, its documentation, and how it looks.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The defect's name: `unmatched-patch-target`.
    pub id: &'static str,
    /// What it reports, in a few words.
    pub summary: &'static str,
    /// The documentation that `tiphys explain` prints: Markdown.
    pub doc: &'static str,
    /// The severity of its findings, unless one says otherwise.
    pub severity: Severity,
    /// The narrowest profile that includes the rule.
    pub profile: Profile,
    /// The version that brought the rule.
    pub since: &'static str,
    /// How it looks.
    pub check: Check,
}

/// A choice of rules. Each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// What is wrong or dangerous for anyone.
    Recommended,
    /// What a careful team also asks for.
    Strict,
    /// Every objective of the specification that the product was made for.
    Seed,
}

impl Profile {
    /// The profile of that name.
    pub fn parse(text: &str) -> Option<Profile> {
        match text {
            "recommended" => Some(Profile::Recommended),
            "strict" => Some(Profile::Strict),
            "seed" => Some(Profile::Seed),
            _ => None,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::Recommended => "recommended",
            Profile::Strict => "strict",
            Profile::Seed => "seed",
        }
    }
}

/// What a rule looks at. The engine calls it once for each.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Reported by the stage that comes upon it (load, resolve, render); the registry knows it for its documentation.
    Stage,
    /// Once for every rendered resource.
    Resource(fn(&ResourceContext<'_>, &mut Vec<Finding>)),
    /// Once for every Application.
    Application(fn(&ApplicationContext<'_>, &mut Vec<Finding>)),
    /// Once for the repository as a whole.
    World(fn(&World<'_>, &mut Vec<Finding>)),
}

/// Declares the rule of a file as `RULE`; its doc comment is what `tiphys explain` prints.
macro_rules! declare_rule {
    (
        $(#[doc = $doc:literal])+
        $id:literal = {
            summary: $summary:literal,
            severity: $severity:ident,
            profile: $profile:ident,
            since: $since:literal,
            check: $check:expr $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        pub(crate) static RULE: $crate::finding::Rule = $crate::finding::Rule {
            id: $id,
            summary: $summary,
            doc: concat!($($doc, "\n"),+),
            severity: $crate::finding::Severity::$severity,
            profile: $crate::finding::Profile::$profile,
            since: $since,
            check: $check,
        };
    };
}
pub(crate) use declare_rule;
