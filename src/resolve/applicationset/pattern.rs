//! Go's `path.Match`.

/// Whether Go's `path.Match` says that `pattern` matches all of `name`: `*` and `?` stop at `/`. A pattern that is
/// malformed matches nothing.
pub fn path_match(pattern: &str, name: &str) -> bool {
    // Only the last star can take more: what comes before it needs no second thought, because a later star can take
    // whatever an earlier one would have.
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
            Some((c, rest)) => one(pattern, c).map(|behind| (behind, rest)),
        };
        if let Some(next) = step {
            (pattern, name) = next;
            continue;
        }
        match star.and_then(|(behind, left)| Some((behind, split(left)?))) {
            Some((behind, (c, rest))) if c != '/' => {
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
fn one(pattern: &str, c: char) -> Option<&str> {
    let (element, behind) = split(pattern)?;
    match element {
        '?' => (c != '/').then_some(behind),
        '\\' => behind.strip_prefix(c),
        '[' => {
            let negated = behind.strip_prefix('^');
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
            (found != negated.is_some() && c != '/').then_some(behind)
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
    use super::path_match;

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
}
