//! The two kinds of globs that git generators know: Go's `path.Match` and git's pathspecs.

/// Whether Go's `path.Match` says that `pattern` matches all of `name`: `*` and `?` stop at `/`. A pattern that is
/// malformed matches nothing.
pub fn path_match(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    matches(&pattern, &name, true)
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
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().collect();
    matches(&pattern, &path, false)
}

/// Matches with one point of return: the last `*`. What comes before it needs no second thought, because a later star
/// can take whatever an earlier one would have.
fn matches(pattern: &[char], name: &[char], separated: bool) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some('*') => {
                while pattern.get(p) == Some(&'*') {
                    p += 1;
                }
                star = Some((p, n));
                continue;
            }
            None if n == name.len() => return true,
            None => None,
            Some(_) => name.get(n).and_then(|c| one(&pattern[p..], *c, separated)),
        };
        match step {
            Some(width) => {
                p += width;
                n += 1;
            }
            None => match star {
                Some((after, taken)) if taken < name.len() && !(separated && name[taken] == '/') => {
                    star = Some((after, taken + 1));
                    p = after;
                    n = taken + 1;
                }
                _ => return false,
            },
        }
    }
}

/// How long the pattern's first element is, if it matches `c`.
fn one(pattern: &[char], c: char, separated: bool) -> Option<usize> {
    match pattern.first()? {
        '?' => (!(separated && c == '/')).then_some(1),
        '\\' => (*pattern.get(1)? == c).then_some(2),
        '[' => {
            let mut at = 1;
            let negated = matches!(pattern.get(at), Some('^' | '!')) && (pattern[at] == '^' || !separated);
            if negated {
                at += 1;
            }
            let (mut found, first) = (false, at);
            loop {
                let next = |at: &mut usize| -> Option<char> {
                    if pattern.get(*at) == Some(&'\\') {
                        *at += 1;
                    }
                    let c = *pattern.get(*at)?;
                    *at += 1;
                    Some(c)
                };
                if pattern.get(at) == Some(&']') && at > first {
                    break;
                }
                let low = next(&mut at)?;
                let high = if pattern.get(at) == Some(&'-') && pattern.get(at + 1) != Some(&']') {
                    at += 1;
                    next(&mut at)?
                } else {
                    low
                };
                found |= low <= c && c <= high;
            }
            (found != negated && !(separated && c == '/')).then_some(at + 1)
        }
        literal => (*literal == c).then_some(1),
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
