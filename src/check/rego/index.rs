//! Which kinds can make a policy say something, seen through the libraries that it uses.
//!
//! A rule whose body asks for `some container in lib.containers` says nothing about a kind for which `lib.containers` is
//! empty. What can be told from the text is told: expressions of their own at the top of a body, which must hold for the
//! body to hold. Everything else (alternatives, comprehensions, functions, negations) narrows nothing, so that a policy
//! is only left out where it could not have spoken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use smol_str::SmolStr;

use super::source::{Source, kinds_of};

/// Rules that refer to each other more deeply than this narrow nothing.
const MAX_DEPTH: usize = 20;

/// The head of a rule at the beginning of a line: its name, and what follows it.
static RULE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?<name>[A-Za-z_][A-Za-z0-9_]*)(?<rest>.*)$").ok());

/// `import data.lib.kubernetes as k`
static IMPORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)^import[ \t]+data\.(?<path>[A-Za-z0-9_.]+)(?:[ \t]+as[ \t]+(?<alias>\w+))?").ok()
});

/// `some x in lib.containers`, `some i, x in pod.spec.containers`
static SOME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^some[ \t]+\w+(?:[ \t]*,[ \t]*\w+)?[ \t]+in[ \t]+(?<path>[A-Za-z_][\w.]*)$").ok());

/// `lib.application`, `x := lib.pod.spec`
static PLAIN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?:\w+[ \t]*:=[ \t]*)?(?<path>[A-Za-z_][\w.]*)$").ok());

/// `input.kind in workloads`
static AMONG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^input\.kind[ \t]+in[ \t]+(?<path>[A-Za-z_][\w.]*)$").ok());

type Kinds = Option<BTreeSet<SmolStr>>;

/// One definition of a rule.
#[derive(Debug)]
struct Definition {
    /// Whether it adds to a set: an empty one is defined.
    partial: bool,
    /// The expressions that must hold; `None` if it cannot be told.
    body: Option<Vec<String>>,
    /// Names that the definition declares itself: they hide rules.
    text: String,
    /// The texts of a literal set or list, for `workloads := {"Deployment"}`.
    literal: Option<Vec<SmolStr>>,
}

/// The rules of all policies, by package and name.
struct Rules<'s> {
    rules: BTreeMap<(&'s str, String), Vec<Definition>>,
    /// What a name stands for, by package and alias: the path behind `data.`.
    imports: BTreeMap<(&'s str, String), String>,
}

/// Narrows the kinds of the heads of `sources`.
pub(super) fn narrow(sources: &mut [Source]) {
    let mut found: Vec<Vec<Kinds>> = Vec::new();
    {
        let rules = Rules::of(sources);
        for source in sources.iter() {
            let of = |compiled: &str| rules.kinds(&source.package, compiled, false, 0);
            found.push(source.heads.iter().map(|head| of(&head.compiled)).collect());
        }
    }
    for (source, found) in sources.iter_mut().zip(found) {
        for (head, kinds) in source.heads.iter_mut().zip(found) {
            let Some(kinds) = kinds else { continue };
            head.kinds = Some(match head.kinds.take() {
                Some(known) => known.into_iter().filter(|kind| kinds.contains(kind)).collect(),
                None => kinds.into_iter().collect(),
            });
        }
    }
}

impl<'s> Rules<'s> {
    fn of(sources: &'s [Source]) -> Rules<'s> {
        let mut rules = Rules { rules: BTreeMap::new(), imports: BTreeMap::new() };
        for source in sources {
            let package = source.package.as_str();
            for found in IMPORT.iter().flat_map(|regex| regex.captures_iter(&source.text)) {
                let path = &found["path"];
                let last = path.rsplit('.').next().unwrap_or(path);
                let alias = found.name("alias").map_or(last, |alias| alias.as_str());
                rules.imports.insert((package, alias.to_owned()), path.to_owned());
            }
            for chunk in chunks(&source.text) {
                if let Some((name, definition)) = define(&chunk) {
                    rules.rules.entry((package, name)).or_default().push(definition);
                }
            }
        }
        rules
    }

    /// The kinds for which a rule of `package` can be defined; with `filled`, for which it can hold something.
    fn kinds(&self, package: &str, name: &str, filled: bool, depth: usize) -> Kinds {
        if depth > MAX_DEPTH {
            return None;
        }
        let (_, definitions) = self.rules.iter().find(|((of, known), _)| *of == package && known.as_str() == name)?;
        if definitions.iter().any(|definition| definition.partial) && !filled && depth > 0 {
            return None;
        }
        let mut kinds = BTreeSet::new();
        for definition in definitions {
            kinds.extend(self.kinds_of_body(package, definition, depth)?);
        }
        Some(kinds)
    }

    fn kinds_of_body(&self, package: &str, definition: &Definition, depth: usize) -> Kinds {
        let mut narrowed: Kinds = None;
        for line in definition.body.as_ref()? {
            let Some(kinds) = self.kinds_of_line(package, definition, line, depth) else { continue };
            narrowed = Some(match narrowed {
                Some(known) => known.intersection(&kinds).cloned().collect(),
                None => kinds,
            });
        }
        narrowed
    }

    fn kinds_of_line(&self, package: &str, definition: &Definition, line: &str, depth: usize) -> Kinds {
        if let Some(kinds) = kinds_of(line) {
            return Some(kinds.into_iter().collect());
        }
        let path = |regex: &LazyLock<Option<Regex>>| {
            regex.as_ref().and_then(|regex| regex.captures(line)).map(|found| found["path"].to_owned())
        };
        if let Some(path) = path(&AMONG) {
            let (package, name, rest) = self.resolve(package, definition, &path)?;
            let (_, definitions) = self.rules.iter().find(|((of, known), _)| *of == package && *known == name)?;
            let [only] = definitions.as_slice() else { return None };
            let literal = only.literal.as_ref().filter(|_| rest.is_empty())?;
            return Some(literal.iter().cloned().collect());
        }
        let (path, filled) = match path(&SOME) {
            Some(path) => (path, true),
            None => (path(&PLAIN)?, false),
        };
        let (package, name, rest) = self.resolve(package, definition, &path)?;
        // A field of a set is none: only complete rules have fields.
        self.kinds(&package, &name, filled && rest.is_empty(), depth + 1)
    }

    /// The package and name of the rule that `path` begins with, and the rest of the path.
    fn resolve(&self, package: &str, definition: &Definition, path: &str) -> Option<(String, String, String)> {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        if first == "input" || declares(&definition.text, first) {
            return None;
        }
        if self.rules.keys().any(|(of, name)| *of == package && name == first) {
            return Some((package.to_owned(), first.to_owned(), rest.to_owned()));
        }
        let (_, imported) = self.imports.iter().find(|((of, alias), _)| *of == package && alias == first)?;
        let whole = if rest.is_empty() { imported.clone() } else { format!("{imported}.{rest}") };
        // The longest package that the path begins with.
        let ends = whole.match_indices('.').map(|(at, _)| at).collect::<Vec<_>>();
        ends.into_iter().rev().find_map(|at| {
            let (of, behind) = (&whole[..at], &whole[at + 1..]);
            let (name, rest) = behind.split_once('.').unwrap_or((behind, ""));
            let known = self.rules.keys().any(|(package, known)| *package == of && known == name);
            known.then(|| (of.to_owned(), name.to_owned(), rest.to_owned()))
        })
    }
}

/// Whether the definition has a variable of that name.
fn declares(text: &str, name: &str) -> bool {
    let words = |line: &str| -> Vec<String> {
        line.split(|c: char| !(c.is_alphanumeric() || c == '_')).map(str::to_owned).collect()
    };
    text.lines().enumerate().any(|(index, line)| {
        let some = line
            .split("some ")
            .skip(1)
            .any(|part| words(part.split(" in ").next().unwrap_or(part)).iter().any(|word| word == name));
        // The head of the first line names the rule itself.
        let assigned = index > 0
            && line
                .split(":=")
                .next()
                .is_some_and(|left| line.contains(":=") && words(left).iter().any(|word| word == name));
        let argument = index == 0 && line.contains(&format!("({name}")) || line.contains(&format!("every {name}"));
        some || assigned || argument
    })
}

/// The rules of a text: each from a line that begins with a letter to the next such line.
fn chunks(text: &str) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    for line in text.lines() {
        let begins = line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        match (begins, chunks.last_mut()) {
            (true, _) => chunks.push(line.to_owned()),
            (false, Some(last)) => {
                last.push('\n');
                last.push_str(line);
            }
            (false, None) => {}
        }
    }
    chunks
}

/// The name of the rule of a chunk, and what it says.
fn define(chunk: &str) -> Option<(String, Definition)> {
    let first = chunk.lines().next()?;
    let found = RULE.as_ref()?.captures(first)?;
    let (name, rest) = (found["name"].to_owned(), found["rest"].trim().to_owned());
    if matches!(name.as_str(), "package" | "import") {
        return None;
    }
    // A default makes the rule defined for everything; so does what is not understood.
    if name == "default" {
        let name = rest.split_whitespace().next()?.to_owned();
        return Some((name, Definition { partial: false, body: None, text: String::new(), literal: None }));
    }
    let partial = rest.starts_with("contains") || rest.starts_with('[');
    let open = Definition { partial, body: None, text: chunk.to_owned(), literal: literal(&rest, chunk) };
    let quoted = chunk.contains('`') || chunk.contains(" else ") || chunk.contains("} {") || chunk.contains(';');
    if rest.starts_with('(') || quoted {
        return Some((name, open));
    }
    let body = match first.trim_end().strip_suffix('{') {
        Some(head) if is_head(head) => block(chunk),
        Some(_) => None,
        None if chunk.lines().skip(1).all(|line| line.trim().is_empty() || line.starts_with('#')) => inline(first),
        None => None,
    };
    Some((name, Definition { body, ..open }))
}

/// Whether what stands before the brace is a head, and the brace no part of a value.
fn is_head(head: &str) -> bool {
    let head = head.trim_end();
    head.ends_with(" if") || head.ends_with(']') || !head.contains(['=', '{', '('])
}

/// The expressions of a body whose braces have lines of their own.
fn block(chunk: &str) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    let mut depth = 1usize;
    let mut ended = false;
    for line in chunk.lines().skip(1) {
        let code = line.split(" #").next().unwrap_or(line).trim();
        if code.is_empty() || code.starts_with('#') {
            continue;
        }
        if ended {
            return None;
        }
        let opened = code.matches(['{', '[', '(']).count();
        let closed = code.matches(['}', ']', ')']).count();
        if depth == 1 && opened == closed && !code.starts_with('}') {
            lines.push(code.to_owned());
        }
        depth = (depth + opened).checked_sub(closed)?;
        ended = depth == 0;
    }
    ended.then_some(lines)
}

/// The one expression behind `if`, or between the braces of one line.
fn inline(line: &str) -> Option<Vec<String>> {
    let code = line.split(" #").next().unwrap_or(line).trim();
    let (_, body) = code.split_once(" if ")?;
    let body = body.trim();
    let body = body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or(body).trim();
    Some(vec![body.to_owned()])
}

/// The texts of `:= {"A", "B"}`.
fn literal(rest: &str, chunk: &str) -> Option<Vec<SmolStr>> {
    let value = rest.strip_prefix(":=").or(rest.strip_prefix('='))?.trim();
    if chunk.contains(" if ") {
        return None;
    }
    kinds_of(&format!("input.kind in {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(files: &[&str]) -> Vec<Option<Vec<String>>> {
        let mut number = 0;
        let mut sources: Vec<Source> =
            files.iter().map(|text| super::super::source::parse("p.rego", None, text, &mut number)).collect();
        narrow(&mut sources);
        let heads = sources.iter().flat_map(|source| &source.heads);
        heads.map(|head| head.kinds.as_ref().map(|kinds| kinds.iter().map(ToString::to_string).collect())).collect()
    }

    const LIB: &str = "package lib\nworkloads := {\"Deployment\", \"Job\"}\npod := input.spec.template if input.kind in workloads\n\
                       pod := input if input.kind == \"Pod\"\ncontainers contains c if some c in pod.spec.containers\n\
                       labels := object.get(input, \"labels\", {})\ndefault safe := false\nsafe if input.kind == \"Pod\"\n";

    #[test]
    fn a_policy_is_narrowed_through_its_library() {
        let policy =
            "package main\nimport data.lib\ndeny contains m if {\n\tsome c in lib.containers\n\tm := c.name\n}\n";
        let wanted = ["Deployment", "Job", "Pod"].map(str::to_owned).to_vec();
        assert_eq!(kinds(&[LIB, policy]), [Some(wanted)]);
        let plain = "package main\nimport data.lib\ndeny contains m if {\n\tinput.kind == \"Job\"\n\tp := lib.pod.spec\n\tm := p.x\n}\n";
        assert_eq!(kinds(&[LIB, plain]), [Some(vec!["Job".to_owned()])]);
    }

    #[test]
    fn what_could_hold_for_any_kind_is_not_narrowed() {
        for body in [
            "not lib.pod",
            "count(lib.containers) == 0",
            "lib.containers",
            "lib.labels.app",
            "lib.safe == false",
            "x := [c | some c in lib.containers]",
            "some lib in input.x\n\tlib.pod",
            "every c in lib.containers { c.x }",
        ] {
            let policy = format!("package main\nimport data.lib\ndeny contains \"m\" if {{\n\t{body}\n}}\n");
            assert_eq!(kinds(&[LIB, &policy]), [None], "{body}");
        }
    }
}
