//! The syntax of names, labels, ports and schedules, as the API server holds them to it. Each function returns what is
//! wrong, in words that follow the name of the thing.

/// Something is wrong, and what.
pub(crate) type Wrong = Option<String>;

/// A DNS subdomain: `web.example.com`, at most 253 characters.
pub(crate) fn subdomain(text: &str) -> Wrong {
    too_long(text, 253).or_else(|| {
        let right = !text.is_empty() && text.split('.').all(is_label);
        (!right).then(|| {
            "must consist of lower case letters, digits, `-` and `.`, and begin and end with a letter or digit"
                .to_owned()
        })
    })
}

/// A DNS label: `web-1`, at most 63 characters.
pub(crate) fn label(text: &str) -> Wrong {
    too_long(text, 63).or_else(|| {
        (!is_label(text)).then(|| {
            "must consist of lower case letters, digits and `-`, and begin and end with a letter or digit".to_owned()
        })
    })
}

/// A DNS label that begins with a letter: what a Service was called before its name could be any label.
pub(crate) fn label_1035(text: &str) -> Wrong {
    label(text).or_else(|| {
        let digit = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        digit.then(|| "must begin with a lower case letter".to_owned())
    })
}

/// A name that is one segment of a path: what RBAC objects have.
pub(crate) fn path_segment(text: &str) -> Wrong {
    match text {
        "." | ".." => Some(format!("must not be `{text}`")),
        _ => text.chars().find(|c| matches!(c, '/' | '%')).map(|c| format!("must not contain `{c}`")),
    }
}

/// The key of a label or an annotation: `app.kubernetes.io/name`.
pub(crate) fn qualified_name(text: &str) -> Wrong {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    if name.contains('/') {
        return Some("may have only one `/`".to_owned());
    }
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            return Some("has nothing before its `/`".to_owned());
        }
        if let Some(wrong) = subdomain(prefix) {
            return Some(format!("has the prefix `{prefix}`, which {wrong}"));
        }
    }
    if name.is_empty() {
        return Some("has an empty name".to_owned());
    }
    too_long(name, 63).or_else(|| (!is_label_text(name)).then(|| LABEL_TEXT.to_owned()))
}

/// The value of a label: empty, or up to 63 letters, digits, `-`, `_` and `.`.
pub(crate) fn label_value(text: &str) -> Wrong {
    if text.is_empty() {
        return None;
    }
    too_long(text, 63).or_else(|| (!is_label_text(text)).then(|| LABEL_TEXT.to_owned()))
}

const LABEL_TEXT: &str = "must consist of letters, digits, `-`, `_` and `.`, and begin and end with a letter or digit";

/// The name of a port: up to 15 lower case letters, digits and `-`, with a letter among them.
pub(crate) fn port_name(text: &str) -> Wrong {
    too_long(text, 15).or_else(|| {
        let right = is_label(text) && !text.contains("--") && text.bytes().any(|byte| byte.is_ascii_lowercase());
        (!right)
            .then(|| "must consist of lower case letters, digits and single `-`, with a letter among them".to_owned())
    })
}

/// A key of a ConfigMap or a Secret: it becomes a file's name.
pub(crate) fn data_key(text: &str) -> Wrong {
    if matches!(text, "." | "..") || text.starts_with("..") {
        return Some("must not begin with `..`".to_owned());
    }
    too_long(text, 253).or_else(|| {
        let right =
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        (!right).then(|| "must consist of letters, digits, `-`, `_` and `.`".to_owned())
    })
}

/// The name of an environment variable: any printable ASCII but `=`.
pub(crate) fn env_name(text: &str) -> Wrong {
    let right = !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=');
    (!right).then(|| "must consist of printable ASCII characters other than `=`".to_owned())
}

fn too_long(text: &str, most: usize) -> Wrong {
    (text.len() > most).then(|| format!("must have at most {most} characters, found {}", text.len()))
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    bytes.iter().all(inner) && bytes.first().is_some_and(|byte| *byte != b'-') && bytes.last() != Some(&b'-')
}

fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// A schedule of cron: five fields, or one of `@daily` and its kin.
pub(crate) fn cron(text: &str) -> Wrong {
    let text = text.trim();
    if let Some(descriptor) = text.strip_prefix('@') {
        let known =
            matches!(descriptor, "yearly" | "annually" | "monthly" | "weekly" | "daily" | "midnight" | "hourly");
        let every = descriptor.strip_prefix("every ").is_some_and(crate::schema::go_duration);
        return (!known && !every).then(|| format!("has no descriptor `{text}`"));
    }
    const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
        ("minute", 0, 59, &[]),
        ("hour", 0, 23, &[]),
        ("day of the month", 1, 31, &[]),
        ("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
        ("day of the week", 0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
    ];
    let parts: Vec<&str> = text.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Some(format!("must have five fields, found {}", parts.len()));
    }
    parts.iter().zip(FIELDS).find_map(|(part, (name, least, most, names))| {
        part.split(',')
            .find_map(|item| cron_item(item, least, most, names))
            .map(|wrong| format!("{wrong} as its {name}"))
    })
}

fn cron_item(item: &str, least: u32, most: u32, names: &[&str]) -> Wrong {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    if let Some(step) = step
        && !step.parse::<u32>().is_ok_and(|step| step > 0)
    {
        return Some(format!("has the step `{step}`"));
    }
    if matches!(range, "*" | "?") {
        return None;
    }
    let number = |text: &str| -> Option<u32> {
        let name = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        name.map(|place| place as u32 + least).or_else(|| text.parse().ok())
    };
    let (first, last) = match range.split_once('-') {
        Some((first, last)) => (number(first), number(last)),
        None => (number(range), number(range)),
    };
    match (first, last) {
        (Some(first), Some(last)) if first < least || last > most || first > last => {
            Some(format!("has `{item}`, which is not within {least} to {most},"))
        }
        (Some(_), Some(_)) => None,
        _ => Some(format!("has `{item}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_dns() {
        for right in ["web", "web-1", "1web", "a.b-c.d"] {
            assert_eq!(subdomain(right), None, "{right}");
        }
        for wrong in ["", "Web", "web_1", "-web", "web-", "a..b", "web."] {
            assert!(subdomain(wrong).is_some(), "{wrong}");
        }
        assert!(label("a.b").is_some());
        assert!(label(&"a".repeat(64)).is_some());
    }

    #[test]
    fn label_keys_may_have_one_prefix() {
        for right in ["app", "app.kubernetes.io/name", "a_b.C"] {
            assert_eq!(qualified_name(right), None, "{right}");
        }
        for wrong in ["", "/a", "a/", "a/b/c", "Example.com/a", "a b", "-a"] {
            assert!(qualified_name(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn schedules_are_those_of_cron() {
        for right in ["*/5 * * * *", "0 3 * * mon-fri", "@daily", "@every 1h30m", "0,30 8-18/2 1 JAN ?", "5/15 * * * *"]
        {
            assert_eq!(cron(right), None, "{right}");
        }
        for wrong in ["", "* * * *", "60 * * * *", "0 0 * * 7", "*/0 * * * *", "@noon", "a * * * *", "5-1 * * * *"] {
            assert!(cron(wrong).is_some(), "{wrong}");
        }
    }
}
