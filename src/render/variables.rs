//! The build variables of Argo CD: an Application's source in, texts with its variables filled in out.

use crate::yaml::Node;

/// What an Application says of itself to its build.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a> {
    /// The source.
    pub source: &'a Node,
    /// `metadata.name`
    pub name: &'a str,
    /// `spec.destination.namespace`
    pub namespace: &'a str,
    /// `spec.project`
    pub project: &'a str,
    /// The commit that is judged, if it is known.
    pub commit: Option<&'a str>,
}

impl Variables<'_> {
    fn value(&self, name: &str) -> &str {
        let field = |key: &str| self.source.get(key).and_then(Node::text).unwrap_or_default();
        let revision = self.commit.unwrap_or(field("targetRevision"));
        let short = |length: usize| revision.get(..length).unwrap_or(revision);
        match name {
            "$" => "$",
            "ARGOCD_APP_NAME" => self.name,
            "ARGOCD_APP_NAMESPACE" => self.namespace,
            "ARGOCD_APP_PROJECT_NAME" => self.project,
            "ARGOCD_APP_REVISION" => revision,
            "ARGOCD_APP_REVISION_SHORT" => short(7),
            "ARGOCD_APP_REVISION_SHORT_8" => short(8),
            "ARGOCD_APP_SOURCE_REPO_URL" => field("repoURL"),
            "ARGOCD_APP_SOURCE_PATH" => field("path"),
            "ARGOCD_APP_SOURCE_TARGET_REVISION" => field("targetRevision"),
            _ => "",
        }
    }

    /// Go's os.Expand: `$NAME` and `${NAME}`; a name that is none of Argo CD's is empty, `$$` is a dollar.
    pub fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            out.push_str(&rest[..dollar]);
            let behind = &rest[dollar + 1..];
            let name_end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(behind.len());
            rest = match behind.chars().next() {
                None => {
                    out.push('$');
                    behind
                }
                Some('{') => match behind.find('}') {
                    Some(end) => {
                        out.push_str(self.value(&behind[1..end]));
                        &behind[end + 1..]
                    }
                    // Go eats the brace of a name that does not end.
                    None => &behind[1..],
                },
                Some(c @ ('*' | '#' | '$' | '@' | '!' | '?' | '-' | '0'..='9')) => {
                    out.push_str(self.value(&c.to_string()));
                    &behind[1..]
                }
                Some(_) if name_end > 0 => {
                    out.push_str(self.value(&behind[..name_end]));
                    &behind[name_end..]
                }
                // A dollar in front of no name stays.
                Some(_) => {
                    out.push('$');
                    behind
                }
            };
        }
        out + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Origin;

    #[test]
    fn names_of_argo_cd_are_filled_in_and_others_are_empty() {
        let source = Node::from_json(&serde_json::json!({"path": "web", "targetRevision": "main"}), &Origin::NONE);
        let commit = Some("0123456789abcdef");
        let variables = Variables { source: &source, name: "shop", namespace: "n", project: "p", commit };
        let text = "$ARGOCD_APP_NAME-${ARGOCD_APP_REVISION_SHORT} ${OTHER}$$ 5$ ${ARGOCD_APP_SOURCE_PATH}";
        assert_eq!(variables.expand(text), "shop-0123456 $ 5$ web");
    }
}
