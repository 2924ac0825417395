//! Variables: `$(NAME)` replaced by a value of a resource.

use std::collections::{BTreeMap, HashSet};

use smol_str::SmolStr;

use super::accumulate::Context;
use super::build::Build;
use super::fieldspec::{FieldError, Make, has, visit};
use super::kustomization::{Kustomization, Variable};
use super::path;
use super::resource::{Gvk, raw};
use crate::check::rules;
use crate::finding::Finding;
use crate::origin::{Follows, Mark, Origin};
use crate::yaml::{Node, Resolved, Scalar, Style, Tag, Value};

/// Binds the variables of a kustomization to the resources that they are of.
pub(super) fn declare(context: &Context<'_, '_>, kustomization: &Kustomization, build: &mut Build) {
    for variable in &kustomization.vars {
        let gvk = Gvk { group: variable.group.clone(), version: variable.version.clone(), kind: variable.kind.clone() };
        let namespace = match variable.namespace.as_str() {
            "" => None,
            namespace => Some(namespace),
        };
        let found: Vec<usize> = build
            .resources
            .iter()
            .enumerate()
            .filter(|(_, res)| {
                res.all_ids(context.schema()).iter().any(|id| {
                    id.gvk == gvk
                        && id.name == variable.target
                        && namespace.is_none_or(|namespace| id.effective_namespace() == namespace)
                })
            })
            .map(|(index, _)| index)
            .collect();
        match found.as_slice() {
            [] => {}
            [index] => {
                if let Some(res) = build.resources.get_mut(*index) {
                    res.book.variables.push(variable.name.clone());
                }
            }
            _ => {
                let message = format!("{} resources are what the variable `{}` is of", found.len(), variable.name);
                build.error(variable.mark, message);
            }
        }
        build.vars.push(variable.clone());
    }
    check_names(build);
}

/// Reports variables whose name is taken.
pub(super) fn check_names(build: &mut Build) {
    let mut known: BTreeMap<SmolStr, Variable> = BTreeMap::new();
    for variable in std::mem::take(&mut build.vars) {
        if known.contains_key(&variable.name) {
            build.error(variable.mark, format!("the variable `{}` is there twice", variable.name));
        } else {
            known.insert(variable.name.clone(), variable);
        }
    }
    build.vars = known.into_values().collect();
}

/// What a variable stands for.
struct Meaning {
    text: String,
    tag: Tag,
    origin: Origin,
}

/// Replaces the variables in every field that may hold some.
pub(super) fn resolve(context: &Context<'_, '_>, build: &mut Build) {
    let mut meanings: BTreeMap<SmolStr, Option<Meaning>> = BTreeMap::new();
    let mut defined: Vec<(SmolStr, Mark)> = Vec::new();
    for variable in std::mem::take(&mut build.vars) {
        let resource = build.resources.iter().find(|res| res.book.variables.contains(&variable.name));
        let Some(resource) = resource else {
            build.failed = true;
            if !build.partial {
                let what = format!("{} `{}`", variable.kind, variable.target);
                build
                    .error(variable.mark, format!("the variable `{}` is of a {what} that is not there", variable.name));
            }
            continue;
        };
        let parts = path::with_indices(&variable.field_path);
        match path::lookup(&resource.node, &parts) {
            Ok(Some(node)) => {
                let chosen: Follows =
                    resource.id_origins().into_iter().chain(variable.written.iter().cloned()).collect();
                meanings.insert(variable.name.clone(), meaning(node, chosen));
                defined.push((variable.name.clone(), variable.mark));
            }
            _ => {
                let message = format!("the variable `{}`: there is no `{}`", variable.name, variable.field_path);
                build.error(variable.mark, message);
            }
        }
    }
    if meanings.is_empty() {
        return;
    }
    let config = build.config();
    let mut errors = Vec::new();
    let mut used: HashSet<SmolStr> = HashSet::new();
    for res in &mut build.resources {
        for spec in &config.var_reference {
            if !spec.is_for(&res.gvk()) || !has(&res.node, &spec.parts) {
                continue;
            }
            let follows = spec.follows(res);
            let mut set = |node: &mut Node| replace(node, &meanings, &follows, &mut used);
            errors.extend(visit(res.node_mut(), &spec.parts, false, Make::Nothing, &Origin::NONE, &mut set).err());
        }
    }
    errors.into_iter().for_each(|error| build.field_error(error));
    for (name, mark) in defined {
        if used.contains(&name) {
            context.builds.note_match(mark);
        } else if !build.partial {
            let finding = Finding::new(&rules::variable_without_effect::RULE, mark)
                .message(format!("no field that may hold variables says $({name})"));
            build.findings.push(finding);
        }
    }
}

fn meaning(node: &Node, chosen: Follows) -> Option<Meaning> {
    let scalar = node.as_scalar()?;
    let tag = match scalar.resolve() {
        Resolved::Int(_) | Resolved::Uint(_) => Tag::Int,
        Resolved::Float(_) => Tag::Float,
        Resolved::Bool(_) => Tag::Bool,
        _ => Tag::Str,
    };
    Some(Meaning { text: scalar.text.to_string(), tag, origin: node.origin.because(Some(chosen)) })
}

fn replace(
    node: &mut Node,
    meanings: &BTreeMap<SmolStr, Option<Meaning>>,
    follows: &Option<Follows>,
    used: &mut HashSet<SmolStr>,
) -> Result<(), FieldError> {
    if node.is_null() {
        return Ok(());
    }
    let origin = node.origin.clone();
    match &mut node.value {
        Value::Scalar(scalar) => {
            if scalar.is_string() {
                expand(node, meanings, follows, used);
            }
        }
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                if entry.value.as_scalar().is_some_and(Scalar::is_string) {
                    expand(&mut entry.value, meanings, follows, used);
                }
            }
        }
        Value::Sequence(sequence) => {
            for item in &mut sequence.items {
                if !item.as_scalar().is_some_and(Scalar::is_string) {
                    return Err(FieldError { message: "a list of strings was expected".to_owned(), origin });
                }
                expand(item, meanings, follows, used);
            }
        }
    }
    Ok(())
}

/// Expands `$(NAME)`; `$$` is `$`. A text that is one variable as a whole takes its type. `follows` is what makes the
/// field one that may hold some.
fn expand(
    node: &mut Node,
    meanings: &BTreeMap<SmolStr, Option<Meaning>>,
    follows: &Option<Follows>,
    used: &mut HashSet<SmolStr>,
) {
    let text = raw(node).to_owned();
    if !text.contains('$') {
        return;
    }
    let mut out = String::with_capacity(text.len());
    let mut values: Vec<Origin> = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(end) = after.strip_prefix('(').and_then(|inner| inner.find(')')) {
            let name = &after[1..=end];
            match meanings.get(name).and_then(Option::as_ref) {
                Some(meaning) => {
                    used.insert(SmolStr::new(name));
                    if at == 0 && rest.len() == text.len() && after.len() == end + 2 {
                        let origin = node
                            .origin
                            .replaced_by_value(&meaning.origin, format!("variable {name}"))
                            .because(follows.clone());
                        let scalar =
                            Scalar { text: SmolStr::new(&meaning.text), style: Style::Plain, tag: meaning.tag };
                        *node = Node::scalar(scalar, origin);
                        return;
                    }
                    out.push_str(&meaning.text);
                    values.push(meaning.origin.clone());
                }
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = &after[end + 2..];
            continue;
        }
        let mut characters = after.chars();
        match characters.next() {
            // `$$` stands for one; what else follows a `$` stays.
            Some('$') => out.push('$'),
            Some(c) => {
                out.push('$');
                out.push(c);
            }
            None => {
                out.push('$');
            }
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    let origin = match values.last().map(|last| last.mark) {
        Some(mark) => node.origin.then_following(mark, "variable", Some(values.into())).because(follows.clone()),
        None if out == text => node.origin.clone(),
        None => node.origin.because(follows.clone()),
    };
    *node = Node::string(out, origin);
}
