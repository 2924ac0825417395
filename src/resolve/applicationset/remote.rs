//! Generators whose parameters come from a server: pull requests, repositories of a host, plugins and decisions about
//! clusters. Their answers are taken from [`Fixtures`](super::Fixtures); without one the generator is not judged.

use std::collections::BTreeMap;
use std::rc::Rc;

use regex::Regex;
use serde_json::Value as Json;

use super::Fault;
use super::functions::{normalize, slug};
use super::generator::{Scope, append_values};
use super::params::{flat, texts};
use super::selector::Selector;
use crate::origin::Origin;
use crate::render::template::{List, Map, NumberMode, Object, STRINGS, Value, print};
use crate::resolve::cluster::{IN_CLUSTER_NAME, IN_CLUSTER_SERVER};
use crate::yaml::Node;

pub(super) fn generate(scope: &Scope<'_>, kind: &str, body: &Node) -> Result<Vec<Map>, Fault> {
    match kind {
        "pullRequest" => pull_requests(scope, body),
        "scmProvider" => repositories(scope, body),
        "plugin" => plugin(scope, body),
        _ => decisions(scope, body),
    }
}

/// The answer under `key`.
fn answer<'s>(scope: &'s Scope<'_>, key: &str, body: &Node, what: &str) -> Result<&'s Json, Fault> {
    static NOTHING: Json = Json::Null;
    match scope.context.fixtures.answers.get(key) {
        Some(answer) => Ok(answer),
        None if scope.context.fixtures.strict => Ok(&NOTHING),
        None => Err(scope.fault_not_judged(body, &format!("{what} are known to a server only"))),
    }
}

fn items(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn labels(json: &Json) -> Vec<&str> {
    json.get("labels").map(items).unwrap_or_default().iter().filter_map(Json::as_str).collect()
}

/// The first characters of a commit's hash.
fn short(sha: &str, length: usize) -> &str {
    sha.get(..length).unwrap_or(sha)
}

/// One filter of a generator: patterns by field.
struct Filter<'n> {
    node: &'n Node,
    patterns: Vec<(&'static str, Regex)>,
}

fn filters<'n>(body: &'n Node, fields: &[&'static str]) -> Result<Vec<Filter<'n>>, Fault> {
    let mut filters = Vec::new();
    for node in body.get("filters").map(Node::items).unwrap_or_default() {
        let mut patterns = Vec::new();
        for field in fields {
            let Some(pattern) = node.get(field).filter(|pattern| !pattern.is_null()) else { continue };
            let regex = Regex::new(pattern.text().unwrap_or_default()).map_err(|error| {
                let mut name = (*field).to_owned();
                name[..1].make_ascii_uppercase();
                Fault::wrong(pattern, format!("error listing repos: error compiling {name} regexp: {error}"))
            })?;
            patterns.push((*field, regex));
        }
        filters.push(Filter { node, patterns });
    }
    Ok(filters)
}

fn pull_requests(scope: &Scope<'_>, body: &Node) -> Result<Vec<Map>, Fault> {
    const PROVIDERS: [&str; 6] = ["github", "gitlab", "gitea", "bitbucketServer", "bitbucket", "azuredevops"];
    let Some(provider) = PROVIDERS.iter().find_map(|key| body.get(key).filter(|provider| !provider.is_null())) else {
        let message =
            "failed to select pull request service provider: no Pull Request provider implementation configured";
        return Err(Fault::wrong(body, message));
    };
    let filters = filters(body, &["branchMatch", "targetBranchMatch", "titleMatch"])?;
    if let Some(error) = scope.context.fixtures.answers.get("pullRequestError") {
        let continues = body.get("continueOnRepoNotFoundError").and_then(Node::as_bool).unwrap_or(false);
        if continues {
            return Ok(Vec::new());
        }
        let words = error.as_str().unwrap_or_default().replace('-', " ");
        return Err(Fault::wrong(body, format!("error listing repos: {words}")));
    }
    let all = answer(scope, "pullRequests", body, "the open pull requests")?;
    let wanted = provider.get("labels").map(Node::items).unwrap_or_default();
    let mut made = Vec::new();
    for pull in items(all).iter().filter(|pull| is_of(pull, provider)) {
        let has = labels(pull);
        if !wanted.iter().all(|label| label.text().is_some_and(|label| has.contains(&label))) {
            continue;
        }
        let field = |name: &str| match name {
            "branchMatch" => text(pull, "branch"),
            "targetBranchMatch" => text(pull, "targetBranch"),
            _ => text(pull, "title"),
        };
        let passes = |filter: &Filter<'_>| filter.patterns.iter().all(|(name, regex)| regex.is_match(field(name)));
        if !filters.is_empty() && !filters.iter().any(passes) {
            continue;
        }
        let params = Map::new();
        let (branch, target, sha) = (text(pull, "branch"), text(pull, "targetBranch"), text(pull, "headSHA"));
        let number = pull.get("number").map(Json::to_string).unwrap_or_default();
        let slug = |text: &str| slug(&text.replace('_', "-"), 50, true);
        for (key, value) in [
            ("number", number),
            ("title", text(pull, "title").to_owned()),
            ("branch", branch.to_owned()),
            ("branch_slug", slug(branch)),
            ("target_branch", target.to_owned()),
            ("target_branch_slug", slug(target)),
            ("head_sha", sha.to_owned()),
            ("head_short_sha", short(sha, 8).to_owned()),
            ("head_short_sha_7", short(sha, 7).to_owned()),
            ("author", text(pull, "author").to_owned()),
        ] {
            params.insert(key, value.into());
        }
        if scope.language.is_go() {
            let list = if has.is_empty() { Value::List(List::nil(STRINGS)) } else { Value::strings(has) };
            params.insert("labels", list);
        }
        append_values(scope, body, &params)?;
        made.push(params);
    }
    Ok(made)
}

/// Whether a pull request is one of the repository that `provider` names; one that names no repository is of all.
fn is_of(pull: &Json, provider: &Node) -> bool {
    let wanted = text(pull, "repository");
    let field = |key: &str| provider.get(key).and_then(Node::text).unwrap_or_default();
    let owner = ["owner", "organization", "project"].map(field).into_iter().find(|owner| !owner.is_empty());
    let name = if field("repo").is_empty() { field("project") } else { field("repo") };
    wanted.is_empty() || wanted == name || owner.is_some_and(|owner| wanted == format!("{owner}/{name}"))
}

fn repositories(scope: &Scope<'_>, body: &Node) -> Result<Vec<Map>, Fault> {
    const PROVIDERS: [&str; 7] =
        ["github", "gitlab", "gitea", "bitbucketServer", "azureDevOps", "bitbucket", "awsCodeCommit"];
    let Some(provider) = PROVIDERS.iter().find_map(|key| body.get(key).filter(|provider| !provider.is_null())) else {
        return Err(Fault::wrong(body, "no SCM provider implementation configured"));
    };
    let filters = filters(body, &["repositoryMatch", "labelMatch", "branchMatch"])?;
    let protocol = body.get("cloneProtocol").and_then(Node::text).unwrap_or_default();
    let url = match protocol {
        "" | "ssh" => "sshUrl",
        "https" => "httpsUrl",
        other => {
            let at = body.get("cloneProtocol").unwrap_or(body);
            return Err(Fault::wrong(at, format!("error listing repos: unknown clone protocol {other}")));
        }
    };
    let all = answer(scope, "scm", body, "the repositories of the host")?;
    let branches = provider.get("allBranches").and_then(Node::as_bool).unwrap_or(false);
    // A filter that names branches or paths chooses branches, any other repositories.
    let of_branches = |filter: &&Filter<'_>| {
        ["pathsExist", "pathsDoNotExist", "branchMatch"].iter().any(|key| filter.node.get(key).is_some())
    };
    let of_repositories = |filter: &&Filter<'_>| !of_branches(filter) && !filter.patterns.is_empty();
    let matches = |filter: &Filter<'_>, repository: &Json, branch: &str, paths: &[Json]| {
        let pattern = |(name, regex): &(&str, Regex)| match *name {
            "repositoryMatch" => regex.is_match(text(repository, "repository")),
            "branchMatch" => regex.is_match(branch),
            _ => labels(repository).iter().any(|label| regex.is_match(label)),
        };
        let has = |path: &Node| {
            let path = path.text().unwrap_or_default().trim_end_matches('/');
            paths
                .iter()
                .filter_map(Json::as_str)
                .any(|known| known == path || known.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
        };
        let list = |key: &str| filter.node.get(key).map(Node::items).unwrap_or_default();
        filter.patterns.iter().all(pattern)
            && list("pathsExist").iter().all(has)
            && !list("pathsDoNotExist").iter().any(has)
    };
    let mut made = Vec::new();
    for repository in items(all) {
        let default = text(repository, "defaultBranch");
        let mut chosen = filters.iter().filter(of_repositories).peekable();
        if chosen.peek().is_some() && !chosen.any(|filter| matches(filter, repository, default, &[])) {
            continue;
        }
        for branch in repository.get("branches").map(items).unwrap_or_default() {
            let name = text(branch, "name");
            if !branches && name != default {
                continue;
            }
            let paths = branch.get("paths").map(items).unwrap_or_default();
            let mut chosen = filters.iter().filter(of_branches).peekable();
            if chosen.peek().is_some() && !chosen.any(|filter| matches(filter, repository, name, paths)) {
                continue;
            }
            let sha = text(branch, "sha");
            let params = Map::new();
            for (key, value) in [
                ("organization", text(repository, "organization").to_owned()),
                ("repository", text(repository, "repository").to_owned()),
                ("url", text(repository, url).to_owned()),
                ("branch", name.to_owned()),
                ("sha", sha.to_owned()),
                ("short_sha", short(sha, 8).to_owned()),
                ("short_sha_7", short(sha, 7).to_owned()),
                ("labels", labels(repository).join(",")),
                ("branchNormalized", normalize(name)),
            ] {
                params.insert(key, value.into());
            }
            let id = repository.get("repositoryId").and_then(Json::as_i64);
            params.insert("repository_id", id.map_or(Value::Nil, Value::Int64));
            append_values(scope, body, &params)?;
            made.push(params);
        }
    }
    Ok(made)
}

/// A value of a plugin's input, which templates see as the bytes of its JSON.
struct Raw(Vec<u8>);

impl Object for Raw {
    fn type_name(&self) -> &'static str {
        "v1.JSON"
    }

    fn print(&self) -> String {
        let bytes: Vec<String> = self.0.iter().map(u8::to_string).collect();
        format!("{{[{}]}}", bytes.join(" "))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

fn plugin(scope: &Scope<'_>, body: &Node) -> Result<Vec<Map>, Fault> {
    let words = "error getting plugin from generator";
    let plugins = answer(scope, "plugins", body, "the plugin's parameters")?;
    let name = body.path(&["configMapRef", "name"]).and_then(Node::text).unwrap_or_default();
    if plugins.get(name).is_none() && !scope.context.fixtures.strict {
        return Err(scope.fault_not_judged(body, "the plugin's parameters are known to a server only"));
    }
    let Some(plugin) = plugins.get(name) else {
        return Err(Fault::wrong(body, format!("{words}: error fetching ConfigMap: configmaps \"{name}\" not found")));
    };
    if plugin.get("noToken").and_then(Json::as_bool) == Some(true) {
        let message = "error fetching ConfigMap: token not found in ConfigMap";
        return Err(Fault::wrong(body, format!("{words}: {message}")));
    }
    let input = body.path(&["input", "parameters"]);
    let given = input.map_or(Json::Null, Node::to_json);
    let suits = |response: &&Json| {
        let when = response.get("when").and_then(Json::as_object);
        when.is_none_or(|when| when.iter().all(|(key, value)| given.get(key) == Some(value)))
    };
    let responses = plugin.get("responses").map(items).unwrap_or_default();
    let parameters = responses.iter().find(suits).and_then(|response| response.get("parameters"));
    let mut made = Vec::new();
    for object in parameters.map(items).unwrap_or_default() {
        let Value::Map(object) = Value::from_json(object, NumberMode::Float) else { continue };
        let params = if scope.language.is_go() {
            object
        } else {
            let params = Map::new();
            for (key, (value, _)) in flat(&object) {
                params.insert(key, print::sprint(&value).into());
            }
            params
        };
        let raw = Map::typed("v1alpha1.PluginParameters");
        for entry in input.map(Node::entries).unwrap_or_default() {
            let bytes = entry.value.to_json().to_string().into_bytes();
            raw.insert_from(entry.key_text(), Value::Object(Rc::new(Raw(bytes))), entry.value.origin.clone());
        }
        let input = Value::map([("input", Value::map([("parameters", Value::Map(raw))]))]);
        params.insert("generator", input);
        append_values(scope, body, &params)?;
        made.push(params);
    }
    Ok(made)
}

fn decisions(scope: &Scope<'_>, body: &Node) -> Result<Vec<Map>, Fault> {
    let maps = answer(scope, "decisionConfigMaps", body, "the decisions about clusters")?;
    let reference = body.get("configMapRef").and_then(Node::text).unwrap_or_default();
    if maps.get(reference).is_none() && !scope.context.fixtures.strict {
        return Err(scope.fault_not_judged(body, "the decisions about clusters are known to a server only"));
    }
    let Some(map) = maps.get(reference) else {
        let message = format!("error reading configMapRef: configmaps \"{reference}\" not found");
        return Err(Fault::wrong(body.get("configMapRef").unwrap_or(body), message));
    };
    let api_version = text(map, "apiVersion");
    if text(map, "kind").is_empty() || api_version.find('/').is_none_or(|slash| slash == 0) {
        return Err(Fault::wrong(body, "there is a problem with the apiVersion, kind or resourceName provided"));
    }
    let name = body.get("name").and_then(Node::text).unwrap_or_default();
    let selector = body.get("labelSelector").filter(|node| !node.entries().is_empty());
    if name.is_empty() == selector.is_none() {
        let message = "there is a problem with the definition of the ClusterDecisionResource generator";
        return Err(Fault::wrong(body, message));
    }
    let selector = selector.map(Selector::read).transpose()?;
    let chosen = |resource: &&Json| {
        let metadata = resource.get("metadata").unwrap_or(&Json::Null);
        let labels: BTreeMap<String, String> = metadata
            .get("labels")
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect();
        text(resource, "apiVersion") == api_version
            && match &selector {
                Some(selector) => selector.matches(&labels),
                None => text(metadata, "name") == name,
            }
    };
    let resources = answer(scope, "decisionResources", body, "the decisions about clusters")?;
    let resources: Vec<&Json> = items(resources).iter().filter(chosen).collect();
    if resources.is_empty() {
        return Err(Fault::wrong(body, "no clusterDecisionResources found"));
    }
    let (list, key) = (text(map, "statusListKey"), text(map, "matchKey"));
    let list = if list.is_empty() { "clusters" } else { list };
    let mut made = Vec::new();
    if key.is_empty() {
        return Ok(made);
    }
    for decision in
        resources.iter().flat_map(|resource| resource.pointer(&format!("/status/{list}")).map(items)).flatten()
    {
        let Value::Map(decision) = Value::from_json(decision, NumberMode::Float) else { continue };
        let wanted = decision.get(key).map(|value| print::sprint(&value)).unwrap_or_default();
        let known = scope.context.clusters.iter().find(|cluster| cluster.name.text == wanted);
        let (server, origin) = match known {
            Some(cluster) => (cluster.server.text.as_str(), cluster.server.origin.clone()),
            None if wanted == IN_CLUSTER_NAME => (IN_CLUSTER_SERVER, Origin::NONE),
            None => continue,
        };
        let params = Map::new();
        params.insert_from("name", wanted.as_str().into(), origin.clone());
        params.insert_from("server", server.into(), origin);
        for (key, value) in decision.entries() {
            params.insert(key, print::sprint(&value).into());
        }
        // These values are taken as they are.
        let values = body.get("values").map(Node::entries).unwrap_or_default();
        let value = |node: &Node| Value::string(node.text().unwrap_or_default());
        if scope.language.is_go() && !values.is_empty() {
            let entries =
                values.iter().map(|entry| (entry.key_text(), value(&entry.value), entry.value.origin.clone()));
            params.insert("values", Value::Map(texts(entries)));
        } else {
            for entry in values {
                let name = format!("values.{}", entry.key_text());
                params.insert_from(name, value(&entry.value), entry.value.origin.clone());
            }
        }
        made.push(params);
    }
    Ok(made)
}
