//! The file's text in, the configuration out.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use globset::GlobSetBuilder;
use smol_str::SmolStr;

use super::environment::Patterns;
use super::fields::Findings;
use super::generators::generators;
use super::glob;
use super::{
    ClusterConfig, Config, Environment, KubernetesVersion, Located, NotJudgedAcceptance, RepositoryConfig, RuleConfig,
    WaiverConfig,
};
use crate::finding::{Finding, Profile, Severity};
use crate::origin::{FileId, Mark};
use crate::source::Snapshot;
use crate::yaml::{Limits, Node, read};

const KEYS: [&str; 14] = [
    "kubernetes",
    "clusters",
    "repositories",
    "profile",
    "rules",
    "policies",
    "waivers",
    "accept-not-judged",
    "environments",
    "exclude",
    "generators",
    "lookup",
    "sync",
    "version",
];

/// Reads the configuration in `file`.
pub(super) fn parse(snapshot: &Snapshot, file: FileId) -> (Config, Vec<Finding>) {
    let mut findings = Findings::default();
    let mut config = Config { file: Some(file), environments: Environment::defaults(), ..Config::default() };
    let Some(text) = snapshot.text(file) else {
        findings.report(Mark::file(file), "the configuration is not text");
        return (config, findings.0);
    };
    let yaml = read(file, text, Limits::default());
    // A file of the repository is held to YAML's rules by the rules of YAML; one from outside only here.
    for problem in yaml.problems.iter().filter(|_| snapshot.external().any(|(id, _)| id == file)) {
        findings.report(problem.mark, problem.kind.to_string());
    }
    if let Some(extra) = yaml.documents.get(1) {
        findings.report(extra.root.mark(), "the configuration is one document; this one is not read");
    }
    let Some(root) = yaml.documents.first().map(|document| &document.root).filter(|root| !root.is_null()) else {
        return (config, findings.0);
    };
    if !findings.keys(root, "configuration", &KEYS) {
        return (config, findings.0);
    }
    config.kubernetes = version(&mut findings, root, "configuration");
    config.clusters = clusters(&mut findings, root, "configuration");
    if let Some(given) = root.get("generators") {
        config.generators = generators(&mut findings, root);
        // Who lists them for the generators lists them all.
        config.all_clusters = given.get("clusters").is_some_and(|clusters| clusters.as_sequence().is_some());
        config.clusters.extend(clusters(&mut findings, given, "generators"));
    }
    config.repositories = repositories(&mut findings, root);
    config.profile = profile(&mut findings, root);
    config.rules = rules(&mut findings, root);
    config.policies = findings.texts(root, "configuration", "policies");
    config.waivers = waivers(&mut findings, root);
    config.accept_not_judged = acceptances(&mut findings, root);
    if root.get("environments").is_some() {
        config.environments = environments(&mut findings, root);
    }
    let known: Vec<SmolStr> = config
        .environments
        .iter()
        .map(|environment| environment.name.clone())
        .chain(config.clusters.iter().filter_map(|cluster| cluster.environment.clone()))
        .collect();
    config.sync = super::sync::sync(&mut findings, root, &known);
    config.lookup = lookup(&mut findings, root);
    config.exclude = findings.texts(root, "configuration", "exclude");
    let mut excluded = GlobSetBuilder::new();
    for pattern in &config.exclude {
        match glob(&pattern.value) {
            Ok(glob) => {
                excluded.add(glob);
            }
            Err(error) => findings.report(pattern.mark, format!("exclude: {error}")),
        }
    }
    config.excluded = excluded.build().unwrap_or_default();
    (config, findings.0)
}

fn version(findings: &mut Findings, node: &Node, what: &str) -> Option<KubernetesVersion> {
    let text = findings.text(node, what, "kubernetes")?;
    let version = KubernetesVersion::parse(&text.value);
    if version.is_none() {
        findings.report(text.mark, format!("kubernetes: expected a version such as \"1.37\", found `{}`", text.value));
    }
    version
}

fn profile(findings: &mut Findings, root: &Node) -> Option<Profile> {
    let text = findings.text(root, "configuration", "profile")?;
    let profile = Profile::parse(&text.value);
    if profile.is_none() {
        findings.report(text.mark, format!("profile: expected recommended, strict or seed, found `{}`", text.value));
    }
    profile
}

/// Objects as they would be in a manifest.
fn lookup(findings: &mut Findings, root: &Node) -> Vec<Node> {
    let mut objects = Vec::new();
    for item in findings.items(root, "configuration", "lookup") {
        if item.str_at(&["apiVersion"]).is_none() || item.str_at(&["kind"]).is_none() {
            findings.report(item.mark(), "lookup: expected an object with apiVersion and kind");
            continue;
        }
        objects.push(item.clone());
    }
    objects
}

fn clusters(findings: &mut Findings, root: &Node, what: &str) -> Vec<ClusterConfig> {
    let known = ["name", "server", "kubernetes", "environment", "project", "labels", "annotations"];
    let mut clusters = Vec::new();
    for item in findings.items(root, what, "clusters") {
        if !findings.keys(item, "cluster", &known) {
            continue;
        }
        let Some(name) = findings.required(item, "cluster", "name") else { continue };
        let Some(server) = findings.required(item, "cluster", "server") else { continue };
        clusters.push(ClusterConfig {
            name: SmolStr::new(&name.value),
            server: SmolStr::new(&server.value),
            kubernetes: version(findings, item, "cluster"),
            environment: findings.text(item, "cluster", "environment").map(|text| SmolStr::new(&text.value)),
            project: findings.text(item, "cluster", "project").map(|text| SmolStr::new(&text.value)),
            labels: findings.map(item, "cluster", "labels"),
            annotations: findings.map(item, "cluster", "annotations"),
            mark: name.mark,
        });
    }
    clusters
}

fn repositories(findings: &mut Findings, root: &Node) -> Vec<RepositoryConfig> {
    let mut repositories = Vec::new();
    for item in findings.items(root, "configuration", "repositories") {
        if let Some(url) = item.text() {
            repositories.push(RepositoryConfig { url: SmolStr::new(url), chart: None, path: None, mark: item.mark() });
            continue;
        }
        if !findings.keys(item, "repository", &["url", "chart", "path"]) {
            continue;
        }
        let Some(url) = findings.required(item, "repository", "url") else { continue };
        repositories.push(RepositoryConfig {
            url: SmolStr::new(&url.value),
            chart: findings.text(item, "repository", "chart").map(|text| SmolStr::new(&text.value)),
            path: findings
                .text(item, "repository", "path")
                .map(|text| text.value.trim_start_matches("./").trim_end_matches('/').to_owned()),
            mark: url.mark,
        });
    }
    repositories
}

fn rules(findings: &mut Findings, root: &Node) -> BTreeMap<SmolStr, RuleConfig> {
    let mut rules = BTreeMap::new();
    let Some(node) = root.get("rules") else { return rules };
    if node.as_mapping().is_none() && !node.is_null() {
        findings.report(node.mark(), format!("rules: expected a mapping, found {}", node.kind().as_str()));
    }
    for entry in node.entries() {
        let id = entry.key_text();
        let value = match &entry.value {
            value if value.as_mapping().is_some() => {
                findings.keys(value, &format!("rules.{id}"), &["severity"]);
                value.get("severity").unwrap_or(value)
            }
            value => value,
        };
        // `off` is a boolean to Kubernetes' YAML; here it is the word.
        let severity = match value.as_scalar().map(|scalar| scalar.text.as_str()) {
            Some("off" | "false") => None,
            Some("info") => Some(Severity::Info),
            Some("warning" | "warn") => Some(Severity::Warning),
            Some("error") => Some(Severity::Error),
            found => {
                findings.report(
                    value.mark(),
                    format!(
                        "rules.{id}: expected off, info, warning or error, found {}",
                        found.map_or_else(|| value.kind().as_str().to_owned(), |text| format!("`{text}`"))
                    ),
                );
                continue;
            }
        };
        rules.insert(SmolStr::new(id), RuleConfig { severity, mark: entry.key.mark() });
    }
    rules
}

fn waivers(findings: &mut Findings, root: &Node) -> Vec<WaiverConfig> {
    let mut waivers = Vec::new();
    for item in findings.items(root, "configuration", "waivers") {
        let known = ["rule", "path", "resource", "fingerprint", "owner", "reason", "expires"];
        if !findings.keys(item, "waiver", &known) {
            continue;
        }
        let rule = findings.required(item, "waiver", "rule");
        let owner = findings.required(item, "waiver", "owner");
        let reason = findings.required(item, "waiver", "reason");
        let expires = findings.required(item, "waiver", "expires").and_then(|text| date(findings, &text));
        let path = findings.text(item, "waiver", "path");
        let resource = findings.text(item, "waiver", "resource");
        let fingerprint = findings.text(item, "waiver", "fingerprint");
        if let Some(path) = &path
            && let Err(error) = glob(&path.value)
        {
            findings.report(path.mark, format!("waiver.path: {error}"));
            continue;
        }
        let (Some(rule), Some(owner), Some(reason), Some(expires)) = (rule, owner, reason, expires) else { continue };
        waivers.push(WaiverConfig {
            rule: Located { value: SmolStr::new(&rule.value), mark: rule.mark },
            path: path.map(|text| text.value),
            resource: resource.map(|text| SmolStr::new(&text.value)),
            fingerprint: fingerprint.map(|text| SmolStr::new(&text.value)),
            owner: SmolStr::new(&owner.value),
            reason: reason.value,
            expires,
            mark: rule.mark,
        });
    }
    waivers
}

fn date(findings: &mut Findings, text: &Located<String>) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(&text.value, "%Y-%m-%d").ok();
    if date.is_none() {
        findings.report(text.mark, format!("expected a date as 2030-12-31, found `{}`", text.value));
    }
    date
}

fn acceptances(findings: &mut Findings, root: &Node) -> Vec<NotJudgedAcceptance> {
    let mut acceptances = Vec::new();
    for item in findings.items(root, "configuration", "accept-not-judged") {
        if !findings.keys(item, "accept-not-judged", &["what", "path", "reason"]) {
            continue;
        }
        let what = findings.text(item, "accept-not-judged", "what");
        let path = findings.text(item, "accept-not-judged", "path");
        let Some(reason) = findings.required(item, "accept-not-judged", "reason") else { continue };
        if what.is_none() && path.is_none() {
            findings.report(item.mark(), "accept-not-judged: give `what` or `path`");
            continue;
        }
        acceptances.push(NotJudgedAcceptance {
            what: what.map(|text| text.value),
            path: path.map(|text| text.value),
            reason: reason.value,
            mark: item.mark(),
        });
    }
    acceptances
}

fn environments(findings: &mut Findings, root: &Node) -> Vec<Environment> {
    let mut environments = Vec::new();
    let Some(node) = root.get("environments") else { return environments };
    if node.as_mapping().is_none() && !node.is_null() {
        findings.report(node.mark(), format!("environments: expected a mapping, found {}", node.kind().as_str()));
    }
    for entry in node.entries() {
        let name = entry.key_text();
        let what = format!("environments.{name}");
        let value = &entry.value;
        let known = ["production", "paths", "clusters", "namespaces", "applications", "labels"];
        if !value.is_null() && !findings.keys(value, &what, &known) {
            continue;
        }
        let mut texts = |key: &str| findings.texts(value, &what, key).into_iter().map(|text| text.value).collect();
        let (paths, clusters, namespaces) = (texts("paths"), texts("clusters"), texts("namespaces"));
        let applications = texts("applications");
        let labels = findings.map(value, &what, "labels");
        let production = value.get("production").and_then(Node::as_bool);
        match Environment::new(name, production, Patterns { paths, clusters, namespaces, applications, labels }) {
            Ok(environment) => environments.push(environment),
            Err(error) => findings.report(value.mark(), format!("{what}: {error}")),
        }
    }
    environments
}
