//! Compiled policies and a repository in, findings out.
//!
//! For each kind of input one generated rule collects what all its policies say, so that an object costs one call and
//! what policies share is computed once. Where that call fails, the policies are asked one by one, and the one that
//! fails is not judged; the others are.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rayon::prelude::*;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};
use smol_str::SmolStr;

use super::excess::excess;
use super::memory;
use super::source::{Looks, Source, severity};
use super::value::{object, value};
use super::{Policy, World, invalid_policy};
use crate::check::engine::head;
use crate::check::named;
use crate::finding::{Finding, NotJudged};
use crate::origin::{FileId, Mark};
use crate::render::Resource;
use crate::resolve::{Application, Rendered};
use crate::source::Snapshot;
use crate::yaml::{Limits, Node, read};

/// How long the policies may take for one input.
const LIMIT: Duration = Duration::from_secs(5);

/// The package of the generated rules.
const ENTRY: &str = "tiphys_entry";

/// What regorus says is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The file's path, as it was given.
    pub(super) path: String,
    /// The line, 1-based; 0 if none was said.
    pub(super) line: u32,
    /// The column, 1-based.
    pub(super) column: u32,
    /// What is wrong, in one line.
    pub(super) message: String,
}

impl Problem {
    /// Takes `error` apart. It names the place as `--> path:line:column` and ends with `error: message`.
    pub(super) fn of(error: &impl std::fmt::Display) -> Problem {
        let text = format!("{error:#}");
        let place = text.lines().find_map(|line| line.trim().strip_prefix("--> "));
        let mut parts = place.unwrap_or_default().rsplitn(3, ':');
        let column = parts.next().and_then(|part| part.parse().ok()).unwrap_or(1);
        let line = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        let path = parts.next().unwrap_or_default().to_owned();
        let said = text.lines().rev().find_map(|line| line.trim().strip_prefix("error: "));
        let message = said.or_else(|| text.lines().find(|line| !line.trim().is_empty())).unwrap_or("unknown error");
        // How much there was differs from run to run.
        let message = match message.trim() {
            message if message.starts_with(memory::EXCEEDED) => memory::said(),
            message => message.to_owned(),
        };
        Problem { path, line, column, message }
    }

    /// The place in `file`.
    fn mark(&self, snapshot: &Snapshot, file: FileId) -> Mark {
        let text = snapshot.text(file).map_or("", |text| text);
        let line = self.line.max(1);
        let start: usize = text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum();
        let rest = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
        let skipped: usize = rest.chars().take(self.column.max(1) as usize - 1).map(char::len_utf8).sum();
        let (start, end) = ((start + skipped) as u32, (start + rest.len().max(skipped)) as u32);
        Mark { file, line, column: self.column.max(1), start, end }
    }

    /// The finding about the policy `source`.
    pub(super) fn finding(&self, snapshot: &Snapshot, source: &Source) -> Finding {
        let mark = source.file.map_or(Mark::NONE, |file| self.mark(snapshot, file));
        Finding::new(&invalid_policy::RULE, mark).message(format!("{}: {}", source.path, self.message))
    }
}

/// An engine without policies.
pub(super) fn engine() -> Engine {
    let mut engine = Engine::new();
    // A builtin that fails is undefined, as with opa.
    engine.set_strict_builtin_errors(false);
    if let Some(check_interval) = NonZeroU32::new(1024) {
        engine.set_execution_timer_config(ExecutionTimerConfig { limit: LIMIT, check_interval });
    }
    super::functions::register(&mut engine);
    engine
}

/// Adds a policy, in Rego v1 or, where it is not that, in v0.
pub(super) fn add_policy(engine: &mut Engine, path: &str, text: &str) -> Result<(), Problem> {
    engine.set_rego_v0(false);
    let Err(error) = engine.add_policy(path.to_owned(), text.to_owned()) else { return Ok(()) };
    engine.set_rego_v0(true);
    let old = engine.add_policy(path.to_owned(), text.to_owned());
    engine.set_rego_v0(false);
    // A text that is neither is most likely meant to be v1.
    old.map(|_| ()).map_err(|_| Problem::of(&error))
}

/// Adds a YAML or JSON document to `data`; answers the places of those that clash.
pub(super) fn add_document(engine: &mut Engine, file: FileId, text: &str) -> Vec<Mark> {
    let yaml = read(file, text, Limits::default());
    let documents = yaml.documents.iter().filter(|document| document.root.as_mapping().is_some());
    documents
        .filter(|document| engine.add_data(value(&document.root)).is_err())
        .map(|document| document.root.mark())
        .collect()
}

/// Compiles what was added.
pub(super) fn prepare(engine: &mut Engine) -> Result<(), Problem> {
    let mut probe = engine.clone();
    let text = "package tiphys_probe\nimport rego.v1\nready := true\n";
    probe.add_policy("tiphys_probe.rego".to_owned(), text.to_owned()).map_err(|error| Problem::of(&error))?;
    probe.eval_rule("data.tiphys_probe.ready".to_owned()).map(|_| ()).map_err(|error| Problem::of(&error))
}

/// The rules that collect: for each kind that a policy guards, and for all others.
struct Entries {
    by_kind: BTreeMap<SmolStr, Entry>,
    others: Entry,
    application: Entry,
    repository: Entry,
}

/// One generated rule.
#[derive(Debug, Clone, Default)]
struct Entry {
    /// `data.tiphys_entry.kind_0`
    reference: String,
    /// The policies that it asks, by index.
    policies: Vec<usize>,
}

/// Generates the rules and adds them to `engine`.
fn entries(engine: &mut Engine, policies: &[Policy], is_on: &dyn Fn(&str) -> bool) -> Result<Entries, Problem> {
    let on: Vec<(usize, &Policy)> = policies.iter().enumerate().filter(|(_, policy)| is_on(&policy.id)).collect();
    let mut text = format!("package {ENTRY}\nimport rego.v1\n");
    let mut entry = |name: String, choose: &dyn Fn(&Policy) -> bool| {
        let chosen: Vec<usize> = on.iter().filter(|(_, policy)| choose(policy)).map(|(index, _)| *index).collect();
        for index in &chosen {
            let Policy { reference, exception, .. } = &policies[*index];
            let unless = if exception.is_some() { format!("not exempt_{index}; ") } else { String::new() };
            text.push_str(&format!("{name} contains [{index}, said] if {{ {unless}some said in {reference} }}\n"));
        }
        Entry { reference: format!("data.{ENTRY}.{name}"), policies: chosen }
    };
    let kinds: BTreeSet<&SmolStr> =
        on.iter().filter(|(_, p)| p.looks == Looks::Resource).flat_map(|(_, p)| p.kinds.iter().flatten()).collect();
    let of = |policy: &Policy, kind: Option<&SmolStr>| {
        policy.looks == Looks::Resource
            && policy.kinds.as_ref().is_none_or(|kinds| kind.is_some_and(|kind| kinds.contains(kind)))
    };
    let by_kind = kinds
        .into_iter()
        .enumerate()
        .map(|(number, kind)| (kind.clone(), entry(format!("kind_{number}"), &|policy| of(policy, Some(kind)))))
        .collect();
    let others = entry("others".to_owned(), &|policy| of(policy, None));
    let application = entry("application".to_owned(), &|policy| policy.looks == Looks::Application);
    let repository = entry("repository".to_owned(), &|policy| policy.looks == Looks::Repository);
    for (index, policy) in &on {
        if let Some((reference, name)) = &policy.exception {
            text.push_str(&format!("exempt_{index} if {{ some names in {reference}; \"{name}\" in names }}\n"));
        }
    }
    engine.add_policy(format!("{ENTRY}.rego"), text).map_err(|error| Problem::of(&error))?;
    prepare(engine)?;
    Ok(Entries { by_kind, others, application, repository })
}

/// What evaluation yields: findings with the place of their target, and what failed.
type Outcome = (Vec<(Finding, Mark)>, Vec<NotJudged>);

/// Runs the policies whose id `is_on` over `world`.
pub(super) fn run(
    engine: &Arc<Engine>,
    policies: &[Policy],
    world: &World<'_>,
    is_on: &(dyn Fn(&str) -> bool + Sync),
) -> Outcome {
    memory::limit();
    let mut engine = Engine::clone(engine);
    let entries = match entries(&mut engine, policies, is_on) {
        Ok(entries) => entries,
        Err(problem) => {
            let what = "the policies".to_owned();
            return (Vec::new(), vec![NotJudged { mark: Mark::file(FileId(0)), what, reason: problem.message }]);
        }
    };
    let parts: Vec<(Outcome, Vec<Value>)> = world
        .rendered
        .par_iter()
        .map_init(
            || Run { engine: engine.clone(), policies, out: Outcome::default() },
            |run, rendered| {
                let values = run.target(&entries, world, rendered);
                (std::mem::take(&mut run.out), values)
            },
        )
        .collect();
    let mut all = Outcome::default();
    let mut values = Vec::new();
    for ((findings, not_judged), resources) in parts {
        all.0.extend(findings);
        all.1.extend(not_judged);
        values.push(resources);
    }
    if !entries.repository.policies.is_empty() {
        let mut run = Run { engine, policies, out: Outcome::default() };
        run.repository(&entries.repository, world, values);
        all.0.append(&mut run.out.0);
        all.1.append(&mut run.out.1);
    }
    all
}

/// One thread's engine and what it has found.
struct Run<'p> {
    engine: Engine,
    policies: &'p [Policy],
    out: Outcome,
}

impl Run<'_> {
    /// Asks the policies about each resource of `rendered`, and about the Application with all of them. Answers the
    /// resources' values if somebody needs them later.
    fn target(&mut self, entries: &Entries, world: &World<'_>, rendered: &Rendered) -> Vec<Value> {
        let application = rendered.application();
        let whole = !entries.repository.policies.is_empty()
            || application.is_some() && !entries.application.policies.is_empty();
        let mut values = Vec::new();
        for resource in &rendered.output.resources {
            let entry = entries.by_kind.get(resource.kind()).unwrap_or(&entries.others);
            if entry.policies.is_empty() && !whole {
                continue;
            }
            let input = value(&resource.node);
            if !entry.policies.is_empty() {
                for (index, said) in self.ask(entry, &input, head(&resource.node)) {
                    let finding = self.finding(index, &said, &resource.node).resource(resource.reference());
                    self.push(finding, application.map(|found| &**found), rendered);
                }
            }
            if whole {
                values.push(input);
            }
        }
        if let Some(application) = application
            && !entries.application.policies.is_empty()
        {
            let input = application_input(world, application, &values);
            let node = &application.resource.node;
            for (index, said) in self.ask(&entries.application, &input, head(node)) {
                let resource = about(&said, rendered).unwrap_or(&application.resource);
                let finding = self.finding(index, &said, &resource.node).resource(resource.reference());
                self.push(finding, Some(application), rendered);
            }
        }
        values
    }

    /// Asks the policies about everything at once.
    fn repository(&mut self, entry: &Entry, world: &World<'_>, values: Vec<Vec<Value>>) {
        let mut applications = Vec::new();
        let mut resources = Vec::new();
        for (rendered, values) in world.rendered.iter().zip(values) {
            match rendered.application() {
                Some(application) => applications.push(application_input(world, application, &values)),
                None => resources.extend(values),
            }
        }
        let nodes = |list: &[Arc<Resource>]| Value::from(list.iter().map(|r| value(&r.node)).collect::<Vec<_>>());
        let input = object([
            ("applications", Value::from(applications)),
            ("application_sets", nodes(&world.resolved.application_sets)),
            ("projects", nodes(&world.resolved.projects)),
            ("resources", Value::from(resources)),
        ]);
        let anywhere = world.resolved.applications.first().map_or(Mark::file(FileId(0)), |a| head(&a.resource.node));
        for (index, said) in self.ask(entry, &input, anywhere) {
            let named = said["application"].as_string().ok();
            let rendered = world.rendered.iter().find(|rendered| {
                rendered.application().is_some_and(|found| named.is_some_and(|named| found.id().as_str() == &**named))
            });
            let found = rendered.and_then(|rendered| {
                let application = rendered.application()?;
                Some((rendered, application, about(&said, rendered).unwrap_or(&application.resource)))
            });
            match found {
                Some((rendered, application, resource)) => {
                    let finding = self.finding(index, &said, &resource.node).resource(resource.reference());
                    self.push(finding, Some(application), rendered);
                }
                None => {
                    let mut finding = self.finding(index, &said, &Node::null(crate::origin::Origin::at(anywhere)));
                    finding.pointer = None;
                    self.out.0.push((finding, Mark::NONE));
                }
            }
        }
    }

    /// What the policies of `entry` say about `input`, each with its index. `place` stands for the input.
    fn ask(&mut self, entry: &Entry, input: &Value, place: Mark) -> Vec<(usize, Value)> {
        self.engine.set_input(input.clone());
        let all = memory::together(|| self.engine.eval_rule(entry.reference.clone()));
        if let Some(all) = all.ok().filter(|all| excess(all).is_none()) {
            let Ok(set) = all.as_set() else { return Vec::new() };
            let pair = |item: &Value| Some((item[0].as_i64().ok()? as usize, item[1].clone()));
            return set.iter_sorted().filter_map(pair).collect();
        }
        let mut said = Vec::new();
        for index in &entry.policies {
            let Some(policy) = self.policies.get(*index) else { continue };
            let exempt = format!("data.{ENTRY}.exempt_{index}");
            if policy.exception.is_some() && self.answer(&exempt).is_ok_and(|exempt| exempt == true.into()) {
                continue;
            }
            match self.answer(&policy.reference) {
                Ok(Value::Undefined) => {}
                Ok(answer) if let Some(reason) = excess(&answer) => {
                    let mark = policy.file.map_or(place, |file| Mark { line: policy.line, ..Mark::file(file) });
                    let reason = format!("{}:{}: {reason}", policy.path, policy.line);
                    self.out.1.push(NotJudged { mark, what: format!("policy {}", policy.id), reason });
                }
                Ok(answer) => match answer.as_set() {
                    Ok(set) => said.extend(set.iter_sorted().map(|item| (*index, item.clone()))),
                    Err(_) => said.push((*index, answer)),
                },
                Err(problem) => {
                    let line = if problem.line > 0 { problem.line } else { policy.line };
                    let path = if problem.path.is_empty() { &policy.path } else { &problem.path };
                    let mark = match policy.file {
                        Some(file) if *path == policy.path => Mark { line, column: problem.column, ..Mark::file(file) },
                        _ => place,
                    };
                    let reason = format!("{path}:{line}: {}", problem.message);
                    self.out.1.push(NotJudged { mark, what: format!("policy {}", policy.id), reason });
                }
            }
        }
        said
    }

    /// The value of one rule for the input that is set. Where others may have used up the memory, it is asked alone.
    fn answer(&mut self, rule: &str) -> Result<Value, Problem> {
        let answer = memory::together(|| self.engine.eval_rule(rule.to_owned())).map_err(|error| Problem::of(&error));
        match answer {
            Err(problem) if problem.message == memory::said() => {
                memory::alone(|| self.engine.eval_rule(rule.to_owned())).map_err(|error| Problem::of(&error))
            }
            answer => answer,
        }
    }

    /// The finding that a policy's word makes. `node` is what it is about.
    fn finding(&self, index: usize, said: &Value, node: &Node) -> Finding {
        let policy = &self.policies[index];
        let text = |key: &str| said[key].as_string().ok().map(|text| text.to_string());
        let message = match said {
            Value::String(text) => text.to_string(),
            said => text("msg")
                .or_else(|| text("message"))
                .or_else(|| said.as_object().err().and_then(|_| said.to_json_str().ok()))
                .unwrap_or_else(|| policy.summary.clone()),
        };
        let pointer = text("pointer").filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let (mark, value) = match &pointer {
            Some(pointer) => locate(node, pointer),
            None => named::place(node, node.str_at(&["metadata", "name"]).unwrap_or_default(), &message)
                .unwrap_or_else(|| (head(node), node)),
        };
        let level = text("severity").and_then(|word| severity(&word)).unwrap_or(policy.severity);
        let mut finding = Finding::of(policy.id.clone(), level, message, mark).trail(&value.origin);
        finding.help = text("help").or_else(|| text("fix"));
        finding.pointer = pointer;
        finding
    }

    fn push(&mut self, mut finding: Finding, application: Option<&Application>, rendered: &Rendered) {
        if let Some(application) = application {
            finding.application = Some(application.id());
            finding.cluster =
                Some(application.destination_cluster()).filter(|cluster| !cluster.is_empty()).map(SmolStr::new);
        }
        self.out.0.push((finding, rendered.target.mark));
    }
}

/// What policies with the input `application` see.
fn application_input(world: &World<'_>, application: &Application, resources: &[Value]) -> Value {
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    object([
        ("application", value(&application.resource.node)),
        (
            "context",
            object([
                ("application", Value::from(application.id().as_str())),
                ("environment", text(world.environment(application))),
                ("production", Value::from(world.is_production(application))),
                ("cluster", Value::from(application.destination_cluster())),
                ("namespace", Value::from(application.destination_namespace())),
                ("generated_by", text(application.generated_by.as_deref())),
            ]),
        ),
        ("resources", Value::from(resources.to_vec())),
    ])
}

/// The resource that `said` names by its index in `resources`.
fn about<'r>(said: &Value, rendered: &'r Rendered) -> Option<&'r Resource> {
    rendered.output.resources.get(said["resource"].as_i64().ok()? as usize)
}

/// The place of what `pointer` names, or of its nearest ancestor: that of the key where the value is a mapping or a
/// list, for that is where a person looks; else that of the value.
pub(crate) fn locate<'n>(node: &'n Node, pointer: &str) -> (Mark, &'n Node) {
    let mut pointer = pointer;
    while !pointer.is_empty() {
        let (parent, token) = pointer.rsplit_once('/').unwrap_or(("", ""));
        if let Some(found) = node.pointer(pointer) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let key = node.pointer(parent).and_then(Node::as_mapping).and_then(|mapping| mapping.entry(&token));
            return match key {
                Some(entry) if found.as_scalar().is_none() && entry.key.mark().is_some() => (entry.key.mark(), found),
                _ if found.mark().is_some() => (found.mark(), found),
                _ => (head(node), found),
            };
        }
        pointer = parent;
    }
    (head(node), node)
}
