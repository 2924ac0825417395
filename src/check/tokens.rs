//! A text in, the credentials in it that are known by their form out.

use std::sync::LazyLock;

use regex::Regex;

/// A credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is, in words.
    pub(crate) what: &'static str,
    /// Where it begins in the text.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// The forms. Sources: the documentation of the issuers. Each has a fixed beginning and a length or alphabet of its own, so
/// that no word of a manifest is taken for one.
const FORMS: &[(&str, &str)] = &[
    ("an access key of AWS", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("a token of GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{60,})\b"),
    ("a token of GitLab", r"\bglpat-[A-Za-z0-9_-]{20,}\b"),
    ("a token of Slack", r"\bxox[abprs]-[0-9A-Za-z-]{20,}"),
    ("a webhook of Slack", r"https://hooks\.slack\.com/services/T[A-Z0-9]{8,}/B[A-Z0-9]{8,}/[A-Za-z0-9]{24}"),
    ("a key of Stripe", r"\b[rs]k_live_[A-Za-z0-9]{20,}\b"),
    ("a key of Google", r"\bAIza[A-Za-z0-9_-]{35}\b"),
    ("a key of SendGrid", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
    ("a token of npm", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a token of Vault", r"\bhvs\.[A-Za-z0-9_-]{24,}"),
    ("a token of JWT", r"\beyJ[A-Za-z0-9_-]{17,}\.eyJ[A-Za-z0-9_-]{17,}\.[A-Za-z0-9_-]{20,}"),
    ("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s+[A-Za-z0-9+/=]{40}"),
    ("a password in a URL", r#"\b[a-z][a-z0-9+.-]*://[^\s/:@'"{}$<>()*%]+:[^\s/:@'"{}$<>()*%]{3,}@[A-Za-z0-9.-]+"#),
];

static PATTERNS: LazyLock<Vec<(&str, Regex)>> =
    LazyLock::new(|| FORMS.iter().filter_map(|(what, form)| Some((*what, Regex::new(form).ok()?))).collect());

/// Words by which people mark a value as none.
const PRETENDED: [&str; 9] =
    ["example", "changeme", "change-me", "placeholder", "redacted", "xxxx", "0000000000", "password@", "dummy"];

/// The credentials in `text`, in its order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    for (what, pattern) in PATTERNS.iter() {
        for hit in pattern.find_iter(text) {
            let lower = hit.as_str().to_ascii_lowercase();
            let is_pretended = PRETENDED.iter().any(|word| lower.contains(word)) || is_user_as_password(hit.as_str());
            if !is_pretended && !is_comment(text, hit.start()) {
                found.push(Token { what, start: hit.start(), end: hit.end() });
            }
        }
    }
    found.sort_by_key(|token| (token.start, token.end));
    found
}

/// Whether a URL says `user:user@`: what documentation and local databases write.
fn is_user_as_password(text: &str) -> bool {
    let credentials = text.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
    let pair = credentials.and_then(|(pair, _)| pair.split_once(':'));
    pair.is_some_and(|(user, password)| user == password || password.eq_ignore_ascii_case("pass"))
}

/// Whether the place is in a line that is all comment.
fn is_comment(text: &str, at: usize) -> bool {
    let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[begin..].trim_start().starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_a_regular_expression() {
        assert_eq!(PATTERNS.len(), FORMS.len());
    }

    #[test]
    fn a_token_is_known_by_its_form() {
        let github = format!("value: ghp_{}", "a1B2".repeat(9));
        assert_eq!(tokens(&github).first().map(|token| token.what), Some("a token of GitHub"));
        let url = "url: postgres://shop:s3cr3t@database:5432/shop";
        assert_eq!(tokens(url).first().map(|token| token.what), Some("a password in a URL"));
        let key = format!("-----BEGIN RSA PRIVATE KEY-----\n    {}", "MIIEow==".repeat(8));
        assert_eq!(tokens(&key).first().map(|token| token.what), Some("a private key"));
    }

    #[test]
    fn what_is_filled_in_or_only_shown_is_none() {
        assert_eq!(tokens("url: postgres://$(USER):$(PASSWORD)@database/shop"), []);
        assert_eq!(tokens("url: https://user:password@example.com"), []);
        assert_eq!(tokens("key: AKIAIOSFODNN7EXAMPLE"), []);
        assert_eq!(tokens("# postgres://shop:s3cr3t@database"), []);
        assert_eq!(tokens("image: registry.example.com:5000/web@sha256:ab"), []);
        assert_eq!(tokens("-----BEGIN PRIVATE KEY-----\n..."), []);
    }
}
