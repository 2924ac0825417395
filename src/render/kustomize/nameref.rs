//! Name references: where a resource is renamed, those that name it follow.

use std::collections::{BTreeMap, HashMap, HashSet};

use smol_str::SmolStr;

use super::accumulate::Context;
use super::build::Build;
use super::config::{BackReference, Config};
use super::fieldspec::{FieldError, FieldSpec, Make, has, visit};
use super::resource::{CLUSTER, Gvk, Id, Res, in_style_of, leaves, raw};
use crate::origin::{Follows, Mark, Origin};
use crate::yaml::{Node, Tag, Value};

/// What is known of a resource that may be referred to.
struct Candidate {
    current: Id,
    previous: Vec<Id>,
    original_namespace: SmolStr,
    name_origin: Origin,
    /// What tells it from others, and what its `roleRef` asks for.
    id_origins: Vec<Origin>,
    prefixes: Vec<SmolStr>,
    suffixes: Vec<SmolStr>,
}

/// Renames every reference to a resource that has another name than it had.
pub(super) fn run(context: &Context<'_, '_>, build: &mut Build) {
    // Only what was renamed (or moved) at some time can be referred to by an old name.
    let mut by_old_name: HashMap<SmolStr, Vec<usize>> = HashMap::new();
    for (index, res) in build.resources.iter().enumerate() {
        let names: HashSet<&SmolStr> = res.book.previous.iter().map(|previous| &previous.name).collect();
        for name in names {
            by_old_name.entry(name.clone()).or_default().push(index);
        }
    }
    if by_old_name.is_empty() {
        return;
    }
    let candidates: Vec<Candidate> = build.resources.iter().map(|res| candidate(context, res)).collect();
    let config = build.config();
    let filters = filters_by_kind(&config);
    let mut errors = Vec::new();
    for (index, res) in build.resources.iter_mut().enumerate() {
        let original = candidates[index].previous.first().unwrap_or(&candidates[index].current).gvk.clone();
        let mut wanted: Vec<&Filter<'_>> =
            [original.kind.as_str(), ""].iter().filter_map(|kind| filters.get(kind)).flatten().collect();
        wanted.retain(|filter| filter.spec.is_for(&original) && has(&res.node, &filter.spec.parts));
        if wanted.is_empty() {
            continue;
        }
        wanted.sort_by_key(|filter| filter.order);
        let role_namespaces = role_binding_namespaces(res);
        let referrer = Referrer {
            index,
            candidates: &candidates,
            by_old_name: &by_old_name,
            role_namespaces,
            role_ref: role_ref(&res.node),
        };
        let current = res.gvk();
        for filter in wanted {
            let spec = FieldSpec { gvk: current.clone(), ..filter.spec.clone() };
            let mut changes = false;
            let mut look = |node: &Node| changes |= referrer.would_change(node, filter);
            look_at(&res.node, &spec.parts, &mut look);
            if !changes {
                continue;
            }
            let asked = Origin::at(Mark::NONE);
            let mut set = |node: &mut Node| referrer.set(node, filter).map(drop);
            errors.extend(visit(res.node_mut(), &spec.parts, false, Make::Nothing, &asked, &mut set).err());
        }
    }
    errors.into_iter().for_each(|error| build.field_error(error));
}

fn candidate(context: &Context<'_, '_>, res: &Res) -> Candidate {
    let current = res.id(context.schema());
    let previous = res.previous_ids();
    let original = previous.first().unwrap_or(&current);
    Candidate {
        original_namespace: SmolStr::new(original.effective_namespace()),
        name_origin: res.node.path(&["metadata", "name"]).map_or(Origin::NONE, |node| node.origin.clone()),
        id_origins: res
            .id_origins()
            .into_iter()
            .chain(res.node.get("roleRef").map(leaves).into_iter().flatten())
            .collect(),
        prefixes: res.book.prefixes.clone(),
        suffixes: res.book.suffixes.clone(),
        current,
        previous,
    }
}

struct Filter<'c> {
    order: usize,
    spec: &'c FieldSpec,
    target: &'c Gvk,
}

fn filters_by_kind(config: &Config) -> BTreeMap<&str, Vec<Filter<'_>>> {
    let mut filters: BTreeMap<&str, Vec<Filter<'_>>> = BTreeMap::new();
    let mut order = 0;
    for BackReference { target, referrers } in &config.name_reference {
        for spec in referrers {
            filters.entry(&spec.gvk.kind).or_default().push(Filter { order, spec, target });
            order += 1;
        }
    }
    filters
}

/// Shows `look` every value at `parts`.
fn look_at(node: &Node, parts: &[SmolStr], look: &mut dyn FnMut(&Node)) {
    let Some((part, rest)) = parts.split_first() else { return look(node) };
    match &node.value {
        Value::Sequence(sequence) => sequence.items.iter().for_each(|item| look_at(item, parts, look)),
        Value::Mapping(mapping) => {
            if let Some(value) = mapping.get(part.strip_suffix("[]").unwrap_or(part)) {
                look_at(value, rest, look);
            }
        }
        Value::Scalar(_) => {
            if !node.is_null() {
                look(node);
            }
        }
    }
}

/// The namespaces of the service accounts that a RoleBinding binds.
fn role_binding_namespaces(res: &Res) -> HashSet<SmolStr> {
    if res.kind() != "RoleBinding" {
        return HashSet::new();
    }
    res.node
        .get("subjects")
        .map_or(&[][..], Node::items)
        .iter()
        .filter(|subject| subject.get("kind").is_some_and(|kind| raw(kind) == "ServiceAccount"))
        .filter_map(|subject| subject.get("namespace"))
        .map(|namespace| SmolStr::new(raw(namespace)))
        .collect()
}

fn role_ref(node: &Node) -> Option<Gvk> {
    let role = node.get("roleRef")?;
    Some(Gvk {
        group: SmolStr::new(raw(role.get("apiGroup")?)),
        version: SmolStr::default(),
        kind: SmolStr::new(raw(role.get("kind")?)),
    })
}

/// The resource whose references are followed.
struct Referrer<'c> {
    index: usize,
    candidates: &'c [Candidate],
    by_old_name: &'c HashMap<SmolStr, Vec<usize>>,
    role_namespaces: HashSet<SmolStr>,
    role_ref: Option<Gvk>,
}

impl Referrer<'_> {
    fn own(&self) -> &Candidate {
        &self.candidates[self.index]
    }

    /// Whether the resource may refer to `candidate` at all.
    fn may_see(&self, candidate: &Candidate) -> bool {
        let own = &self.own().current;
        own.cluster_scoped
            || candidate.current.cluster_scoped
            || candidate.current.same_namespace(own)
            || self.role_namespaces.contains(&candidate.current.namespace)
    }

    /// What `old` refers to now. `namespace`: the one that the reference names beside.
    fn referral(
        &self,
        old: &str,
        mapping: bool,
        namespace: Option<&str>,
        filter: &Filter<'_>,
    ) -> Result<Option<&Candidate>, String> {
        let Some(indices) = self.by_old_name.get(old) else { return Ok(None) };
        let own = self.own();
        let in_namespace = |candidate: &&Candidate| {
            let Some(namespace) = namespace else { return true };
            let visible = || self.candidates.iter().filter(|candidate| self.may_see(candidate));
            if visible().any(|candidate| candidate.original_namespace == namespace) && namespace != CLUSTER {
                candidate.original_namespace == namespace
            } else {
                candidate.current.effective_namespace() == namespace && !candidate.current.cluster_scoped
            }
        };
        let role = filter.spec.path.ends_with("roleRef/name").then_some(self.role_ref.as_ref()).flatten();
        let mut found: Vec<&Candidate> = indices
            .iter()
            .map(|index| &self.candidates[*index])
            .filter(|candidate| self.may_see(candidate))
            .filter(in_namespace)
            .filter(|candidate| candidate.previous.iter().any(|id| id.gvk.is_selected(filter.target)))
            .filter(|candidate| role.is_none_or(|role| candidate.previous.iter().any(|id| id.gvk.is_selected(role))))
            .filter(|candidate| {
                own.current.cluster_scoped
                    || candidate.current.cluster_scoped
                    || candidate.current.gvk.kind == "ServiceAccount"
                    || own.current.same_namespace(&candidate.current)
            })
            .collect();
        if let [one] = found.as_slice() {
            return Ok(Some(one));
        }
        found.retain(|candidate| same_affixes(candidate, own, true));
        if found.len() > 1 {
            found.retain(|candidate| same_affixes(candidate, own, false));
        }
        let Some(first) = found.first() else { return Ok(None) };
        let alike = found.iter().all(|other| {
            other.current.name == first.current.name && (!mapping || other.current.namespace == first.current.namespace)
        });
        if found.len() == 1 || alike {
            return Ok(Some(first));
        }
        let names: Vec<String> = found.iter().map(|candidate| candidate.current.to_string()).collect();
        Err(format!("`{old}` may refer to any of {}", names.join(", ")))
    }

    fn would_change(&self, node: &Node, filter: &Filter<'_>) -> bool {
        match &node.value {
            Value::Scalar(_) => match self.referral(raw(node), false, None, filter) {
                Ok(found) => found.is_some_and(|found| found.current.name != raw(node)),
                Err(_) => true,
            },
            Value::Sequence(sequence) => sequence.items.iter().any(|item| self.would_change(item, filter)),
            Value::Mapping(mapping) => {
                let Some(name) = mapping.get("name") else { return true };
                let namespace = mapping.get("namespace").map(raw);
                match self.referral(raw(name), true, namespace, filter) {
                    Ok(found) => found.is_some_and(|found| {
                        found.current.name != raw(name)
                            || (!found.current.namespace.is_empty()
                                && namespace != Some(found.current.namespace.as_str()))
                    }),
                    Err(_) => true,
                }
            }
        }
    }

    /// Lets `node` follow what it refers to; what the change depends on, if there is one.
    fn set(&self, node: &mut Node, filter: &Filter<'_>) -> Result<Option<Follows>, FieldError> {
        let error = |message: String, origin: &Origin| FieldError { message, origin: origin.clone() };
        if node.is_null() {
            return Ok(None);
        }
        match &mut node.value {
            Value::Scalar(_) => {
                let found = self.referral(raw(node), false, None, filter).map_err(|text| error(text, &node.origin))?;
                let Some(found) = found.filter(|found| found.current.name != raw(node)) else { return Ok(None) };
                *node = self.renamed(node, &found.current.name, Tag::None, found, filter);
                Ok(Some(self.follows(found, filter)))
            }
            Value::Sequence(sequence) => {
                let mut all = Vec::new();
                for item in &mut sequence.items {
                    all.extend(self.set(item, filter)?);
                }
                let follows =
                    (!all.is_empty()).then(|| all.iter().flat_map(|follows| follows.iter().cloned()).collect());
                // Which of its elements are alike now depends on it, too.
                node.origin = node.origin.because(follows.clone());
                Ok(follows)
            }
            Value::Mapping(mapping) => {
                let origin = node.origin.clone();
                let Some(name) = mapping.get("name") else {
                    return Err(error(format!("`{}`: the reference has no `name`", filter.spec.path), &origin));
                };
                let namespace = mapping.get("namespace").map(raw);
                let old = raw(name).to_owned();
                let written: Follows = [Some(name), mapping.get("namespace")]
                    .into_iter()
                    .flatten()
                    .map(|node| node.origin.clone())
                    .collect();
                let found = self.referral(&old, true, namespace, filter).map_err(|text| error(text, &name.origin))?;
                let Some(found) = found else { return Ok(None) };
                if found.current.name == old && found.current.namespace.is_empty() {
                    return Ok(None);
                }
                let follows = self.follows(found, filter).iter().chain(written.iter()).cloned().collect();
                if found.current.name != old {
                    let mut new = self.renamed(name, &found.current.name, Tag::None, found, filter);
                    new.origin = new.origin.because(Some(written.clone()));
                    mapping.set("name", new);
                }
                if !found.current.namespace.is_empty() {
                    let mut new = match mapping.get("namespace") {
                        Some(old) if raw(old) == found.current.namespace => return Ok(Some(follows)),
                        Some(old) => self.renamed(old, &found.current.namespace, Tag::Str, found, filter),
                        None => {
                            let origin = found.name_origin.because(Some(self.follows(found, filter)));
                            Node::string(found.current.namespace.clone(), origin)
                        }
                    };
                    new.origin = new.origin.because(Some(written));
                    mapping.set("namespace", new);
                }
                Ok(Some(follows))
            }
        }
    }

    /// The reference in its new form: it was written where it stands, and follows the name of what it refers to.
    fn renamed(&self, old: &Node, text: &SmolStr, tag: Tag, found: &Candidate, filter: &Filter<'_>) -> Node {
        let what = format!("name of {}", found.current);
        let origin = old.origin.then_following(found.name_origin.mark, what, Some(self.follows(found, filter)));
        in_style_of(old, text.clone(), tag, origin)
    }

    /// What makes the reference one to `found`: what tells that from others, and the referrer's kind and namespace.
    fn follows(&self, found: &Candidate, filter: &Filter<'_>) -> Follows {
        let own = &self.own().id_origins;
        found.id_origins.iter().chain(own).chain(&filter.spec.written).cloned().collect()
    }
}

fn same_affixes(a: &Candidate, b: &Candidate, allow_empty: bool) -> bool {
    let same = |a: &[SmolStr], b: &[SmolStr]| {
        if allow_empty && (a.is_empty() || b.is_empty()) {
            return true;
        }
        let (short, long) = if a.len() > b.len() { (b, a) } else { (a, b) };
        if short.is_empty() { long.is_empty() } else { long.ends_with(short) }
    };
    same(&a.prefixes, &b.prefixes) && same(&a.suffixes, &b.suffixes)
}
