//! A tree for people at a terminal.

use std::io::{self, Write};

use super::{Graph, Kind, Node, counted};

/// How deep the tree is drawn: what is below is only named.
const DEPTH: usize = 64;

pub(super) fn write(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    let mut shown = vec![false; graph.nodes.len()];
    for top in graph.tops() {
        writeln!(out, "{}", line(&graph.nodes[top]))?;
        below(graph, top, "", &mut shown, out)?;
    }
    for (kind, title) in [(Kind::Project, "Projects"), (Kind::Cluster, "Clusters")] {
        let nodes: Vec<&Node> = graph.of(kind).map(|(_, node)| node).collect();
        if !nodes.is_empty() {
            writeln!(out, "\n{title}")?;
        }
        for node in nodes {
            writeln!(out, "  {}", line(node))?;
        }
    }
    writeln!(out, "\n{}", summary(graph))
}

fn below(graph: &Graph, at: usize, indent: &str, shown: &mut [bool], out: &mut dyn Write) -> io::Result<()> {
    let children: Vec<usize> = graph.nodes[at].leads_to.clone();
    shown[at] = true;
    for (number, child) in children.iter().enumerate() {
        let last = number + 1 == children.len();
        let node = &graph.nodes[*child];
        let branch = if last { "└── " } else { "├── " };
        let again = shown[*child] && !node.leads_to.is_empty();
        writeln!(out, "{indent}{branch}{}{}", line(node), if again { " (see above)" } else { "" })?;
        let deeper = format!("{indent}{}", if last { "    " } else { "│   " });
        if !again && indent.chars().count() < DEPTH * 4 {
            below(graph, *child, &deeper, shown, out)?;
        }
    }
    Ok(())
}

/// A node on one line, whatever its name holds.
fn line(node: &Node) -> String {
    let name: String = node.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut line = match node.kind {
        Kind::Root | Kind::Cluster => name,
        kind => format!("{} {name}", kind.as_str()),
    };
    if node.kind == Kind::Project && node.place.is_empty() && node.name != "default" {
        line.push_str(" (not declared)");
    }
    line.push_str(&format!(": {}", counted(node)));
    let findings = node.findings.words();
    if !findings.is_empty() {
        line.push_str(&format!(" [{findings}]"));
    }
    line
}

/// How many there are of each kind.
pub(super) fn summary(graph: &Graph) -> String {
    let part = |kind: Kind, one: &str| {
        let count = graph.of(kind).count();
        format!("{count} {one}{}", if count == 1 { "" } else { "s" })
    };
    let mut parts = vec![
        part(Kind::Root, "root"),
        part(Kind::Set, "ApplicationSet"),
        part(Kind::Application, "Application"),
        part(Kind::Project, "project"),
        part(Kind::Cluster, "cluster"),
    ];
    if graph.other_roots > 0 {
        parts.push(format!("{} more without anything of Argo CD", graph.other_roots));
    }
    parts.join(", ")
}
