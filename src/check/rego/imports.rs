//! A policy's text in, the same with what it imports written out: `lib.name` becomes `data.lib.name`.
//!
//! regorus takes a name that is imported for the whole package, evaluates all of it for every input, and looks for the
//! package again at each use. A path that begins with `data` asks for its rule alone. Lines stay what they are.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// `import data.lib.kubernetes as k`
static IMPORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^import[ \t]+(?<path>data(?:\.[A-Za-z_][A-Za-z0-9_]*)+)(?:[ \t]+as[ \t]+(?<alias>\w+))?[ \t]*(?:#.*)?$",
    )
    .ok()
});

/// Writes out every use of an import of `data`, except of a name that stands for something else besides.
pub(super) fn written_out(text: &str) -> String {
    let mut imports: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines() {
        let Some(found) = IMPORT.as_ref().and_then(|regex| regex.captures(line)) else { continue };
        let path = found.name("path").map_or("", |found| found.as_str());
        let last = path.rsplit('.').next().unwrap_or(path);
        let alias = found.name("alias").map_or(last, |found| found.as_str());
        if imports.insert(alias, path).is_some_and(|other| other != path) {
            return text.to_owned();
        }
    }
    if imports.is_empty() {
        return text.to_owned();
    }
    let names = names(text);
    for &(start, end) in &names {
        // A variable of that name hides the import, and is declared without a path.
        if !text[end..].starts_with(['.', '[']) {
            imports.remove(&text[start..end]);
        }
    }
    let mut written = String::with_capacity(text.len() + 128);
    let mut copied = 0;
    for (start, end) in names {
        if let Some(path) = imports.get(&text[start..end]) {
            written.push_str(&text[copied..start]);
            written.push_str(path);
            copied = end;
        }
    }
    written.push_str(&text[copied..]);
    written
}

/// The names at which an expression begins: not within texts, comments and imports, and not behind a dot.
fn names(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut names = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let begins_line = at == 0 || bytes[at - 1] == b'\n';
        match bytes[at] {
            _ if begins_line && ["import", "package"].iter().any(|word| text[at..].starts_with(word)) => {
                at = line_end(bytes, at);
            }
            b'#' => at = line_end(bytes, at),
            b'`' => at = bytes[at + 1..].iter().position(|byte| *byte == b'`').map_or(bytes.len(), |end| at + end + 2),
            b'"' => at = text_end(bytes, at + 1),
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                let length =
                    bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
                if at == 0 || bytes[at - 1] != b'.' {
                    names.push((at, at + length));
                }
                at += length;
            }
            byte if byte.is_ascii_digit() => {
                at += bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            }
            _ => at += 1,
        }
    }
    names
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end)
}

/// Behind the quotation mark that ends the text at `at`.
fn text_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_of_an_import_is_written_out_and_texts_and_comments_are_not() {
        let text = "package main\nimport data.lib\nimport data.kube.pods as p\n\
                    deny contains m if {\n\tsome c in p.containers # p.x\n\tm := sprintf(\"lib.name %v `p.x`\", [lib.name])\n\
                    \tx.lib.y\n\tinput.p\n\t`p.z`\n\tlib[\"a-b\"]\n}\n";
        let expected = "package main\nimport data.lib\nimport data.kube.pods as p\n\
                    deny contains m if {\n\tsome c in data.kube.pods.containers # p.x\n\tm := sprintf(\"lib.name %v `p.x`\", [data.lib.name])\n\
                    \tx.lib.y\n\tinput.p\n\t`p.z`\n\tdata.lib[\"a-b\"]\n}\n";
        assert_eq!(written_out(text), expected);
    }

    #[test]
    fn a_name_that_is_also_a_variable_stays_as_it_is() {
        for body in [
            "some lib in input.x\n\tlib.y",
            "f(lib) if lib.y",
            "lib := input\n\tlib.y",
            "every lib in input.x { lib.y }",
        ] {
            let text = format!("package main\nimport data.lib\ndeny contains 1 if {{\n\t{body}\n}}\n");
            assert_eq!(written_out(&text), text);
        }
    }

    #[test]
    fn what_is_not_utf8_at_a_byte_or_has_no_end_is_left_alone() {
        for text in
            ["package main\nimport data.lib\nx := \"ä", "import data.lib\nx := `ü", "import data.lib\n#ö", "é lib.x"]
        {
            assert_eq!(written_out(text), text);
        }
    }
}
