//! Generators whose parameters come from a server: pull requests, repositories of a host, plugins and decisions about
//! clusters. Their answers are taken from [`Fixtures`](super::Fixtures); without one the generator is not judged.

use super::Fault;
use super::generator::Scope;
use crate::render::template::Map;
use crate::yaml::Node;

pub(super) fn generate(scope: &Scope<'_>, kind: &str, body: &Node) -> Result<Vec<Map>, Fault> {
    let what = match kind {
        "pullRequest" => "the open pull requests",
        "scmProvider" => "the repositories of the host",
        "plugin" => "the plugin's answer",
        _ => "the decisions about clusters",
    };
    Err(scope.fault_not_judged(body, &format!("{what} are known to a server only")))
}
