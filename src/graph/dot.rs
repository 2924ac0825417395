//! A digraph in the language of Graphviz.

use std::io::{self, Write};

use super::{Graph, Kind, Node, counted};

pub(super) fn write(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "digraph tiphys {{")?;
    writeln!(out, "  rankdir=LR;")?;
    writeln!(out, "  node [fontname=\"sans-serif\"];")?;
    for (index, node) in graph.nodes.iter().enumerate() {
        let shape = match node.kind {
            Kind::Root => "oval",
            Kind::Set => "box3d",
            Kind::Application => "box",
            Kind::Project => "hexagon",
            Kind::Cluster => "cylinder",
        };
        let colour = match (node.findings.errors, node.findings.warnings) {
            (0, 0) => "",
            (0, _) => ", color=orange",
            _ => ", color=red",
        };
        writeln!(out, "  n{index} [label=\"{}\", shape={shape}{colour}];", label(node))?;
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        for to in &node.leads_to {
            writeln!(out, "  n{index} -> n{to};")?;
        }
        for to in &node.belongs_to {
            writeln!(out, "  n{index} -> n{to} [style=dashed];")?;
        }
    }
    writeln!(out, "}}")
}

fn label(node: &Node) -> String {
    let findings = node.findings.words();
    let mut label = format!("{}\\n{}\\n{}", node.kind.as_str(), escaped(&node.name), counted(node));
    if !findings.is_empty() {
        label.push_str(&format!("\\n{findings}"));
    }
    label
}

/// Text within a quoted string.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
