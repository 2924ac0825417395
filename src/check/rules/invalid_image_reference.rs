//! `invalid-image-reference`

use std::sync::LazyLock;

use regex::Regex;

use crate::check::ResourceContext;
use crate::check::pod::Pod;
use crate::check::select::is_open;
use crate::finding::{Check, Finding, declare_rule};
use crate::yaml::Node;

declare_rule! {
    /// Reports an image that no registry can be asked for: a name with upper-case letters or spaces, a tag with characters that
    /// tags do not have, a digest that is none.
    ///
    /// It looks at what an Application deploys: elsewhere the text may be a gap that is filled in later.
    ///
    /// ## Why it matters
    /// The pod stays in `InvalidImageName` for ever.
    ///
    /// ## Example
    /// ```yaml
    /// image: registry.example.com/shop/web@sha256:ab12   # a digest has 64 digits
    /// ```
    ///
    /// ## Instead
    /// Write `registry/name:tag`, or `registry/name@sha256:` and its 64 digits.
    "invalid-image-reference" = {
        summary: "no registry knows such an image",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

/// The grammar of references of the distribution specification: domain, path, tag, digest.
static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])",
        r"(?::[0-9]+)?/)?",
        r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*",
        r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?",
        r"(?:@(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$",
    ))
    .ok()
});

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let Some(pod) = Pod::of(context.resource).filter(|_| context.rendered.application().is_some()) else { return };
    for container in pod.containers() {
        let Some((node, text)) = container.node.get("image").and_then(|node| Some((node, node.as_str()?))) else {
            continue;
        };
        // What is empty is reported by the schema.
        if text.trim().is_empty() || is_open(text) || is_reference(text) {
            continue;
        }
        findings.push(report(context, node, text, &format!("{}/image", container.pointer)));
    }
}

fn is_reference(text: &str) -> bool {
    REFERENCE.as_ref().is_none_or(|reference| reference.is_match(text))
}

fn report(context: &ResourceContext<'_>, node: &Node, text: &str, pointer: &str) -> Finding {
    let digest = text.split_once('@').map(|(_, digest)| digest);
    let help = match digest.and_then(|digest| digest.strip_prefix("sha256:")) {
        Some(digits) if digits.len() != 64 => format!("a digest has 64 digits; these are {}", digits.len()),
        _ => "write registry/name:tag, the name in lower case".to_owned(),
    };
    context.finding(&RULE, node, pointer).message(format!("`{text}` is no reference to an image")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_to_name_an_image_are_references() {
        let digest = "a".repeat(64);
        for text in
            ["nginx", "nginx:1.29", "Registry.example.com:5000/team/web_app:v1", "ghcr.io/a/b__c/d-e--f.g:latest"]
        {
            assert!(is_reference(text) && is_reference(&format!("{text}@sha256:{digest}")), "{text}");
        }
    }

    #[test]
    fn what_no_registry_knows_is_none() {
        for text in ["Nginx", "nginx: 1", "nginx:v 1", "nginx@sha256:zz", "https://example.com/web", "web:-1", "a//b"] {
            assert!(!is_reference(text), "{text}");
        }
    }
}
