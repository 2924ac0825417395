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
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    check(&pattern)?;
    // The position behind the last star, and the name's position that it was tried at.
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == '*' {
            p += 1;
            star = Some((p, n));
            continue;
        }
        if p == pattern.len() && n == name.len() {
            return Some(true);
        }
        if p < pattern.len()
            && n < name.len()
            && let Some(next) = single(&pattern, p, name[n])
        {
            p = next;
            n += 1;
            continue;
        }
        match star {
            Some((after, tried)) if tried < name.len() && name[tried] != '/' => {
                p = after;
                n = tried + 1;
                star = Some((after, n));
            }
            _ => return Some(false),
        }
    }
}

/// Where the pattern goes on if its element at `p` matches `c`.
fn single(pattern: &[char], p: usize, c: char) -> Option<usize> {
    match pattern[p] {
        '?' => (c != '/').then_some(p + 1),
        '[' => {
            let mut at = p + 1;
            let negated = pattern.get(at) == Some(&'^');
            at += usize::from(negated);
            let mut found = false;
            let mut first = true;
            while first || pattern.get(at) != Some(&']') {
                first = false;
                let (low, next) = literal(pattern, at)?;
                at = next;
                let mut high = low;
                if pattern.get(at) == Some(&'-') {
                    (high, at) = literal(pattern, at + 1)?;
                }
                found |= (low..=high).contains(&c);
            }
            (found != negated && c != '/').then_some(at + 1)
        }
        '\\' => (pattern.get(p + 1) == Some(&c)).then_some(p + 2),
        other => (other == c).then_some(p + 1),
    }
}

fn literal(pattern: &[char], at: usize) -> Option<(char, usize)> {
    match pattern.get(at)? {
        '\\' => Some((*pattern.get(at + 1)?, at + 2)),
        c => Some((*c, at + 1)),
    }
}

fn check(pattern: &[char]) -> Option<()> {
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '\\' => {
                pattern.get(at + 1)?;
                at += 2;
            }
            '[' => {
                at += 1;
                at += usize::from(pattern.get(at) == Some(&'^'));
                let mut first = true;
                while first || *pattern.get(at)? != ']' {
                    first = false;
                    if matches!(pattern.get(at)?, '-' | ']') {
                        return None;
                    }
                    (_, at) = literal(pattern, at)?;
                    if pattern.get(at) == Some(&'-') {
                        (_, at) = literal(pattern, at + 1)?;
                    }
                }
                at += 1;
            }
            _ => at += 1,
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
