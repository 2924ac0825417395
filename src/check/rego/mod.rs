//! Rego policies in, rules like any other out.
//!
//! Policies are written as for conftest: `deny`, `warn` and `violation` (and `deny_x`) of any package, sets of texts or
//! of objects with `msg` and, where wanted, `pointer`, `severity` and `help`. METADATA gives a policy its id, severity,
//! profile and documentation; without it the file's name is the id. What a package's `exception` names is not reported. `custom.input` says what the policy looks at:
//!
//! - `resource` (the default): each rendered object, as conftest would see it;
//! - `application`: each Application with what it renders (see `policies/README.md`);
//! - `repository`: everything, in one document.
//!
//! [`source`] reads the texts, [`evaluate`] runs them, [`functions`] adds the builtins that regorus lacks, [`mod@unit`]
//! runs tests, and [`query()`] answers about one input.

mod builtin;
mod evaluate;
mod excess;
mod functions;
mod index;
mod memory;
mod pattern;
mod query;
mod source;
pub mod unit;
mod value;

pub(crate) use evaluate::locate;
pub use query::query;

use std::collections::BTreeSet;
use std::sync::Arc;

use regorus::Engine;
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use self::evaluate::Problem;
use self::source::{Looks, Source};
use super::World;
use super::rules::invalid_policy;
use crate::finding::{Finding, NotJudged, Profile, Severity};
use crate::origin::{FileId, Mark};
use crate::source::{Content, Snapshot, base_name, parent};

/// The policies that are in force: those of the product and those that were given. Compiled once.
#[derive(Clone, Default)]
pub struct PolicySet {
    rules: Vec<PolicyRule>,
    policies: Vec<Policy>,
    /// The packages that have exceptions, as conftest knows them.
    excepting: BTreeSet<String>,
    engine: Option<Arc<Engine>>,
    fingerprint: String,
}

impl std::fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicySet").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// What a policy says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    /// The defect's name.
    pub id: SmolStr,
    /// What it reports, in a few words.
    pub summary: String,
    /// The documentation: Markdown.
    pub doc: String,
    /// The severity of its findings, unless one says otherwise.
    pub severity: Severity,
    /// The narrowest profile that includes it.
    pub profile: Profile,
    /// The file that it stands in.
    pub path: String,
}

/// One head that reports, and the rule that it reports for.
#[derive(Debug, Clone)]
struct Policy {
    id: SmolStr,
    severity: Severity,
    summary: String,
    /// `data.main.deny__3`
    reference: String,
    looks: Looks,
    kinds: Option<Vec<SmolStr>>,
    /// Who may be excepted: the rule that tells, and the name by which it knows this one.
    exception: Option<(String, String)>,
    path: String,
    file: Option<FileId>,
    line: u32,
}

/// A policy or document as it was given.
struct Given<'a> {
    path: &'a str,
    file: FileId,
    text: &'a str,
}

impl PolicySet {
    /// The policies of the product, those below `directories` of the repository, and those that were added to
    /// `snapshot` from outside (see [`Snapshot::add_external`]). A policy that does not compile is a finding; the
    /// others count.
    pub fn load(snapshot: &Snapshot, directories: &[String]) -> (PolicySet, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut number = 0;
        let mut sources: Vec<Source> = builtin::POLICIES
            .iter()
            .filter(|(path, _)| !is_test(path))
            .map(|(path, text)| source::parse(path, None, text, &mut number))
            .collect();
        let given = given(snapshot, directories);
        for policy in given.iter().filter(|given| given.path.ends_with(".rego") && !is_test(given.path)) {
            sources.push(source::parse(policy.path, Some(policy.file), policy.text, &mut number));
        }
        index::narrow(&mut sources);
        let excepting = source::excepting(&sources);
        let fingerprint = fingerprint(&sources, &given);
        let mut set = PolicySet { excepting, ..PolicySet::default() };
        let mut engine = evaluate::engine();
        for document in given.iter().filter(|given| !given.path.ends_with(".rego")) {
            for mark in evaluate::add_document(&mut engine, document.file, document.text) {
                findings.push(
                    Finding::new(&invalid_policy::RULE, mark)
                        .message(format!("{}: its keys clash with another document", document.path)),
                );
            }
        }
        // Each is tried with those before it, so that one that does not compile does not silence the others.
        for source in &sources {
            let mut with = engine.clone();
            match evaluate::add_policy(&mut with, &source.path, &source.text) {
                Ok(()) => {
                    engine = with;
                    set.declare(source);
                }
                Err(problem) => findings.push(problem.finding(snapshot, source)),
            }
        }
        if let Err(problem) = evaluate::prepare(&mut engine) {
            findings.extend(set.sift(&given, &sources, snapshot, problem));
        } else {
            set.engine = Some(Arc::new(engine));
        }
        set.rules.sort_by(|a, b| a.id.cmp(&b.id));
        set.rules.dedup_by(|a, b| a.id == b.id);
        set.fingerprint = fingerprint;
        (set, findings)
    }

    /// The policies do not compile together: takes those that do, in order, and reports the others. Slow, and only for
    /// this case.
    fn sift(&mut self, given: &[Given<'_>], sources: &[Source], snapshot: &Snapshot, whole: Problem) -> Vec<Finding> {
        let mut findings = Vec::new();
        *self = PolicySet { excepting: std::mem::take(&mut self.excepting), ..PolicySet::default() };
        let mut engine = evaluate::engine();
        for document in given.iter().filter(|given| !given.path.ends_with(".rego")) {
            evaluate::add_document(&mut engine, document.file, document.text);
        }
        // Libraries first: a policy that uses one compiles only beside it.
        let (policies, libraries): (Vec<&Source>, Vec<&Source>) =
            sources.iter().partition(|source| !source.heads.is_empty());
        for source in libraries.into_iter().chain(policies) {
            let mut with = engine.clone();
            let tried = evaluate::add_policy(&mut with, &source.path, &source.text)
                .and_then(|()| evaluate::prepare(&mut with.clone()));
            match tried {
                Ok(()) => {
                    engine = with;
                    self.declare(source);
                }
                Err(problem) => findings.push(problem.finding(snapshot, source)),
            }
        }
        if findings.is_empty() {
            // Each compiled in its turn, and yet not all: say what was said of the whole.
            let file = given.first().map_or(FileId(0), |given| given.file);
            findings.push(Finding::new(&invalid_policy::RULE, Mark::file(file)).message(whole.message));
        }
        self.engine = evaluate::prepare(&mut engine).is_ok().then(|| Arc::new(engine));
        findings
    }

    fn declare(&mut self, source: &Source) {
        for head in &source.heads {
            let metadata = &head.metadata;
            let stem = base_name(&source.path).trim_end_matches(".rego").replace('_', "-");
            let id = metadata.id.clone().unwrap_or_else(|| SmolStr::new(stem));
            let by_name = if head.name.starts_with("warn") { Severity::Warning } else { Severity::Error };
            let severity = metadata.severity.unwrap_or(by_name);
            let summary = metadata.title.clone().unwrap_or_else(|| id.replace('-', " "));
            let mut doc = metadata.description.clone().unwrap_or_else(|| summary.clone());
            for link in &metadata.related {
                doc.push_str(&format!("\n\nSee {link}"));
            }
            let profile = metadata.profile.unwrap_or(Profile::Recommended);
            self.policies.push(Policy {
                id: id.clone(),
                severity,
                summary: summary.clone(),
                reference: format!("data.{}.{}", source.package, head.compiled),
                looks: metadata.looks.unwrap_or_default(),
                kinds: head.kinds.clone(),
                exception: self.excepting.contains(&source.package).then(|| {
                    let name = head.name.split_once('_').map_or("", |(_, name)| name);
                    (format!("data.{}.exception", source.package), name.to_owned())
                }),
                path: source.path.clone(),
                file: source.file,
                line: head.line,
            });
            self.rules.push(PolicyRule { id, summary, doc, severity, profile, path: source.path.clone() });
        }
    }

    /// The same for the same policies and documents: SHA-256 in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The rules that the policies declare, by id.
    pub fn rules(&self) -> impl Iterator<Item = &PolicyRule> {
        self.rules.iter()
    }

    /// Whether every policy of that id looks at one object.
    pub(crate) fn looks_at_resources(&self, id: &str) -> bool {
        self.policies.iter().filter(|policy| policy.id == id).all(|policy| policy.looks == Looks::Resource)
    }

    /// Evaluates every policy whose id `is_on`. Each finding comes with the place of the target that it was found in.
    pub(crate) fn evaluate(
        &self,
        world: &World<'_>,
        is_on: &(dyn Fn(&str) -> bool + Sync),
    ) -> (Vec<(Finding, Mark)>, Vec<NotJudged>) {
        match &self.engine {
            Some(engine) => evaluate::run(engine, &self.policies, world, is_on),
            None => (Vec::new(), Vec::new()),
        }
    }
}

/// Whether a policy is a test of others.
fn is_test(path: &str) -> bool {
    path.ends_with("_test.rego")
}

/// The policies and documents below `directories`, and those from outside.
fn given<'s>(snapshot: &'s Snapshot, directories: &[String]) -> Vec<Given<'s>> {
    let mut given: Vec<Given<'s>> = Vec::new();
    let mut take = |file: FileId, path: &'s str, content: &'s Content| {
        let wanted = [".rego", ".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end));
        if let (Content::Text(text), true) = (content, wanted)
            && given.iter().all(|known| known.file != file)
        {
            given.push(Given { path, file, text });
        }
    };
    for directory in directories {
        let directory = directory.trim_start_matches("./").trim_end_matches('/');
        for (id, file) in snapshot.under(directory) {
            take(id, &file.path, &file.content);
        }
    }
    let policies: Vec<&str> =
        snapshot.external().map(|(_, file)| &*file.path).filter(|path| path.ends_with(".rego")).collect();
    for (id, file) in snapshot.external() {
        // A document belongs to the policies beside or above it; a configuration from outside is none.
        let beside = policies.iter().any(|policy| {
            let directory = parent(policy);
            parent(&file.path) == directory || file.path.starts_with(&format!("{directory}/"))
        });
        if beside {
            take(id, &file.path, &file.content);
        }
    }
    given
}

/// The digest of everything that is evaluated.
fn fingerprint(sources: &[Source], given: &[Given<'_>]) -> String {
    let mut hash = Sha256::new();
    let documents = given.iter().map(|given| (given.path, given.text));
    for (path, text) in sources.iter().map(|source| (source.path.as_str(), source.text.as_str())).chain(documents) {
        for part in [path, text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
