//! What the templates of git directory generators make of the segments of a path.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::World;
use super::argo::key_mark;
use crate::origin::Mark;
use crate::render::Resource;
use crate::resolve::applicationset::pattern::path_match;
use crate::resolve::applicationset::{Checkout, all_directories, suggestion};
use crate::resolve::repository::Meaning;
use crate::yaml::Node;

/// A git directory generator and the directories that it is meant for.
#[derive(Debug)]
pub(crate) struct Template<'a> {
    /// The ApplicationSet.
    pub(crate) set: &'a Resource,
    /// Where the generator stands.
    pub(crate) generator: Mark,
    /// The path of the generator.
    pub(crate) place: &'a Node,
    /// The pattern that matches the directories.
    pub(crate) pattern: String,
    /// Whether it is not the generator's own pattern, which matches nothing, but one with another `*`.
    pub(crate) repaired: bool,
    /// The directories, more than one.
    pub(crate) directories: Vec<String>,
}

/// A name that several directories share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) count: usize,
}

/// One placeholder, in either language.
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"\{\{-?\s*(?:",
        r"\.?path(?:\.path|\.segments)?\[(?P<bracket>\d+)\]",
        r"|index\s+\.?path\.segments\s+(?P<index>\d+)",
        r"|(?P<base>\.?path\.basename(?:Normalized)?)",
        r"|(?P<path>\.?path(?:\.path)?)",
        r")\s*-?\}\}"
    ))
    .ok()
});

/// The generators of `set` that list directories of this repository.
pub(crate) fn templates<'a>(world: &World<'a>, set: &'a Resource) -> Vec<Template<'a>> {
    let generators = set.node.path(&["spec", "generators"]).map(Node::items).unwrap_or_default();
    let mut templates = Vec::new();
    for generator in generators {
        let Some(git) = generator.get("git") else { continue };
        let url = git.get("repoURL").and_then(Node::text).unwrap_or_default();
        let Meaning::Here(directory) = world.resolved.identity.meaning(url) else { continue };
        let checkout = Checkout { repository: world.repository, directory };
        let listed = git.get("directories").map(Node::items).unwrap_or_default();
        let text = |item: &'a Node| item.get("path").and_then(Node::text).unwrap_or_default();
        let excludes = |item: &&Node| item.get("exclude").and_then(Node::as_bool).unwrap_or(false);
        let Some(item) = listed.iter().find(|item| !excludes(item)) else { continue };
        let all = all_directories(&checkout, false);
        let matching = |pattern: &str| -> Vec<String> {
            let excluded =
                |directory: &String| listed.iter().filter(excludes).any(|item| path_match(text(item), directory));
            all.iter().filter(|directory| path_match(pattern, directory) && !excluded(directory)).cloned().collect()
        };
        let mut pattern = text(item).to_owned();
        let mut directories = matching(&pattern);
        let repaired = directories.is_empty();
        if repaired {
            let Some(other) = suggestion(&pattern, &all) else { continue };
            directories = matching(&other);
            pattern = other;
        }
        if directories.len() > 1 {
            templates.push(Template {
                set,
                generator: key_mark(generator, &["git"]).unwrap_or(generator.mark()),
                place: item.get("path").unwrap_or(item),
                pattern,
                repaired,
                directories,
            });
        }
    }
    templates
}

impl Template<'_> {
    /// The indices of the segments that `text` uses.
    pub(crate) fn segments(&self, text: &str) -> Vec<usize> {
        let Some(token) = TOKEN.as_ref() else { return Vec::new() };
        token.captures_iter(text).filter_map(|captures| index(&captures)).collect()
    }

    /// The segment, if it is the same in all directories.
    pub(crate) fn constant(&self, index: usize) -> Option<&str> {
        let mut values = self.directories.iter().map(|directory| directory.split('/').nth(index));
        let first = values.next()??;
        values.all(|value| value == Some(first)).then_some(first)
    }

    /// How many different values a segment has.
    pub(crate) fn services(&self, index: usize) -> usize {
        let values: BTreeSet<Option<&str>> =
            self.directories.iter().map(|directory| directory.split('/').nth(index)).collect();
        values.len()
    }

    /// The segment that has the most different values.
    pub(crate) fn varying(&self) -> Option<usize> {
        let length = self.directories.first()?.split('/').count();
        (0..length)
            .filter(|index| self.services(*index) > 1)
            .max_by_key(|index| (self.services(*index), length - index))
    }

    /// The first placeholder of `text` whose segment the generator's own pattern spells out, if the text leaves out a
    /// segment that the pattern leaves open: its offset, the index, and the word.
    pub(crate) fn spelled_out(&self, text: &str) -> Option<(usize, usize, &str)> {
        let token = TOKEN.as_ref()?;
        let pattern: Vec<&str> = self.place.text().unwrap_or_default().split('/').collect();
        let mut used: BTreeSet<usize> = BTreeSet::new();
        let mut spelled = None;
        for captures in token.captures_iter(text) {
            match index(&captures) {
                Some(index) => {
                    used.insert(index);
                    let word = pattern.get(index)?;
                    if !word.contains(['*', '?', '[']) && spelled.is_none() {
                        spelled = Some((captures.get(0)?.start(), index, *word));
                    }
                }
                None if captures.name("base").is_some() => drop(used.insert(pattern.len() - 1)),
                None => return None,
            }
        }
        let mut open = pattern.iter().enumerate().filter(|(_, segment)| segment.contains(['*', '?', '[']));
        let leaves_out = open.any(|(index, _)| !used.contains(&index));
        // Something besides the path may tell them apart.
        let only_path = !token.replace_all(text, "").contains("{{");
        spelled.filter(|_| leaves_out && only_path)
    }

    /// Where the placeholder of a segment begins in `text`.
    pub(crate) fn offset(&self, text: &str, wanted: usize) -> Option<usize> {
        let token = TOKEN.as_ref()?;
        let found = token.captures_iter(text).find(|captures| index(captures) == Some(wanted))?;
        Some(found.get(0)?.start())
    }

    /// A name that `text` gives to more than one directory. `None` where it uses anything but the path.
    pub(crate) fn shared_name(&self, text: &str) -> Option<Shared> {
        let token = TOKEN.as_ref()?;
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for directory in &self.directories {
            let name = token.replace_all(text, |captures: &regex::Captures<'_>| match index(captures) {
                Some(index) => directory.split('/').nth(index).unwrap_or_default().to_owned(),
                None if captures.name("base").is_some() => crate::source::base_name(directory).to_owned(),
                None => directory.clone(),
            });
            if name.contains("{{") {
                return None;
            }
            *names.entry(name.into_owned()).or_default() += 1;
        }
        let (name, count) = names.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))?;
        (count > 1).then_some(Shared { name, count })
    }
}

fn index(captures: &regex::Captures<'_>) -> Option<usize> {
    captures.name("bracket").or_else(|| captures.name("index"))?.as_str().parse().ok()
}
