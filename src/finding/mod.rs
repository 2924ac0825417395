//! What is wrong with a repository, in the form that every stage and rule reports it.
//!
//! A [`Finding`] names its [`Rule`], the place that a person must mend, and what led there. Lines come from the
//! [`Mark`]s of the values at fault; nothing here reads files. What could not be evaluated is a
//! [`NotJudged`], never a finding.

mod fix;
mod rule;

pub use fix::{Applicability, Edit, Fix, Replacement};
pub(crate) use rule::declare_rule;
pub use rule::{Check, Profile, Rule};

use smol_str::SmolStr;

use crate::origin::{Mark, Origin};
use crate::yaml::Node;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Dangerous, or surely not meant.
    Warning,
    /// Does not work, or breaks a rule of the house.
    Error,
}

impl Severity {
    /// The word for it in every format.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One defect at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id.
    pub rule: SmolStr,
    /// How bad.
    pub severity: Severity,
    /// What is wrong: the thing, what was expected, what was found.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The place to mend.
    pub mark: Mark,
    /// The resource concerned.
    pub resource: Option<ResourceRef>,
    /// JSON Pointer into the resource.
    pub pointer: Option<String>,
    /// The Application that deploys it: `namespace/name`.
    pub application: Option<SmolStr>,
    /// The cluster that it is deployed to.
    pub cluster: Option<SmolStr>,
    /// Other places that matter.
    pub related: Vec<Related>,
    /// The steps that led to the value, oldest first.
    pub trail: Vec<TrailStep>,
    /// How to mend it by machine.
    pub fix: Option<Fix>,
    /// The same for the same defect after unrelated changes; empty until `check` has collected the finding.
    pub fingerprint: SmolStr,
}

/// Another place that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Related {
    /// Where.
    pub mark: Mark,
    /// What is there.
    pub message: String,
}

/// One step that a value went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailStep {
    /// Where.
    pub mark: Mark,
    /// What happened there.
    pub step: String,
}

/// A resource by its names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ResourceRef {
    /// `apps/v1`
    pub api_version: SmolStr,
    /// `Deployment`
    pub kind: SmolStr,
    /// Empty for what has none.
    pub namespace: SmolStr,
    /// `web`
    pub name: SmolStr,
}

/// Something that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotJudged {
    /// Where.
    pub mark: Mark,
    /// What: `Application argocd/web`.
    pub what: String,
    /// Why, and what would help.
    pub reason: String,
}

impl Finding {
    /// A finding of `rule` at `mark`, with the rule's own severity and summary.
    pub fn new(rule: &Rule, mark: Mark) -> Finding {
        Finding::of(SmolStr::new_static(rule.id), rule.severity, rule.summary, mark)
    }

    /// A finding of the rule `id`, which is not one of those in Rust: a policy's.
    pub fn of(id: SmolStr, severity: Severity, message: impl Into<String>, mark: Mark) -> Finding {
        Finding {
            rule: id,
            severity,
            message: message.into(),
            help: None,
            mark,
            resource: None,
            pointer: None,
            application: None,
            cluster: None,
            related: Vec::new(),
            trail: Vec::new(),
            fix: None,
            fingerprint: SmolStr::default(),
        }
    }

    /// A finding of `rule` about `node`: at its place, with its trail.
    pub fn at(rule: &Rule, node: &Node) -> Finding {
        Finding::new(rule, node.mark()).trail(&node.origin)
    }

    /// Says what is wrong.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Finding {
        self.message = message.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }

    /// Suggests the one of `candidates` that is nearest to `word`, if one is near, and offers to put it there.
    #[must_use]
    pub fn help_did_you_mean<'a>(self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Finding {
        match nearest(word, candidates) {
            Some(candidate) => {
                let text = Replacement::Word { old: word.to_owned(), new: candidate.to_owned() };
                let edit = Edit { mark: self.mark, text };
                let fix = Some(Fix::one(Applicability::Unsafe, edit));
                Finding { fix, ..self.help(format!("did you mean `{candidate}`?")) }
            }
            None => self,
        }
    }

    /// Replaces the rule's severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Finding {
        self.severity = severity;
        self
    }

    /// Names another place, if it is one.
    #[must_use]
    pub fn related(mut self, mark: Mark, message: impl Into<String>) -> Finding {
        if mark.is_some() {
            self.related.push(Related { mark, message: message.into() });
        }
        self
    }

    /// Names the resource.
    #[must_use]
    pub fn resource(mut self, resource: ResourceRef) -> Finding {
        self.resource = Some(resource);
        self
    }

    /// Names the field of the resource.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Finding {
        self.pointer = Some(pointer.into());
        self
    }

    /// Names the Application.
    #[must_use]
    pub fn application(mut self, application: impl Into<SmolStr>) -> Finding {
        self.application = Some(application.into());
        self
    }

    /// Names the cluster, if it is known.
    #[must_use]
    pub fn cluster(mut self, cluster: impl Into<SmolStr>) -> Finding {
        self.cluster = Some(cluster.into()).filter(|cluster: &SmolStr| !cluster.is_empty());
        self
    }

    /// Tells the steps of `origin`.
    #[must_use]
    pub fn trail(mut self, origin: &Origin) -> Finding {
        self.trail =
            origin.steps().into_iter().map(|step| TrailStep { mark: step.mark, step: step.what.to_string() }).collect();
        self
    }

    /// Offers to write `new` where the scalar `node` stands.
    #[must_use]
    pub fn fix(mut self, applicability: Applicability, node: &Node, new: impl Into<String>) -> Finding {
        if let Some(old) = node.text() {
            let text = Replacement::Scalar { old: old.to_owned(), new: new.into() };
            self.fix = Some(Fix::one(applicability, Edit { mark: node.mark(), text }));
        }
        self
    }
}

/// The candidate nearest to `word`: at most a third of its letters differ.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}
