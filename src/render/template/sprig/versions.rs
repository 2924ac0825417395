//! Semantic versions and constraints, as Masterminds/semver reads them.

use std::any::Any as StdAny;
use std::cmp::Ordering;
use std::rc::Rc;

use super::text_of;
use crate::render::template::{Call, FunctionError, Functions, Object, Param, Value};

/// A version: `v1.2.3-rc.1+build`, with parts that may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Major, minor, patch.
    pub parts: [u64; 3],
    /// Behind `-`; empty if there is none.
    pub pre: String,
    metadata: String,
    original: String,
}

impl Version {
    /// Reads a version; `v` before it and missing parts are fine.
    ///
    /// # Errors
    /// Masterminds' words.
    pub fn parse(text: &str) -> Result<Version, String> {
        let invalid = || "invalid semantic version".to_owned();
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, metadata) = rest.split_once('+').map_or((rest, None), |(rest, meta)| (rest, Some(meta)));
        let (numbers, pre) = rest.split_once('-').map_or((rest, None), |(rest, pre)| (rest, Some(pre)));
        let mut parts = [0; 3];
        for (index, part) in numbers.split('.').enumerate() {
            if index > 2 || part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(invalid());
            }
            parts[index] = part.parse().map_err(|_| invalid())?;
        }
        for identifiers in [pre, metadata].into_iter().flatten() {
            let good = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !identifiers.split('.').all(good) {
                return Err(invalid());
            }
        }
        let zeros = |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit());
        if pre.is_some_and(|pre| pre.split('.').any(zeros)) {
            return Err("version segment starts with 0".to_owned());
        }
        Ok(Version {
            parts,
            pre: pre.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    fn text(&self) -> String {
        let [major, minor, patch] = self.parts;
        let mut text = format!("{major}.{minor}.{patch}");
        if !self.pre.is_empty() {
            text.push('-');
            text.push_str(&self.pre);
        }
        if !self.metadata.is_empty() {
            text.push('+');
            text.push_str(&self.metadata);
        }
        text
    }

    /// Precedence: the metadata counts for nothing.
    fn compare(&self, other: &Version) -> Ordering {
        self.parts.cmp(&other.parts).then_with(|| compare_pre(&self.pre, &other.pre))
    }
}

fn compare_pre(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Constraints: alternatives of conditions that must all hold.
#[derive(Debug, Clone)]
pub struct Constraints(Vec<Vec<Constraint>>);

#[derive(Debug, Clone)]
struct Constraint {
    operator: String,
    version: Version,
    /// A part is missing or `x`.
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

impl Constraints {
    /// Reads constraints: `>= 1.2, < 2 || ~3.1`.
    ///
    /// # Errors
    /// Masterminds' words.
    pub fn parse(text: &str) -> Result<Constraints, String> {
        let rewritten = rewrite_ranges(text);
        rewritten.split("||").map(alternative).collect::<Result<_, _>>().map(Constraints)
    }

    /// Whether `version` meets them.
    pub fn check(&self, version: &Version) -> bool {
        self.0.iter().any(|all| {
            let pre = all.iter().any(|constraint| !constraint.version.pre.is_empty());
            all.iter().all(|constraint| (version.pre.is_empty() || pre) && constraint.check(version))
        })
    }
}

/// `1.2 - 1.4` as `>= 1.2, <= 1.4`.
fn rewrite_ranges(text: &str) -> String {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let mut at = 1;
    let mut found = false;
    while at + 1 < words.len() {
        if words[at] == "-" {
            found = true;
            let (from, to) = (words[at - 1].clone(), words[at + 1].clone());
            words.splice(at - 1..at + 2, [format!(">={from},"), format!("<={to}")]);
        }
        at += 1;
    }
    if found { words.join(" ") } else { text.to_owned() }
}

fn alternative(text: &str) -> Result<Vec<Constraint>, String> {
    let improper = || format!("improper constraint: {}", crate::render::template::quote(text));
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(improper());
    }
    let mut found = Vec::new();
    while !rest.is_empty() {
        let operator_end = rest.find(|c| !"=!<>~^".contains(c)).unwrap_or(rest.len());
        let (operator, behind) = rest.split_at(operator_end);
        if !["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"].contains(&operator) {
            return Err(improper());
        }
        let behind = behind.trim_start();
        let end = behind.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(behind.len());
        let (version, tail) = behind.split_at(end);
        found.push(constraint(operator, version).ok_or_else(improper)?);
        let trimmed = tail.trim_start();
        rest = trimmed.strip_prefix(',').map_or(trimmed, str::trim_start);
        if rest.is_empty() && trimmed.starts_with(',') {
            return Err(improper());
        }
    }
    Ok(found)
}

fn constraint(operator: &str, text: &str) -> Option<Constraint> {
    let rest = text.strip_prefix('v').unwrap_or(text);
    let numbers_end = rest.find(['-', '+']).unwrap_or(rest.len());
    let (numbers, tail) = rest.split_at(numbers_end);
    let parts: Vec<&str> = numbers.split('.').collect();
    let wild = |part: Option<&&str>| part.is_none_or(|part| matches!(*part, "x" | "X" | "*"));
    if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let pre = tail.split('+').next().unwrap_or_default();
    let [major, minor, patch] = [parts.first(), parts.get(1), parts.get(2)];
    let (version, minor_dirty, patch_dirty, dirty) = if wild(major) {
        (format!("0.0.0{pre}"), false, false, true)
    } else if wild(minor) {
        (format!("{}.0.0{pre}", major?), true, false, true)
    } else if wild(patch) {
        (format!("{}.{}.0{pre}", major?, minor?), false, true, true)
    } else {
        (rest.to_owned(), false, false, false)
    };
    let version = Version::parse(&version).ok()?;
    Some(Constraint { operator: operator.to_owned(), version, dirty, minor_dirty, patch_dirty })
}

impl Constraint {
    fn check(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        let ([major, minor, patch], [own_major, own_minor, own_patch]) = (version.parts, self.version.parts);
        match self.operator.as_str() {
            "!=" if self.dirty => {
                if own_major != major || own_minor != minor && !self.minor_dirty {
                    return true;
                }
                if self.minor_dirty {
                    return false;
                }
                if own_patch != patch && !self.patch_dirty {
                    return true;
                }
                if self.patch_dirty {
                    return compare_pre(&version.pre, &self.version.pre) != Ordering::Equal;
                }
                order != Ordering::Equal
            }
            "!=" => order != Ordering::Equal,
            ">" if self.dirty && major != own_major => major > own_major,
            ">" if self.dirty && self.minor_dirty => false,
            ">" if self.dirty && self.patch_dirty => minor > own_minor,
            ">" => order == Ordering::Greater,
            "<" => order == Ordering::Less,
            ">=" | "=>" => order != Ordering::Less,
            "<=" | "=<" if self.dirty => {
                !(major > own_major || major == own_major && minor > own_minor && !self.minor_dirty)
            }
            "<=" | "=<" => order != Ordering::Greater,
            "^" => self.caret(version, order),
            "~" | "~>" => self.tilde(version, order),
            _ if self.dirty => self.tilde(version, order),
            _ => order == Ordering::Equal,
        }
    }

    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        if order == Ordering::Less {
            return false;
        }
        if self.version.parts == [0, 0, 0] && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        version.parts[0] == self.version.parts[0] && (version.parts[1] == self.version.parts[1] || self.minor_dirty)
    }

    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let ([major, minor, patch], [own_major, own_minor, own_patch]) = (version.parts, self.version.parts);
        if order == Ordering::Less {
            return false;
        }
        if own_major > 0 || self.minor_dirty {
            return major == own_major;
        }
        if major > 0 {
            return false;
        }
        if own_minor > 0 || self.patch_dirty {
            return minor == own_minor;
        }
        minor == 0 && patch == own_patch
    }
}

struct VersionObject(Version);

impl Object for VersionObject {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn method(&self, name: &str, _: &mut Call<'_>, args: &[Value]) -> Option<Result<Value, FunctionError>> {
        let other = || match args.first() {
            Some(Value::Object(object)) => object
                .as_any()
                .downcast_ref::<VersionObject>()
                .map(|other| self.0.compare(&other.0))
                .ok_or_else(|| FunctionError::from("not a version")),
            _ => Err("invalid value; expected *semver.Version".into()),
        };
        let ordered = |test: fn(Ordering) -> bool| other().map(|order| Value::Bool(test(order)));
        let bumped = |parts: [u64; 3]| {
            let original = if self.0.original.starts_with('v') { "v" } else { "" };
            let [major, minor, patch] = parts;
            let version = Version {
                parts,
                pre: String::new(),
                metadata: String::new(),
                original: format!("{original}{major}.{minor}.{patch}"),
            };
            Value::Object(Rc::new(VersionObject(version)))
        };
        let [major, minor, patch] = self.0.parts;
        Some(match name {
            "Major" => Ok(Value::Uint(major)),
            "Minor" => Ok(Value::Uint(minor)),
            "Patch" => Ok(Value::Uint(patch)),
            "Prerelease" => Ok(self.0.pre.as_str().into()),
            "Metadata" => Ok(self.0.metadata.as_str().into()),
            "Original" => Ok(self.0.original.as_str().into()),
            "String" => Ok(self.0.text().into()),
            "IncMajor" => Ok(bumped([major + 1, 0, 0])),
            "IncMinor" => Ok(bumped([major, minor + 1, 0])),
            "IncPatch" if self.0.pre.is_empty() => Ok(bumped([major, minor, patch + 1])),
            "IncPatch" => Ok(bumped([major, minor, patch])),
            "Compare" => other().map(|order| Value::Int(order as i64)),
            "Equal" => ordered(Ordering::is_eq),
            "LessThan" => ordered(Ordering::is_lt),
            "LessThanEqual" => ordered(Ordering::is_le),
            "GreaterThan" => ordered(Ordering::is_gt),
            "GreaterThanEqual" => ordered(Ordering::is_ge),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        self.0.text()
    }

    fn parts(&self) -> Option<(bool, Vec<Value>)> {
        let mut parts: Vec<Value> = self.0.parts.map(Value::Uint).to_vec();
        parts.extend([&self.0.pre, &self.0.metadata, &self.0.original].map(|text| Value::from(text.as_str())));
        Some((true, parts))
    }

    fn as_any(&self) -> &dyn StdAny {
        self
    }
}

pub(super) fn register(functions: &mut Functions) {
    use Param::String as Text;
    functions.add("semver", &[Text], |_, args| {
        Ok(Value::Object(Rc::new(VersionObject(Version::parse(text_of(&args[0]))?))))
    });
    functions.add("semverCompare", &[Text, Text], |_, args| {
        let constraints = Constraints::parse(text_of(&args[0]))?;
        Ok(constraints.check(&Version::parse(text_of(&args[1]))?).into())
    });
}
