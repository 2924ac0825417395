//! One entry of `generators` in, parameter sets out: selectors, nesting, and which template belongs to them.

use std::cell::{Cell, RefCell};

use super::interpolate::Language;
use super::params::flatten;
use super::patch::Patches;
use super::selector::Selector;
use super::{Context, Fault, MAX_APPLICATIONS, clusters, git, list, matrix, merge, remote};
use crate::finding::NotJudged;
use crate::origin::Origin;
use crate::render::Resource;
use crate::render::template::Map;
use crate::yaml::{Entry, Node, Resolved, Value};

/// A matrix or merge within a matrix or merge is the deepest that Argo CD knows; a third level is no field of the type.
const NESTING: usize = 2;

/// What is the same for all generators of a set.
pub(super) struct Scope<'a> {
    pub(super) set: &'a Resource,
    pub(super) spec: &'a Node,
    pub(super) language: Language,
    pub(super) patches: Patches,
    pub(super) context: &'a Context<'a>,
    /// What could not be judged although parameters were generated.
    pub(super) notes: RefCell<Vec<NotJudged>>,
    /// Why the last nested generator without parameters has none.
    pub(super) empty: RefCell<Option<Empty>>,
    /// Whether a nested generator may have more parameters than are known here.
    doubt: Cell<bool>,
    depth: RefCell<usize>,
}

/// What a generator made.
pub(super) struct Transformed<'g> {
    /// The parameter sets, in order.
    pub(super) params: Vec<Map>,
    /// The generator's own template.
    pub(super) template: Option<&'g Node>,
    /// The generator: what is under `list`, `git` and so on.
    pub(super) body: &'g Node,
    /// Whether there may be more parameters than are known here.
    pub(super) uncertain: bool,
    /// Why there are none.
    pub(super) empty: Option<Empty>,
}

/// Why a generator made nothing.
#[derive(Debug, Clone)]
pub(super) struct Empty {
    /// The place.
    pub(super) origin: Origin,
    /// What did not match.
    pub(super) what: String,
    /// What would match.
    pub(super) suggestion: Option<String>,
}

/// The kinds of generators, in the order in which Argo CD looks at them.
pub(super) const KINDS: [&str; 10] = [
    "list",
    "clusters",
    "git",
    "scmProvider",
    "clusterDecisionResource",
    "pullRequest",
    "matrix",
    "merge",
    "plugin",
    "oci",
];

/// Generators with `values`: texts that are rendered with the parameters of the generator itself.
const WITH_VALUES: [&str; 7] =
    ["clusters", "git", "scmProvider", "clusterDecisionResource", "pullRequest", "plugin", "oci"];

impl<'a> Scope<'a> {
    pub(super) fn new(set: &'a Resource, spec: &'a Node, context: &'a Context<'a>) -> Scope<'a> {
        Scope {
            set,
            spec,
            language: Language::of(spec),
            patches: Patches::default(),
            context,
            notes: RefCell::default(),
            empty: RefCell::default(),
            doubt: Cell::default(),
            depth: RefCell::default(),
        }
    }

    /// What nested generators make, and whether one of them may make more.
    fn combined<T>(&self, generate: impl FnOnce() -> T) -> (T, bool) {
        let outer = self.doubt.replace(false);
        let made = generate();
        (made, self.doubt.replace(outer))
    }

    /// Notes that something is not known, though it does not stop generation.
    pub(super) fn note(&self, at: &Node, reason: &str) {
        self.notes.borrow_mut().push(self.not_judged(at, reason));
    }

    /// That something cannot be evaluated.
    pub(super) fn not_judged(&self, at: &Node, reason: &str) -> NotJudged {
        let namespace = match self.set.namespace() {
            "" => "argocd",
            namespace => namespace,
        };
        let what = format!("ApplicationSet {namespace}/{}", self.set.name());
        NotJudged { mark: at.mark(), what, reason: reason.to_owned() }
    }

    pub(super) fn fault_not_judged(&self, at: &Node, reason: &str) -> Fault {
        Fault::NotJudged(Box::new(self.not_judged(at, reason)))
    }
}

/// Transforms one entry of `generators`, with the parameters of an outer generator if it is the second of a matrix.
pub(super) fn transform<'g>(
    scope: &Scope<'_>,
    generator: &'g Node,
    outer: Option<&Map>,
) -> Result<Vec<Transformed<'g>>, Fault> {
    *scope.depth.borrow_mut() += 1;
    let result = transform_within(scope, generator, outer);
    *scope.depth.borrow_mut() -= 1;
    result
}

fn transform_within<'g>(
    scope: &Scope<'_>,
    generator: &'g Node,
    outer: Option<&Map>,
) -> Result<Vec<Transformed<'g>>, Fault> {
    let selector = match generator.get("selector").filter(|node| !node.is_null()) {
        Some(node) => Some(Selector::read(node).map_err(|fault| fault.within("error parsing label selector"))?),
        None => None,
    };
    let mut results = Vec::new();
    let mut first_error = None;
    let innermost = *scope.depth.borrow() > NESTING;
    for kind in KINDS {
        if innermost && matches!(kind, "matrix" | "merge") {
            continue;
        }
        let Some(body) = generator.get(kind).filter(|body| !body.is_null()) else { continue };
        match generate(scope, kind, body, outer) {
            Ok(mut made) => {
                if let Some(selector) = &selector {
                    let before = made.params.len();
                    made.params.retain(|params| selector.matches(&flatten(params)));
                    if made.params.is_empty() && before > 0 {
                        let at = generator.get("selector").unwrap_or(generator);
                        made.empty = Some(Empty {
                            origin: at.origin.clone(),
                            what: "the selector matches none of the parameter sets".to_owned(),
                            suggestion: None,
                        });
                    }
                }
                results.push(made);
            }
            Err(fault) => {
                first_error.get_or_insert(fault);
            }
        }
    }
    match first_error {
        Some(fault) => Err(fault),
        None => Ok(results),
    }
}

fn generate<'g>(scope: &Scope<'_>, kind: &str, body: &'g Node, outer: Option<&Map>) -> Result<Transformed<'g>, Fault> {
    let rendered;
    let input = match outer.filter(|outer| !outer.is_empty()) {
        Some(outer) => {
            rendered = interpolated(scope, kind, body, outer)?;
            &rendered
        }
        None => body,
    };
    let mut made = Transformed {
        params: Vec::new(),
        template: body.get("template").filter(|template| !template.is_null()),
        body,
        uncertain: false,
        empty: None,
    };
    match kind {
        "list" => {
            made.params = list::generate(scope, input)?;
            // A list without elements is empty on purpose.
            made.uncertain = made.params.is_empty();
        }
        "clusters" => clusters::generate(scope, input, &mut made)?,
        "git" | "oci" => git::generate(scope, kind, input, &mut made)?,
        "matrix" => {
            let (params, doubt) = scope.combined(|| matrix::generate(scope, input));
            made.params = params?;
            made.empty = scope.empty.take();
            made.uncertain = if made.params.is_empty() { made.empty.is_none() } else { doubt };
        }
        "merge" => {
            let (params, doubt) = scope.combined(|| merge::generate(scope, input));
            made.params = params?;
            made.empty = scope.empty.take();
            made.uncertain = if made.params.is_empty() { made.empty.is_none() } else { doubt };
        }
        _ => {
            made.params = remote::generate(scope, kind, input)?;
            made.uncertain = true;
        }
    }
    if made.params.len() > MAX_APPLICATIONS {
        return Err(Fault::wrong(body, format!("the generator makes more than {MAX_APPLICATIONS} parameter sets")));
    }
    Ok(made)
}

/// What a generator inside of a matrix or merge makes: exactly one kind.
pub(super) fn child(scope: &Scope<'_>, generator: &Node, outer: Option<&Map>) -> Result<Vec<Map>, Fault> {
    let words = "child generator returned an error on parameter generation";
    let mut made = transform(scope, generator, outer).map_err(|fault| fault.within(words))?;
    match made.len() {
        0 => Err(Fault::wrong(generator, "child generator generated no parameters")),
        1 => {
            let made = made.remove(0);
            scope.doubt.set(scope.doubt.get() || made.uncertain);
            if made.params.is_empty() && !made.uncertain {
                *scope.empty.borrow_mut() = made.empty;
            }
            Ok(made.params)
        }
        _ => Err(Fault::wrong(generator, "found more than one generator in matrix.Generators")),
    }
}

/// A generator with the parameters of an outer one filled in.
fn interpolated(scope: &Scope<'_>, kind: &str, body: &Node, outer: &Map) -> Result<Node, Fault> {
    let words = "failed to replace parameters in generator";
    let Value::Mapping(mapping) = &body.value else {
        return scope.language.node(body, outer).map_err(|fault| fault.within(words));
    };
    let mut entries = Vec::with_capacity(mapping.entries.len());
    for entry in &mapping.entries {
        let value = match entry.key_text() {
            "values" if WITH_VALUES.contains(&kind) => values(scope, &entry.value, outer)?,
            "generators" if matches!(kind, "matrix" | "merge") => nested(scope, &entry.value, outer)?,
            _ => scope.language.node(&entry.value, outer).map_err(|fault| fault.within(words))?,
        };
        entries.push(Entry { key: entry.key.clone(), value });
    }
    Ok(Node::mapping(entries, body.origin.clone()))
}

fn nested(scope: &Scope<'_>, generators: &Node, outer: &Map) -> Result<Node, Fault> {
    let mut items = Vec::new();
    for generator in generators.items() {
        let mut entries = Vec::new();
        for entry in generator.entries() {
            entries.push(Entry {
                key: entry.key.clone(),
                value: interpolated(scope, entry.key_text(), &entry.value, outer)?,
            });
        }
        items.push(Node::mapping(entries, generator.origin.clone()));
    }
    Ok(Node::sequence(items, generators.origin.clone()))
}

/// `values` may use parameters of the generator itself: what the outer parameters lack is left for later.
fn values(scope: &Scope<'_>, values: &Node, outer: &Map) -> Result<Node, Fault> {
    let mut entries = Vec::new();
    for entry in values.entries() {
        let value = match entry.value.as_scalar().map(|scalar| scalar.resolve_kubernetes()) {
            Some(Resolved::Str(text)) => match scope.language.replace_strictly(text, outer) {
                Ok(replaced) => {
                    let origin = replaced.origin(&entry.value);
                    Node::string(replaced.text, origin)
                }
                Err((_, true)) => entry.value.clone(),
                Err((message, false)) => return Err(Fault::wrong(&entry.value, message)),
            },
            _ => entry.value.clone(),
        };
        entries.push(Entry { key: entry.key.clone(), value });
    }
    Ok(Node::mapping(entries, values.origin.clone()))
}

/// Adds a generator's `values`, rendered with the parameters that are there, to them.
pub(super) fn append_values(scope: &Scope<'_>, body: &Node, params: &Map) -> Result<(), Fault> {
    let Some(values) = body.get("values").filter(|values| !values.entries().is_empty()) else { return Ok(()) };
    let mut rendered = Vec::new();
    for entry in values.entries() {
        let text = entry.value.text().unwrap_or_default();
        let replaced = scope
            .language
            .replace(text, params)
            .map_err(|message| Fault::wrong(&entry.value, format!("failed to replace templated string: {message}")))?;
        let origin = replaced.origin(&entry.value);
        rendered.push((entry.key_text(), replaced.text, origin));
    }
    if scope.language.is_go() {
        let texts = rendered.into_iter().map(|(key, text, origin)| (key, text.into(), origin));
        let map = super::params::texts(texts);
        params.insert_from("values", crate::render::template::Value::Map(map), values.origin.clone());
    } else {
        for (key, text, origin) in rendered {
            params.insert_from(format!("values.{key}"), text.into(), origin);
        }
    }
    Ok(())
}
