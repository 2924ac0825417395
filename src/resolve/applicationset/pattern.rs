//! The two kinds of globs that git generators know: Go's `path.Match` and git's pathspecs.

/// Whether Go's `path.Match` says that `pattern` matches all of `name`: `*` and `?` stop at `/`. A pattern that is
/// malformed matches nothing.
pub fn path_match(pattern: &str, name: &str) -> bool {
    matches(pattern, name, true)
}

/// Whether the git pathspec `pattern` covers the file `path`: a file, a directory above it, or a glob in which `*`
/// crosses `/`.
pub fn pathspec(pattern: &str, path: &str) -> bool {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    if pattern.is_empty() || pattern == "." {
        return true;
    }
    let literal = pattern.trim_end_matches('/');
    if path == literal && !pattern.ends_with('/') {
        return true;
    }
    if path.strip_prefix(literal).is_some_and(|rest| rest.starts_with('/')) {
        return true;
    }
    if !pattern.contains(['*', '?', '[', '\\']) {
        return false;
    }
    matches(pattern, path, false)
}

/// Matches with one point of return: the last `*`. What comes before it needs no second thought, because a later star
/// can take whatever an earlier one would have.
fn matches(pattern: &str, name: &str, separated: bool) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    // The pattern behind the last star, and the part of the name that the star has not taken.
    let mut star: Option<(&str, &str)> = None;
    loop {
        if pattern.starts_with('*') {
            pattern = pattern.trim_start_matches('*');
            star = Some((pattern, name));
            continue;
        }
        let step = match split(name) {
            None if pattern.is_empty() => return true,
            None => None,
            Some((c, rest)) => one(pattern, c, separated).map(|behind| (behind, rest)),
        };
        if let Some(next) = step {
            (pattern, name) = next;
            continue;
        }
        match star.and_then(|(behind, left)| Some((behind, split(left)?))) {
            Some((behind, (c, rest))) if !(separated && c == '/') => {
                star = Some((behind, rest));
                (pattern, name) = (behind, rest);
            }
            _ => return false,
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
            let negated = behind.strip_prefix('^').or_else(|| behind.strip_prefix('!').filter(|_| !separated));
            let first = negated.unwrap_or(behind);
            let (mut found, mut rest) = (false, first);
            let behind = loop {
                if let Some(behind) = rest.strip_prefix(']').filter(|_| rest.len() < first.len()) {
                    break behind;
                }
                let low;
                (low, rest) = member(rest)?;
                let mut high = low;
                if let Some(range) = rest.strip_prefix('-').filter(|range| !range.starts_with(']')) {
                    (high, rest) = member(range)?;
                }
                found |= low <= c && c <= high;
            };
            (found != negated.is_some() && !(separated && c == '/')).then_some(behind)
        }
        literal => (literal == c).then_some(behind),
    }
}

/// A character of a class.
fn member(class: &str) -> Option<(char, &str)> {
    match split(class)? {
        ('\\', rest) => split(rest),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{path_match, pathspec};

    #[test]
    fn stars_of_directories_stop_at_slashes() {
        assert!(path_match("services/*/overlays/*", "services/web/overlays/dev"));
        assert!(!path_match("services/*/overlays/*", "services/team/web/overlays/dev"));
        assert!(path_match("a/**", "a/b"));
        assert!(!path_match("a/**", "a/b/c"));
        assert!(path_match("a/[a-c]?", "a/bx"));
        assert!(!path_match("a/[^a-c]", "a/b"));
        assert!(!path_match("a/[", "a/["));
    }

    #[test]
    fn stars_of_pathspecs_cross_slashes() {
        assert!(pathspec("apps/*/config.json", "apps/a/b/config.json"));
        assert!(pathspec("apps", "apps/a/config.json"));
        assert!(pathspec("apps/", "apps/a/config.json"));
        assert!(!pathspec("app", "apps/a/config.json"));
        assert!(pathspec("**/config.yaml", "a/config.yaml"));
    }
}
