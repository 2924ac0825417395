//! Globs as Argo CD's projects, sync windows and settings and `.Files.Glob` of Helm know them (gobwas/glob): a pattern
//! in, whether a text agrees out.
//!
//! `*` and `?` stop at a separator if there is one, `**` stops at none. `[a-z]` and `[!a-z]` are one character,
//! `{one,two}` either. A pattern that is malformed agrees with nothing.

use regex::Regex;

/// A pattern, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    /// `None` where the pattern is text and nothing else, or `*`.
    expression: Option<Regex>,
    text: String,
}

impl Glob {
    /// Compiles `pattern`; `None` if it is malformed.
    pub(crate) fn new(pattern: &str, separator: Option<char>) -> Option<Glob> {
        let plain = !pattern.contains(['*', '?', '[', '{', '\\']);
        let expression = match plain || pattern == "*" && separator.is_none() {
            true => None,
            false => Some(Regex::new(&format!("(?s)^{}$", translate(pattern, separator)?)).ok()?),
        };
        Some(Glob { expression, text: pattern.to_owned() })
    }

    /// Whether the pattern agrees with all of `text`.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        match &self.expression {
            Some(expression) => expression.is_match(text),
            None => self.text == "*" || self.text == text,
        }
    }
}

/// The pattern as a regular expression.
fn translate(pattern: &str, separator: Option<char>) -> Option<String> {
    let any =
        separator.map_or_else(|| ".".to_owned(), |separator| format!("[^{}]", regex::escape(&separator.to_string())));
    let mut expression = String::new();
    let mut open = 0usize;
    let mut chars = pattern.chars().peekable();
    let push = |expression: &mut String, char: char| expression.push_str(&regex::escape(&char.to_string()));
    while let Some(char) = chars.next() {
        match char {
            '*' if chars.next_if_eq(&'*').is_some() => {
                while chars.next_if_eq(&'*').is_some() {}
                expression.push_str(".*");
            }
            '*' => {
                expression.push_str(&any);
                expression.push('*');
            }
            '?' => expression.push_str(&any),
            '\\' => push(&mut expression, chars.next()?),
            '[' => {
                expression.push('[');
                if chars.next_if_eq(&'!').is_some() {
                    expression.push('^');
                }
                let mut empty = true;
                loop {
                    match chars.next()? {
                        ']' if empty => return None,
                        ']' => break,
                        '[' => return None,
                        '-' if !empty => expression.push('-'),
                        '\\' => push(&mut expression, chars.next()?),
                        // `~`, `&` and `-` mean something in the classes of regular expressions.
                        other => {
                            expression.push('\\');
                            if other.is_ascii_alphanumeric() || !other.is_ascii() {
                                expression.pop();
                            }
                            expression.push(other);
                        }
                    }
                    empty = false;
                }
                expression.push(']');
            }
            '{' => {
                open += 1;
                expression.push_str("(?:");
            }
            '}' if open > 0 => {
                open -= 1;
                expression.push(')');
            }
            ',' if open > 0 => expression.push('|'),
            other => push(&mut expression, other),
        }
    }
    (open == 0).then_some(expression)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(pattern: &str, text: &str) -> bool {
        Glob::new(pattern, Some('/')).is_some_and(|glob| glob.is_match(text))
    }

    #[test]
    fn one_star_stops_at_a_separator_and_two_do_not() {
        assert!(agrees("https://a/*", "https://a/b"));
        assert!(!agrees("https://a/*", "https://a/b/c"));
        assert!(agrees("https://a/**", "https://a/b/c"));
        assert!(agrees("https://a**", "https://a/b/c"));
        assert!(Glob::new("https://*", None).is_some_and(|glob| glob.is_match("https://a/b")));
    }

    #[test]
    fn classes_and_alternatives_are_one_of_many() {
        assert!(agrees("web-{a,b*}", "web-bc"));
        assert!(!agrees("web-{a,b}", "web-c"));
        assert!(agrees("[!a-c].x", "d.x") && !agrees("[!a-c].x", "b.x"));
        assert!(agrees(r"a\*", "a*") && !agrees(r"a\*", "ab"));
    }

    #[test]
    fn a_malformed_pattern_agrees_with_nothing() {
        for pattern in ["[[ech*", "{a,b", "[]", "a\\"] {
            assert!(Glob::new(pattern, None).is_none(), "{pattern}");
        }
    }
}
