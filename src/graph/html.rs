//! A page of its own: the tree to open and close, and what each project and cluster has. It loads nothing.

use std::io::{self, Write};

use super::{Graph, Kind, Node, counted, text};
use crate::report::xml::escape;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
details,.leaf{margin-left:1.2rem}summary{cursor:pointer}.kind,.place{color:#777}\
.error{color:#b00020}.warning{color:#a05a00}.info{color:#0060a0}\
table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}";
/// How deep the tree is drawn.
const DEPTH: usize = 64;

pub(super) fn write(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<!doctype html>")?;
    writeln!(out, "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>What deploys what</title>")?;
    writeln!(out, "<style>{STYLE}</style></head><body>")?;
    writeln!(out, "<h1>What deploys what</h1>")?;
    writeln!(out, "<p>{}</p>", escape(&text::summary(graph)))?;
    let mut shown = vec![false; graph.nodes.len()];
    for top in graph.tops() {
        branch(graph, top, 0, &mut shown, out)?;
    }
    for (kind, title) in [(Kind::Project, "Projects"), (Kind::Cluster, "Clusters")] {
        if graph.of(kind).next().is_none() {
            continue;
        }
        writeln!(out, "<h2>{title}</h2><table><tr><th>Name</th><th>Applications</th><th>Findings</th></tr>")?;
        for (_, node) in graph.of(kind) {
            let findings = findings(node);
            writeln!(out, "<tr><td>{}</td><td>{}</td><td>{findings}</td></tr>", escape(&node.name), node.count)?;
        }
        writeln!(out, "</table>")?;
    }
    writeln!(out, "</body></html>")
}

fn branch(graph: &Graph, at: usize, depth: usize, shown: &mut [bool], out: &mut dyn Write) -> io::Result<()> {
    let node = &graph.nodes[at];
    let again = std::mem::replace(&mut shown[at], true) && !node.leads_to.is_empty();
    if node.leads_to.is_empty() || again || depth >= DEPTH {
        let note = if again { " (see above)" } else { "" };
        return writeln!(out, "<div class=\"leaf\">{}{note}</div>", head(node));
    }
    writeln!(out, "<details open><summary>{}</summary>", head(node))?;
    for child in &node.leads_to {
        branch(graph, *child, depth + 1, shown, out)?;
    }
    writeln!(out, "</details>")
}

fn head(node: &Node) -> String {
    let place = match node.place.as_str() {
        "" => String::new(),
        place => format!(" <span class=\"place\">{}</span>", escape(place)),
    };
    format!(
        "<span class=\"kind\">{}</span> <b>{}</b> {}{place}{}",
        node.kind.as_str(),
        escape(&node.name),
        counted(node),
        findings(node)
    )
}

fn findings(node: &Node) -> String {
    let class = match (node.findings.errors, node.findings.warnings, node.findings.infos) {
        (0, 0, 0) => return String::new(),
        (0, 0, _) => "info",
        (0, _, _) => "warning",
        _ => "error",
    };
    format!(" <span class=\"{class}\">{}</span>", node.findings.words())
}
