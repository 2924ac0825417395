//! A regular expression and a text in, whether they match out.
//!
//! regorus compiles a pattern once but gives each match a copy, and the first match of a copy makes its working memory
//! anew: ten times what the match takes. Here a thread compiles a pattern once and keeps it.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Error, Regex, RegexBuilder};

/// How many patterns a thread keeps: a policy may make them up as it goes.
const MOST: usize = 256;
/// How large a compiled pattern may be, in bytes.
const LARGEST: usize = 1 << 20;
/// How deep a pattern may be nested.
const DEEPEST: u32 = 100;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Result<Regex, Error>>> = RefCell::new(HashMap::new());
}

/// Whether `pattern` matches somewhere in `text`; `None` if it is no pattern.
///
/// # Errors
/// The pattern is too large to be compiled.
pub(super) fn is_match(pattern: &str, text: &str) -> Result<Option<bool>, Error> {
    COMPILED.with_borrow_mut(|compiled| {
        if !compiled.contains_key(pattern) {
            if compiled.len() == MOST {
                compiled.clear();
            }
            compiled.insert(pattern.to_owned(), compile(pattern));
        }
        match compiled.get(pattern) {
            Some(Ok(regex)) => Ok(Some(regex.is_match(text))),
            Some(Err(error @ Error::CompiledTooBig(_))) => Err(error.clone()),
            _ => Ok(None),
        }
    })
}

fn compile(pattern: &str) -> Result<Regex, Error> {
    RegexBuilder::new(pattern).size_limit(LARGEST).nest_limit(DEEPEST).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_somewhere_and_what_is_none_says_nothing() {
        assert_eq!(is_match("b+", "abbc"), Ok(Some(true)));
        assert_eq!(is_match("^b+$", "abbc"), Ok(Some(false)));
        assert_eq!(is_match("(", "abbc"), Ok(None));
    }

    #[test]
    fn a_pattern_that_is_too_large_is_an_error_and_no_answer() {
        assert!(is_match(r"(\w{500}){500}", "a").is_err());
    }

    #[test]
    fn more_patterns_than_are_kept_are_answered_all_the_same() {
        for number in 0..3 * MOST {
            assert_eq!(is_match(&format!("^{number}$"), &number.to_string()), Ok(Some(true)));
        }
    }
}
