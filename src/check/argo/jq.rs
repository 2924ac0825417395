//! Whether a text is an expression of jq, as far as its grammar goes: names are not looked up.

use jaq_core::load::{Arena, File, Loader};

/// What the controller's reader knows and this one does not.
const UNKNOWN: [&str; 4] = ["?//", "import", "include", "__loc__"];

/// Whether `text` cannot be read as jq, whoever reads it.
pub(crate) fn is_broken(text: &str) -> bool {
    if UNKNOWN.iter().any(|word| text.contains(word)) {
        return false;
    }
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    Loader::new(definitions).load(&Arena::default(), File { code: text, path: () }).is_err()
}

#[cfg(test)]
mod tests {
    use super::is_broken;

    #[test]
    fn only_what_breaks_the_grammar_is_broken() {
        for text in [
            ".spec.template.spec.containers[] | select(.name == \"web\") | .image",
            ".metadata.annotations[\"a.b/c\"]?",
            ".webhooks[]?.clientConfig.caBundle",
            ".spec.rules[0:2], .status.conditions[-1]",
            "paths(type == \"number\") as $p | getpath($p)",
            ".a // .b | own_function(1)",
            ".a as [$x] ?// $x | $x",
            ".. | .image? // empty",
        ] {
            assert!(!is_broken(text), "{text}");
        }
        for text in [".spec.containers[", ".a | ", ".a | select(.b == )", "select(.a", ".a]", ".\"x"] {
            assert!(is_broken(text), "{text}");
        }
    }
}
