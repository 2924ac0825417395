//! A label selector in one line: `team=shop,env in (dev, test),!legacy`.

/// What is wrong with `text`, if anything is.
pub(crate) fn mistake(text: &str) -> Option<String> {
    requirements(text).into_iter().find_map(requirement)
}

/// The parts between commas that stand in no parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !text.trim().is_empty() {
        parts.push(&text[from..]);
    }
    parts
}

fn requirement(text: &str) -> Option<String> {
    let text = text.trim();
    let wrong = || Some(format!("`{text}` is no requirement of a label selector"));
    if let Some(key) = text.strip_prefix('!') {
        return if is_key(key.trim()) { None } else { wrong() };
    }
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '=' | '!' | '<' | '>' | '(')).unwrap_or(text.len());
    let (key, rest) = (&text[..end], text[end..].trim());
    if !is_key(key) {
        return wrong();
    }
    if rest.is_empty() {
        return None;
    }
    let compared = ["==", "!=", "="].into_iter().find_map(|operator| rest.strip_prefix(operator));
    if let Some(value) = compared {
        return if is_value(value.trim()) { None } else { wrong() };
    }
    if let Some(value) = rest.strip_prefix(['<', '>']) {
        return if value.trim().parse::<i64>().is_ok() { None } else { wrong() };
    }
    let listed = rest.strip_prefix("notin").or_else(|| rest.strip_prefix("in")).map(str::trim);
    match listed.and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')')) {
        Some(values) if values.split(',').all(|value| is_value(value.trim())) => None,
        _ => wrong(),
    }
}

fn is_key(text: &str) -> bool {
    let name = text.rsplit_once('/').map_or(text, |(_, name)| name);
    !name.is_empty() && is_value(name) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
}

/// A label's value: at most 63 characters, none but letters and digits at its ends.
fn is_value(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

#[cfg(test)]
mod tests {
    use super::mistake;

    #[test]
    fn every_form_of_a_requirement_is_known() {
        for text in [
            "",
            "team=shop",
            "team == shop, env!=dev",
            "env in (dev, test),!legacy",
            "a.b/c notin (x)",
            "env",
            "n>3",
            "team=",
            "x in ()",
        ] {
            assert_eq!(mistake(text), None, "{text}");
        }
        for text in ["team=>shop", "env in dev", "env in (dev", "=x", "team shop", "a=b=c", "!", "team: shop", "a,,b"] {
            assert!(mistake(text).is_some(), "{text}");
        }
    }
}
