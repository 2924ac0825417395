//! `.helmignore`: which files of a directory are no part of the chart.

/// The rules of one `.helmignore`, and Helm's own.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: String,
    negated: bool,
    directories: bool,
    rooted: bool,
}

impl Rules {
    /// Reads the rules.
    ///
    /// # Errors
    /// Helm's words for a pattern that it does not take.
    pub(super) fn parse(text: &str) -> Result<Rules, String> {
        let mut rules = Rules::default();
        for line in text.trim_start_matches('\u{FEFF}').lines() {
            rules.add(line)?;
        }
        rules.add("templates/.?*")?;
        Ok(rules)
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.contains("**") {
            return Err("double-star (**) syntax is not supported".to_owned());
        }
        if matches(line, "abc").is_none() {
            return Err("syntax error in pattern".to_owned());
        }
        let (negated, pattern) = match line.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, line),
        };
        let (directories, pattern) = match pattern.strip_suffix('/') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        let (rooted, pattern) = match pattern.strip_prefix('/') {
            Some(pattern) => (true, pattern),
            None => (pattern.contains('/'), pattern),
        };
        self.0.push(Rule { pattern: pattern.to_owned(), negated, directories, rooted });
        Ok(())
    }

    /// Whether `path`, below the chart, is left out: itself, or a directory above it.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        let directories = path.match_indices('/').map(|(slash, _)| &path[..slash]);
        directories.into_iter().any(|directory| self.ignores(directory, true)) || self.ignores(path, false)
    }

    fn ignores(&self, path: &str, directory: bool) -> bool {
        for rule in &self.0 {
            let name = if rule.rooted { path } else { path.rsplit('/').next().unwrap_or(path) };
            let matched = matches(&rule.pattern, name).unwrap_or(false);
            if rule.negated {
                if rule.directories && !directory || !matched {
                    return true;
                }
            } else if matched && (directory || !rule.directories) {
                return true;
            }
        }
        false
    }
}

/// Go's `filepath.Match`; `None` for a malformed pattern.
pub(super) fn matches(pattern: &str, name: &str) -> Option<bool> {
    check(pattern)?;
    let (mut pattern, mut name) = (pattern, name);
    // The pattern behind the last star, and the part of the name that it was tried at.
    let mut star: Option<(&str, &str)> = None;
    loop {
        if let Some(behind) = pattern.strip_prefix('*') {
            pattern = behind;
            star = Some((pattern, name));
            continue;
        }
        match split(name) {
            None if pattern.is_empty() => return Some(true),
            Some((c, rest)) if !pattern.is_empty() => {
                if let Some(behind) = single(pattern, c) {
                    (pattern, name) = (behind, rest);
                    continue;
                }
            }
            _ => {}
        }
        match star.and_then(|(behind, tried)| Some((behind, split(tried)?))) {
            Some((behind, (c, rest))) if c != '/' => {
                (pattern, name) = (behind, rest);
                star = Some((behind, rest));
            }
            _ => return Some(false),
        }
    }
}

/// The first character and the rest.
fn split(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    Some((chars.next()?, chars.as_str()))
}

/// How the pattern goes on if its first element matches `c`.
fn single(pattern: &str, c: char) -> Option<&str> {
    let (first, behind) = split(pattern)?;
    match first {
        '?' => (c != '/').then_some(behind),
        '[' => {
            let negated = behind.strip_prefix('^');
            let mut rest = negated.unwrap_or(behind);
            let mut found = false;
            let mut first = true;
            while first || !rest.starts_with(']') {
                first = false;
                let (low, next) = literal(rest)?;
                rest = next;
                let mut high = low;
                if let Some(range) = rest.strip_prefix('-') {
                    (high, rest) = literal(range)?;
                }
                found |= (low..=high).contains(&c);
            }
            (found != negated.is_some() && c != '/').then_some(&rest[1..])
        }
        '\\' => behind.strip_prefix(c),
        other => (other == c).then_some(behind),
    }
}

fn literal(pattern: &str) -> Option<(char, &str)> {
    match split(pattern)? {
        ('\\', rest) => split(rest),
        other => Some(other),
    }
}

fn check(pattern: &str) -> Option<()> {
    let mut rest = pattern;
    while let Some((first, behind)) = split(rest) {
        rest = behind;
        match first {
            '\\' => rest = split(rest)?.1,
            '[' => {
                rest = rest.strip_prefix('^').unwrap_or(rest);
                let mut first = true;
                while first || !rest.starts_with(']') {
                    first = false;
                    if rest.starts_with(['-', ']']) {
                        return None;
                    }
                    rest = literal(rest)?.1;
                    if let Some(range) = rest.strip_prefix('-') {
                        rest = literal(range)?.1;
                    }
                }
                rest = &rest[1..];
            }
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, name, expected) in [
            ("*.txt", "a.txt", Some(true)),
            ("*.txt", "d/a.txt", Some(false)),
            ("a?c", "abc", Some(true)),
            ("[a-c]x", "bx", Some(true)),
            ("[^a]x", "ax", Some(false)),
            ("a*b*c", "aXbYc", Some(true)),
            ("[", "a", None),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_directory_rule_leaves_out_what_lies_below() {
        let rules = Rules::parse("docs/\n/top.md\n# no\n*.bak\n").unwrap();
        assert!(rules.leaves_out("docs/a.md") && rules.leaves_out("x/docs/b/c"));
        assert!(rules.leaves_out("top.md") && !rules.leaves_out("x/top.md"));
        assert!(rules.leaves_out("x/y.bak") && rules.leaves_out("templates/.hidden"));
        assert!(!rules.leaves_out("templates/web.yaml"));
    }
}
