//! Selecting resources: regular expressions over names, and label selectors.

use regex::{Regex, RegexBuilder};
use smol_str::SmolStr;

use super::kustomization::Selector;
use super::resource::{Gvk, Id, Res};
use super::schema::MergeSchema;

/// A selector whose expressions are compiled.
#[derive(Debug)]
pub(super) struct Matcher {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

/// An expression over a whole text; most are plain words.
#[derive(Debug)]
enum Pattern {
    Any,
    Word(SmolStr),
    Expression(Box<Regex>),
}

impl Pattern {
    fn of(text: &str) -> Result<Pattern, String> {
        if text.is_empty() {
            return Ok(Pattern::Any);
        }
        if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'/' || b == b':') {
            return Ok(Pattern::Word(SmolStr::new(text)));
        }
        compile(&format!("^(?:{text})$")).map(|regex| Pattern::Expression(Box::new(regex)))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::Word(word) => word == text,
            Pattern::Expression(regex) => regex.is_match(text),
        }
    }
}

/// Compiles an expression of a kustomization: ASCII classes as in Go, and a limit to what it may cost.
///
/// # Errors
/// What is wrong with it.
pub(super) fn compile(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .size_limit(4 << 20)
        .build()
        .map_err(|error| format!("not a regular expression: {}", error.to_string().lines().last().unwrap_or_default()))
}

/// One requirement of a label selector.
#[derive(Debug, Clone, PartialEq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
    Greater(String, i64),
    Less(String, i64),
}

impl Requirement {
    fn matches<'t>(&self, mut texts: impl Iterator<Item = (&'t str, &'t str)>) -> bool {
        let mut value = |key: &str| texts.find(|(known, _)| *known == key).map(|(_, value)| value);
        match self {
            Requirement::In(key, values) => value(key).is_some_and(|value| values.iter().any(|v| v == value)),
            Requirement::NotIn(key, values) => value(key).is_none_or(|value| values.iter().all(|v| v != value)),
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Missing(key) => value(key).is_none(),
            Requirement::Greater(key, than) => value(key).and_then(|v| v.parse().ok()).is_some_and(|v: i64| v > *than),
            Requirement::Less(key, than) => value(key).and_then(|v| v.parse().ok()).is_some_and(|v: i64| v < *than),
        }
    }
}

impl Matcher {
    /// Compiles `selector`.
    ///
    /// # Errors
    /// What is wrong with an expression or a label selector.
    pub(super) fn new(selector: &Selector) -> Result<Matcher, String> {
        Ok(Matcher {
            group: Pattern::of(&selector.group)?,
            version: Pattern::of(&selector.version)?,
            kind: Pattern::of(&selector.kind)?,
            name: Pattern::of(&selector.name)?,
            namespace: Pattern::of(&selector.namespace)?,
            labels: requirements(&selector.label_selector)?,
            annotations: requirements(&selector.annotation_selector)?,
        })
    }

    fn gvk(&self, gvk: &Gvk) -> bool {
        self.group.matches(&gvk.group) && self.version.matches(&gvk.version) && self.kind.matches(&gvk.kind)
    }

    /// Whether the labels and annotations are those asked for.
    pub(super) fn texts(&self, res: &Res) -> bool {
        self.labels.iter().all(|requirement| requirement.matches(res.texts("labels")))
            && self.annotations.iter().all(|requirement| requirement.matches(res.texts("annotations")))
    }

    /// Whether the selector asks for labels or annotations.
    pub(super) fn asks_for_texts(&self) -> bool {
        !self.labels.is_empty() || !self.annotations.is_empty()
    }

    /// Whether the selector asks for a kind or a name.
    pub(super) fn asks_for_id(&self) -> bool {
        ![&self.group, &self.version, &self.kind, &self.name, &self.namespace]
            .iter()
            .all(|pattern| matches!(pattern, Pattern::Any))
    }

    /// Whether an id is asked for, its namespace as it is written.
    pub(super) fn id(&self, id: &Id) -> bool {
        self.gvk(&id.gvk) && self.name.matches(&id.name) && self.namespace.matches(&id.namespace)
    }

    /// Whether a patch with this target is for the resource.
    pub(super) fn selects(&self, res: &Res, schema: &MergeSchema) -> bool {
        if !self.gvk(&res.gvk()) {
            return false;
        }
        let (current, original) = (res.id(schema), res.original_id(schema));
        (self.namespace.matches(original.effective_namespace())
            || self.namespace.matches(current.effective_namespace()))
            && (self.name.matches(&original.name) || self.name.matches(&current.name))
            && self.texts(res)
    }
}

/// Parses a label selector: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
fn requirements(text: &str) -> Result<Vec<Requirement>, String> {
    let mut requirements = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    let mut pieces = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                pieces.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    if depth != 0 {
        return Err(format!("label selector `{text}`: a parenthesis is open"));
    }
    for piece in pieces {
        let piece = piece.trim();
        if piece.is_empty() {
            if text.trim().is_empty() {
                break;
            }
            return Err(format!("label selector `{text}`: a requirement is empty"));
        }
        requirements
            .push(requirement(piece).ok_or_else(|| format!("`{piece}` is no requirement of a label selector"))?);
    }
    Ok(requirements)
}

fn requirement(piece: &str) -> Option<Requirement> {
    let word = |text: &str| {
        let text = text.trim();
        let ok = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'));
        (ok && !text.is_empty()).then(|| text.to_owned())
    };
    let value = |text: &str| if text.trim().is_empty() { Some(String::new()) } else { word(text) };
    if let Some(key) = piece.strip_prefix('!') {
        return word(key).map(Requirement::Missing);
    }
    for (operator, negated) in [("!=", true), ("==", false), ("=", false)] {
        if let Some((key, text)) = piece.split_once(operator) {
            let values = vec![value(text)?];
            let key = word(key)?;
            return Some(if negated { Requirement::NotIn(key, values) } else { Requirement::In(key, values) });
        }
    }
    if let Some((key, than)) = piece.split_once('>') {
        return Some(Requirement::Greater(word(key)?, than.trim().parse().ok()?));
    }
    if let Some((key, than)) = piece.split_once('<') {
        return Some(Requirement::Less(word(key)?, than.trim().parse().ok()?));
    }
    if let Some(inner) = piece.strip_suffix(')') {
        let (head, list) = inner.split_once('(')?;
        let mut words = head.split_whitespace();
        let key = word(words.next()?)?;
        let values = list.split(',').map(value).collect::<Option<Vec<_>>>()?;
        return match words.next()? {
            "in" => Some(Requirement::In(key, values)),
            "notin" => Some(Requirement::NotIn(key, values)),
            _ => None,
        };
    }
    word(piece).map(Requirement::Exists)
}
