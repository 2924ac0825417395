//! git's pathspecs, as `git ls-files` takes them: text in, which files it covers out.
//!
//! A pathspec is a file, a directory above it, or a glob. In a plain one `*` crosses `/`; words before it change that:
//! `:(glob)apps/*/config.json`, `:(icase)`, `:(literal)`, `:(exclude)` or `:!`, `:(top)` or `:/`.

/// A pathspec.
#[derive(Debug)]
pub(super) struct Pathspec {
    pattern: String,
    /// Whether nothing in it is a wildcard.
    literal: bool,
    /// Whether `*` and `?` stop at `/`, and `**` does not.
    separated: bool,
    folded: bool,
    excluding: bool,
}

/// Why a text is no pathspec that can be judged here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// git refuses it, with these words.
    Wrong(String),
    /// It asks for attributes of files.
    Attributes,
}

/// The characters that may stand for words, of which git knows three.
const SIGNS: &str = "!\"#%&',-/:;<=>@_`~";

impl Pathspec {
    /// Reads a pathspec.
    ///
    /// # Errors
    /// Why git takes no file by it, or why it cannot be told which.
    pub(super) fn parse(text: &str) -> Result<Pathspec, Unusable> {
        let wrong = |what: String| Err(Unusable::Wrong(what));
        let mut spec =
            Pathspec { pattern: String::new(), literal: false, separated: false, folded: false, excluding: false };
        if text.is_empty() {
            return wrong(
                "empty string is not a valid pathspec. please use . instead if you meant to match all paths".to_owned(),
            );
        }
        let path = match text.strip_prefix(":(") {
            Some(long) => {
                let Some((words, path)) = long.split_once(')') else {
                    return wrong(format!("Missing ')' at the end of pathspec magic in '{text}'"));
                };
                for word in words.split(',') {
                    match word {
                        "" | "top" => {}
                        "literal" => spec.literal = true,
                        "glob" => spec.separated = true,
                        "icase" => spec.folded = true,
                        "exclude" => spec.excluding = true,
                        word if word.starts_with("attr:") => return Err(Unusable::Attributes),
                        word if word.starts_with("prefix:") => {}
                        word => return wrong(format!("Invalid pathspec magic '{word}' in '{text}'")),
                    }
                }
                path
            }
            None => match text.strip_prefix(':') {
                Some(short) => {
                    let signs = short.find(|c| !SIGNS.contains(c) && c != '^' || c == ':').unwrap_or(short.len());
                    for sign in short[..signs].chars() {
                        match sign {
                            '/' => {}
                            '!' | '^' => spec.excluding = true,
                            sign => return wrong(format!("Unimplemented pathspec magic '{sign}' in '{text}'")),
                        }
                    }
                    let path = &short[signs..];
                    path.strip_prefix(':').unwrap_or(path)
                }
                None => text,
            },
        };
        if spec.literal && spec.separated {
            return wrong(format!("{text}: 'literal' and 'glob' are incompatible"));
        }
        let outside = || Unusable::Wrong(format!("{text}: '{path}' is outside repository"));
        if path.starts_with('/') {
            return Err(outside());
        }
        spec.pattern = crate::source::normalize("", path).ok_or_else(outside)?;
        if path.ends_with('/') && !spec.pattern.is_empty() {
            spec.pattern.push('/');
        }
        if spec.folded {
            spec.pattern.make_ascii_lowercase();
        }
        Ok(spec)
    }

    /// The text with which every file begins that it covers.
    pub(super) fn start(&self) -> &str {
        match (self.folded || self.excluding, self.literal) {
            (true, _) => "",
            (false, true) => &self.pattern,
            (false, false) => self.pattern.split(WILDCARDS).next().unwrap_or_default(),
        }
    }

    /// Whether it covers the file at `path`.
    pub(super) fn covers(&self, path: &str) -> bool {
        let names = match self.folded {
            true => self.names(&path.to_ascii_lowercase()),
            false => self.names(path),
        };
        names != self.excluding
    }

    fn names(&self, path: &str) -> bool {
        let pattern = self.pattern.as_str();
        let behind = path.strip_prefix(pattern);
        pattern.is_empty()
            || behind.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || pattern.ends_with('/'))
            || !self.literal && pattern.contains(WILDCARDS) && matches(pattern, path, self.separated)
    }
}

const WILDCARDS: [char; 4] = ['*', '?', '[', '\\'];

/// A star that can take more: the pattern behind it, and what it has not taken.
type Star<'p> = Option<(&'p str, &'p str)>;

/// Whether a glob matches all of `name`. Only the last star of each kind can take more: what comes before it needs no
/// second thought, because a later star can take whatever an earlier one would have.
fn matches<'p>(glob: &'p str, name: &'p str, separated: bool) -> bool {
    let (mut pattern, mut left) = (glob, name);
    let (mut star, mut wide): (Star<'p>, Star<'p>) = (None, None);
    loop {
        if pattern.starts_with('*') {
            let behind = pattern.trim_start_matches('*');
            let begins = pattern.len() == glob.len() || glob[..glob.len() - pattern.len()].ends_with('/');
            let crosses = pattern.starts_with("**") && begins && (behind.is_empty() || behind.starts_with('/'));
            if !separated || crosses {
                (star, wide) = (None, Some((behind, left)));
                // `a/**/b` is `a/b`, too.
                pattern = if separated { behind.strip_prefix('/').unwrap_or(behind) } else { behind };
            } else {
                star = Some((behind, left));
                pattern = behind;
            }
            continue;
        }
        let step = match split(left) {
            None if pattern.is_empty() => return true,
            None => None,
            Some((c, rest)) => one(pattern, c, separated).map(|behind| (behind, rest)),
        };
        if let Some(next) = step {
            (pattern, left) = next;
            continue;
        }
        let narrow = star.and_then(|(behind, left)| Some((behind, split(left)?))).filter(|(_, (c, _))| *c != '/');
        if let Some((behind, (_, rest))) = narrow {
            star = Some((behind, rest));
            (pattern, left) = (behind, rest);
        } else if let Some((behind, (_, rest))) = wide.and_then(|(behind, left)| Some((behind, split(left)?))) {
            (star, wide) = (None, Some((behind, rest)));
            (pattern, left) = (behind, rest);
        } else {
            return false;
        }
    }
}

/// The first character and the rest.
fn split(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    Some((chars.next()?, chars.as_str()))
}

/// The pattern behind its first element, if that matches `c`.
fn one(pattern: &str, c: char, separated: bool) -> Option<&str> {
    let (element, behind) = split(pattern)?;
    match element {
        '?' => (!(separated && c == '/')).then_some(behind),
        '\\' => behind.strip_prefix(c),
        '[' => {
            let (found, behind) = class(behind, c)?;
            (found && !(separated && c == '/')).then_some(behind)
        }
        literal => (literal == c).then_some(behind),
    }
}

/// Whether `c` is in the class that begins here, and what is behind the class; `None` if nothing ends it.
fn class(text: &str, c: char) -> Option<(bool, &str)> {
    let negated = text.strip_prefix(['!', '^']);
    let first = negated.unwrap_or(text);
    let (mut found, mut rest) = (false, first);
    loop {
        if let Some(behind) = rest.strip_prefix(']').filter(|_| rest.len() < first.len()) {
            return Some((found != negated.is_some(), behind));
        }
        if let Some((name, behind)) = rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
            found |= named(name, c)?;
            rest = behind;
            continue;
        }
        let low;
        (low, rest) = member(rest)?;
        let mut high = low;
        if let Some(range) = rest.strip_prefix('-').filter(|range| !range.starts_with(']')) {
            (high, rest) = member(range)?;
        }
        found |= low <= c && c <= high;
    }
}

/// A character of a class.
fn member(class: &str) -> Option<(char, &str)> {
    match split(class)? {
        ('\\', rest) => split(rest),
        other => Some(other),
    }
}

/// Whether `c` is in a class that has a name; `None` for a name that there is not.
fn named(name: &str, c: char) -> Option<bool> {
    Some(match name {
        "alnum" => c.is_ascii_alphanumeric(),
        "alpha" => c.is_ascii_alphabetic(),
        "blank" => matches!(c, ' ' | '\t'),
        "cntrl" => c.is_ascii_control(),
        "digit" => c.is_ascii_digit(),
        "graph" => c.is_ascii_graphic(),
        "lower" => c.is_ascii_lowercase(),
        "print" => c.is_ascii_graphic() || c == ' ',
        "punct" => c.is_ascii_punctuation(),
        "space" => matches!(c, ' ' | '\t'..='\r'),
        "upper" => c.is_ascii_uppercase(),
        "xdigit" => c.is_ascii_hexdigit(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Pathspec, Unusable};

    const FILES: [&str; 9] = [
        ".h/z.json",
        ":colon.json",
        "APPS/y.json",
        "a*b.json",
        "acb.json",
        "apps/a/b/config.json",
        "apps/a/config.json",
        "apps/x.json",
        "we[i]rd.json",
    ];

    fn covered(text: &str) -> Vec<&'static str> {
        let spec = Pathspec::parse(text).unwrap();
        let covered: Vec<&str> = FILES.into_iter().filter(|file| spec.covers(file)).collect();
        assert!(covered.iter().all(|file| file.starts_with(spec.start())), "{text}");
        covered
    }

    #[test]
    fn stars_cross_slashes_unless_the_pathspec_is_a_glob() {
        assert_eq!(covered("apps/*/config.json"), ["apps/a/b/config.json", "apps/a/config.json"]);
        assert_eq!(covered(":(glob)apps/*/config.json"), ["apps/a/config.json"]);
        assert_eq!(covered(":(top,glob)apps/*"), ["apps/x.json"]);
        assert_eq!(covered(":(glob)**/config.json"), ["apps/a/b/config.json", "apps/a/config.json"]);
        assert_eq!(covered(":(glob)apps/**"), ["apps/a/b/config.json", "apps/a/config.json", "apps/x.json"]);
        assert_eq!(covered(":(glob)apps/**/a/config.json"), ["apps/a/config.json"]);
        assert_eq!(covered(":(glob)*/x.json"), ["apps/x.json"]);
    }

    #[test]
    fn a_directory_covers_what_lies_below_it() {
        for text in ["apps/a", "apps/a/", "./apps//a", ":/apps/a", ":(glob)apps/a/", ":()apps/./a", "::apps/a"] {
            assert_eq!(covered(text), ["apps/a/b/config.json", "apps/a/config.json"], "{text}");
        }
        assert_eq!(covered("app"), [""; 0]);
        assert_eq!(covered(":x"), [""; 0]);
        for text in [".", ":", "./", "*"] {
            assert_eq!(covered(text), FILES, "{text}");
        }
    }

    #[test]
    fn words_change_what_a_pathspec_means() {
        let others = [".h/z.json", ":colon.json", "APPS/y.json", "a*b.json", "acb.json", "we[i]rd.json"];
        for text in [":!apps", ":^apps/*", ":(exclude)apps"] {
            assert_eq!(covered(text), others, "{text}");
        }
        assert_eq!(covered(":!"), [""; 0]);
        assert_eq!(covered(":(literal)a*b.json"), ["a*b.json"]);
        assert_eq!(covered("a*b.json"), ["a*b.json", "acb.json"]);
        assert_eq!(covered("[[:alpha:]][!c]b.json"), ["a*b.json"]);
        assert_eq!(covered("\\:colon.json"), [":colon.json"]);
        let folded = ["APPS/y.json", "apps/a/b/config.json", "apps/a/config.json", "apps/x.json"];
        assert_eq!(covered(":(icase)apps/*.JSON"), folded);
    }

    #[test]
    fn what_git_refuses_is_refused_in_its_words() {
        for (text, words) in [
            (":(foo)x", "Invalid pathspec magic 'foo' in ':(foo)x'"),
            (":(glob", "Missing ')' at the end of pathspec magic in ':(glob'"),
            (":(glob,literal)x", ":(glob,literal)x: 'literal' and 'glob' are incompatible"),
            (":@x", "Unimplemented pathspec magic '@' in ':@x'"),
            ("/apps", "/apps: '/apps' is outside repository"),
            ("../apps", "../apps: '../apps' is outside repository"),
        ] {
            assert_eq!(Pathspec::parse(text).unwrap_err(), Unusable::Wrong(words.to_owned()));
        }
        assert_eq!(Pathspec::parse(":(attr:x)y").unwrap_err(), Unusable::Attributes);
        assert!(Pathspec::parse("").is_err());
    }
}
