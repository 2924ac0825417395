//! A flowchart in Mermaid's language.

use std::io::{self, Write};

use super::{Graph, Kind, Node, counted};

pub(super) fn write(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "flowchart LR")?;
    for (index, node) in graph.nodes.iter().enumerate() {
        let (open, close) = match node.kind {
            Kind::Root => ("([", "])"),
            Kind::Set => ("[[", "]]"),
            Kind::Application => ("[", "]"),
            Kind::Project => ("{{", "}}"),
            Kind::Cluster => ("[(", ")]"),
        };
        writeln!(out, "  n{index}{open}\"{}\"{close}{}", label(node), class(node))?;
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        for to in &node.leads_to {
            writeln!(out, "  n{index} --> n{to}")?;
        }
        for to in &node.belongs_to {
            writeln!(out, "  n{index} -.-> n{to}")?;
        }
    }
    writeln!(out, "  classDef error stroke:#c00,stroke-width:2px")?;
    writeln!(out, "  classDef warning stroke:#c80,stroke-width:2px")
}

fn class(node: &Node) -> &'static str {
    match (node.findings.errors, node.findings.warnings) {
        (0, 0) => "",
        (0, _) => ":::warning",
        _ => ":::error",
    }
}

fn label(node: &Node) -> String {
    let findings = node.findings.words();
    let mut label = format!("{} {}<br/>{}", node.kind.as_str(), escaped(&node.name), counted(node));
    if !findings.is_empty() {
        label.push_str(&format!("<br/>{findings}"));
    }
    label
}

/// Text within a label: everything that Mermaid or HTML could read becomes its number.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | ':' | '(' | ')') => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push_str(&format!("#{};", c as u32)),
        }
    }
    out
}
