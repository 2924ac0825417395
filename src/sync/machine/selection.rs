//! Which objects a sync is about: `GROUP:KIND:[NAMESPACE/]NAME` in, whether an object is meant out. A part may be a glob;
//! what begins with `!` is left out.

use super::Key;
use crate::glob::Glob;

/// What objects are selected by.
#[derive(Debug, Clone)]
pub struct Selector {
    group: Glob,
    kind: Glob,
    /// `None` where any will do.
    namespace: Option<Glob>,
    name: Glob,
    excludes: bool,
}

impl std::str::FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Selector, String> {
        let (excludes, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let fault = || format!("expected GROUP:KIND:[NAMESPACE/]NAME, found `{text}`");
        let [group, kind, place] = rest.split(':').collect::<Vec<_>>()[..] else { return Err(fault()) };
        let (namespace, name) = match place.split('/').collect::<Vec<_>>()[..] {
            [name] => ("", name),
            [namespace, name] => (namespace, name),
            _ => return Err(fault()),
        };
        let glob = |text: &str| Glob::new(text, None).ok_or_else(fault);
        Ok(Selector {
            group: glob(group)?,
            kind: glob(kind)?,
            namespace: if namespace.is_empty() { None } else { Some(glob(namespace)?) },
            name: glob(name)?,
            excludes,
        })
    }
}

impl Selector {
    fn fits(&self, key: &Key) -> bool {
        self.group.is_match(&key.group)
            && self.kind.is_match(&key.kind)
            && self.namespace.as_ref().is_none_or(|namespace| namespace.is_match(&key.namespace))
            && self.name.is_match(&key.name)
    }
}

/// Whether an object is meant: by one of those that include, if there are any, and by none that excludes.
pub(super) fn selects(selectors: &[Selector], key: &Key) -> bool {
    let mut including = selectors.iter().filter(|selector| !selector.excludes).peekable();
    let included = including.peek().is_none() || including.any(|selector| selector.fits(key));
    included && !selectors.iter().any(|selector| selector.excludes && selector.fits(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(selectors: &[&str], kind: &str, name: &str) -> bool {
        let selectors: Vec<Selector> = selectors.iter().map(|text| text.parse().expect("it is a selector")).collect();
        let group = if kind == "Deployment" { "apps" } else { "" };
        let key =
            Key { group: group.to_owned(), kind: kind.to_owned(), namespace: "shop".to_owned(), name: name.to_owned() };
        selects(&selectors, &key)
    }

    #[test]
    fn what_is_named_is_meant_and_nothing_else() {
        assert!(selected(&["apps:Deployment:web"], "Deployment", "web"));
        assert!(selected(&["apps:Deployment:shop/web"], "Deployment", "web"));
        assert!(!selected(&["apps:Deployment:other/web"], "Deployment", "web"));
        assert!(!selected(&[":Deployment:web"], "Deployment", "web"));
        assert!(selected(&[":Service:*", "apps:Deployment:web"], "Service", "any"));
        assert!(selected(&["*:*:w*"], "Service", "web") && !selected(&["*:*:w*"], "Service", "api"));
    }

    #[test]
    fn an_exclusion_wins_and_alone_leaves_all_else() {
        assert!(!selected(&["*:*:*", "!apps:Deployment:web"], "Deployment", "web"));
        assert!(selected(&["!apps:Deployment:web"], "Service", "web"));
        assert!(!selected(&["!apps:Deployment:*"], "Deployment", "web"));
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in ["web", "apps:Deployment", "a:b:c:d", "apps:Deployment:a/b/c", "apps:Deployment:[a"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
