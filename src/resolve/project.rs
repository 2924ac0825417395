//! An AppProject: which sources, destinations and kinds it permits, as Argo CD decides it.

use std::sync::Arc;

use regex::Regex;

use super::applicationset::pattern::path_match;
use crate::glob::Glob;
use crate::render::Resource;
use crate::yaml::Node;

/// An AppProject, read once.
#[derive(Debug, Clone)]
pub struct Project {
    /// The object.
    pub resource: Arc<Resource>,
    sources: Vec<Pattern>,
    destinations: Vec<Destination>,
    cluster_allowed: Option<Vec<KindPattern>>,
    cluster_denied: Vec<KindPattern>,
    namespaced_allowed: Option<Vec<KindPattern>>,
    namespaced_denied: Vec<KindPattern>,
    namespaces: Vec<String>,
    only_own_clusters: bool,
}

/// A glob; one that begins with `!` denies.
#[derive(Debug, Clone)]
struct Pattern {
    deny: bool,
    glob: Option<Glob>,
}

#[derive(Debug, Clone)]
struct Destination {
    server: Pattern,
    name: Pattern,
    namespace: Pattern,
}

#[derive(Debug, Clone)]
struct KindPattern {
    group: String,
    kind: String,
    name: String,
}

impl Pattern {
    fn of(text: &str, separated: bool) -> Pattern {
        let (deny, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        // A star alone means everything, separators or not; one that denies stops at them.
        let separator = (separated && (deny || text != "*")).then_some('/');
        Pattern { deny, glob: Glob::new(text, separator) }
    }

    /// Whether the pattern, with its denial, agrees with `text`.
    fn matches(&self, text: &str) -> bool {
        self.glob.as_ref().is_some_and(|glob| glob.is_match(text)) != self.deny
    }
}

impl Project {
    /// Reads the project of `resource`.
    pub fn of(resource: &Arc<Resource>) -> Project {
        let spec = resource.node.get("spec");
        let items = |key: &str| spec.and_then(|spec| spec.get(key)).map(Node::items).unwrap_or_default();
        let url = |text: &str| match text.strip_prefix('!') {
            Some(rest) => Pattern::of(&format!("!{}", comparable(rest)), true),
            None => Pattern::of(&comparable(text), true),
        };
        let destination = |item: &Node| {
            let of = |key: &str| Pattern::of(item.get(key).and_then(Node::text).unwrap_or_default(), false);
            Destination { server: of("server"), name: of("name"), namespace: of("namespace") }
        };
        let kinds = |key: &str| -> Vec<KindPattern> { items(key).iter().map(KindPattern::of).collect() };
        let given = |key: &str| spec.and_then(|spec| spec.get(key)).filter(|node| !node.is_null());
        Project {
            resource: Arc::clone(resource),
            sources: items("sourceRepos").iter().filter_map(Node::text).map(url).collect(),
            destinations: items("destinations").iter().map(destination).collect(),
            cluster_allowed: given("clusterResourceWhitelist").map(|_| kinds("clusterResourceWhitelist")),
            cluster_denied: kinds("clusterResourceBlacklist"),
            namespaced_allowed: given("namespaceResourceWhitelist").map(|_| kinds("namespaceResourceWhitelist")),
            namespaced_denied: kinds("namespaceResourceBlacklist"),
            namespaces: items("sourceNamespaces").iter().filter_map(Node::text).map(str::to_owned).collect(),
            only_own_clusters: given("permitOnlyProjectScopedClusters").and_then(Node::as_bool).unwrap_or(false),
        }
    }

    /// Whether only clusters that are reserved for the project are permitted.
    pub fn only_own_clusters(&self) -> bool {
        self.only_own_clusters
    }

    /// The project's name.
    pub fn name(&self) -> &str {
        self.resource.name()
    }

    /// Whether Applications may take manifests from `url`. A denial permits whatever it does not deny.
    pub fn permits_source(&self, url: &str) -> bool {
        let url = comparable(url);
        let mut any = false;
        for pattern in &self.sources {
            if pattern.matches(&url) {
                any = true;
            } else if pattern.deny {
                return false;
            }
        }
        any
    }

    /// Whether Applications may deploy to `namespace` of the cluster with this server and this name; either may be
    /// empty where it is not known.
    pub fn permits_destination(&self, server: &str, name: &str, namespace: &str) -> bool {
        let mut any = false;
        for item in &self.destinations {
            let by_name = !name.is_empty() && item.name.matches(name);
            let by_server = !server.is_empty() && item.server.matches(server);
            let by_namespace = item.namespace.matches(namespace);
            if (by_server || by_name) && by_namespace {
                any = true;
            } else if by_namespace && (!by_name && item.name.deny || !by_server && item.server.deny)
                || !by_namespace && item.namespace.deny && by_server
            {
                return false;
            }
        }
        any
    }

    /// Whether any of the destinations is on the cluster, whatever the namespace.
    pub fn permits_some_namespace(&self, server: &str, name: &str) -> bool {
        self.destinations.iter().any(|item| {
            !name.is_empty() && !item.name.deny && item.name.matches(name)
                || !server.is_empty() && !item.server.deny && item.server.matches(server)
        })
    }

    /// Whether Applications may deploy objects of this kind.
    pub fn permits_resource(&self, group: &str, kind: &str, name: &str, namespaced: bool) -> bool {
        let within = |list: &[KindPattern], named: bool| list.iter().any(|item| item.matches(group, kind, name, named));
        if namespaced {
            self.namespaced_allowed.as_deref().is_none_or(|allowed| within(allowed, false))
                && !within(&self.namespaced_denied, false)
        } else {
            self.cluster_allowed.as_deref().is_some_and(|allowed| within(allowed, true))
                && !within(&self.cluster_denied, true)
        }
    }

    /// Whether Applications may be declared in `namespace`; in Argo CD's own they always may.
    pub fn permits_application_namespace(&self, namespace: &str, argocd: &str) -> bool {
        namespace.is_empty()
            || namespace == argocd
            || self.namespaces.iter().any(|pattern| namespace_matches(pattern, namespace))
    }
}

/// Whether an entry of a list of namespaces agrees: a glob, or a regular expression between slashes.
pub fn namespace_matches(pattern: &str, namespace: &str) -> bool {
    let expression = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|text| !text.is_empty());
    let by_expression = expression.is_some_and(|text| Regex::new(text).is_ok_and(|regex| regex.is_match(namespace)));
    let glob = || Glob::new(pattern, None).is_some_and(|glob| glob.is_match(namespace));
    by_expression || glob()
}

impl KindPattern {
    fn of(node: &Node) -> KindPattern {
        let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        KindPattern { group: text("group"), kind: text("kind"), name: text("name") }
    }

    fn matches(&self, group: &str, kind: &str, name: &str, named: bool) -> bool {
        path_match(&self.kind, kind)
            && path_match(&self.group, group)
            && (!named || self.name.is_empty() || path_match(&self.name, name))
    }
}

/// A repository's URL, or a pattern of one, in the form in which Argo CD compares them: in small letters, without
/// `.git`, and the short form of SSH as a path. The protocol and the user stay: `https` does not permit `git@`.
fn comparable(url: &str) -> String {
    let url = url.trim().to_lowercase();
    let (before, after) = url.rsplit_once('@').unwrap_or((&url, ""));
    let user = before.strip_prefix("ssh://").unwrap_or(before);
    let ssh = !after.is_empty() && !user.contains(['/', ':', '@']);
    let short = ssh && !url.starts_with("ssh://");
    let url = if short { url.replacen(':', "/", 1) } else { url };
    let url = url.strip_prefix("ssh://").unwrap_or(&url);
    let url = url.strip_suffix(".git").unwrap_or(url);
    // A URL does not hold these as they are.
    url.replace('{', "%7b").replace('}', "%7d").replace(' ', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::FileId;
    use crate::yaml::{Limits, read};

    fn project(spec: &str) -> Project {
        let mut file = read(FileId(0), &format!("kind: AppProject\nspec: {spec}\n"), Limits::default());
        Project::of(&Arc::new(Resource { node: file.documents.remove(0).root }))
    }

    #[test]
    fn a_source_is_permitted_by_a_glob_and_refused_by_a_denial() {
        let project = project("{sourceRepos: ['https://github.com/org/*', '!https://github.com/org/secret']}");
        assert!(project.permits_source("https://GitHub.com/Org/web.git"));
        assert!(!project.permits_source("https://github.com/org/secret.git"));
        assert!(!project_of_one().permits_source("https://github.com/other/web"));
        // Another protocol is another repository.
        assert!(!project_of_one().permits_source("git@github.com:org/web.git"));
    }

    #[test]
    fn the_forms_of_ssh_are_one() {
        let project = project("{sourceRepos: ['git@github.com:org/*']}");
        assert!(project.permits_source("git@github.com:org/web.git"));
        assert!(project.permits_source("ssh://git@github.com/org/web"));
        assert!(!project.permits_source("https://github.com/org/web"));
    }

    fn project_of_one() -> Project {
        project("{sourceRepos: ['https://github.com/org/*']}")
    }

    #[test]
    fn a_denial_permits_what_it_does_not_deny() {
        assert!(
            project("{sourceRepos: ['!https://github.com/org/secret']}").permits_source("https://github.com/org/web")
        );
    }

    #[test]
    fn a_star_that_denies_stops_at_slashes_and_one_that_permits_does_not() {
        assert!(project("{sourceRepos: ['*']}").permits_source("https://github.com/org/web"));
        // Argo CD's own way: what has a slash is not denied.
        assert!(project("{sourceRepos: ['!*']}").permits_source("https://github.com/org/web"));
    }

    #[test]
    fn a_destination_matches_by_server_or_by_name() {
        let project = project(
            "{destinations: [{server: 'https://a', namespace: 'web-*'}, {name: b, namespace: '!kube-system'}]}",
        );
        assert!(project.permits_destination("https://a", "", "web-1"));
        assert!(!project.permits_destination("https://a", "", "db"));
        assert!(project.permits_destination("https://b", "b", "db"));
        assert!(!project.permits_destination("https://c", "c", "web-1"));
    }

    #[test]
    fn cluster_wide_kinds_need_to_be_allowed_and_namespaced_ones_do_not() {
        let project = project(
            "{clusterResourceWhitelist: [{group: '', kind: Namespace}], namespaceResourceBlacklist: [{group: '*', kind: Secret}]}",
        );
        assert!(project.permits_resource("", "Namespace", "web", false));
        assert!(!project.permits_resource("rbac.authorization.k8s.io", "ClusterRole", "web", false));
        assert!(project.permits_resource("apps", "Deployment", "web", true));
        assert!(!project.permits_resource("", "Secret", "web", true));
    }
}
