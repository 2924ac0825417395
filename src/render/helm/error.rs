//! Why a chart gives no manifest.

use thiserror::Error;

use crate::origin::Mark;
use crate::render::template::TemplateError;

/// Why a chart gives no manifest; the messages are Helm's.
#[derive(Debug, Clone, Error)]
pub enum HelmError {
    /// A file of the chart cannot be used: Chart.yaml, values.yaml, the schema. Mend the file.
    #[error("{message}")]
    Chart {
        /// What Helm says.
        message: String,
        /// The file, or the place in it.
        mark: Mark,
    },
    /// Dependencies are named in Chart.yaml and not in `charts/`. Run `helm dependency build`.
    #[error(
        "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch \
         missing dependencies: found in Chart.yaml, but missing in charts/ directory: {}",
        names.join(", ")
    )]
    Unvendored {
        /// The dependencies.
        names: Vec<String>,
        /// The first of them in Chart.yaml.
        mark: Mark,
    },
    /// A values file is not there. Create it, or mend the path.
    #[error("open {path}: no such file or directory")]
    ValueFile {
        /// The path.
        path: String,
        /// Where it is asked for.
        mark: Mark,
    },
    /// A flag or parameter cannot be read.
    #[error("{message}")]
    Set {
        /// What Helm says.
        message: String,
        /// The parameter.
        mark: Mark,
    },
    /// The values break the rules of values.schema.json.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{message}")]
    Schema {
        /// The violations, a line each, by chart.
        message: String,
        /// The violations and the places of the values.
        violations: Vec<(Mark, String)>,
    },
    /// A template does not parse or does not run.
    #[error("{message}")]
    Template {
        /// What Helm says.
        message: String,
        /// The engine's error.
        error: Box<TemplateError>,
    },
    /// A template printed what is no Kubernetes object.
    #[error("{message}")]
    Output {
        /// What Helm says.
        message: String,
        /// The place in the template.
        mark: Mark,
    },
}

impl HelmError {
    /// The place to mend, as far as the error knows it; a template's place is in its own error.
    pub fn mark(&self) -> Mark {
        match self {
            HelmError::Chart { mark, .. }
            | HelmError::Unvendored { mark, .. }
            | HelmError::ValueFile { mark, .. }
            | HelmError::Set { mark, .. }
            | HelmError::Output { mark, .. } => *mark,
            HelmError::Schema { violations, .. } => violations.first().map_or(Mark::NONE, |(mark, _)| *mark),
            HelmError::Template { .. } => Mark::NONE,
        }
    }

    /// Whether Helm adds the hint about `--debug` to it.
    pub fn has_debug_hint(&self) -> bool {
        matches!(self, HelmError::Template { .. } | HelmError::Output { .. })
    }
}

/// The message of a failed template, as Helm shows it.
pub(super) fn describe(error: &TemplateError) -> String {
    const START: &str = "HELM_ERR_START";
    let text = error.message.as_str();
    let mut tokens = text.splitn(3, ": ");
    let (Some(_), Some(location), Some(rest)) = (tokens.next(), tokens.next(), tokens.next()) else {
        return text.to_owned();
    };
    if let (Some(start), Some(end)) = (rest.find(START), rest.rfind("HELM_ERR_END")) {
        return format!(
            "execution error at ({location}): {}",
            &rest[start + START.len()..end.max(start + START.len())]
        );
    }
    // Helm unwraps the chain, and gives up where it ends in what no template said.
    if error.root().reason.starts_with("error calling ") {
        return text.to_owned();
    }
    let mut lines: Vec<String> = Vec::new();
    let mut current = Some(error);
    while let Some(error) = current {
        let Some(line) = trace(&error.message) else { return text.to_owned() };
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        current = error.cause.as_deref();
        if current.is_some() && error.message.contains("error during tpl function execution for") {
            return text.to_owned();
        }
    }
    lines.concat().trim().to_owned()
}

/// One error of a chain: where, what was executed, what went wrong.
fn trace(message: &str) -> Option<String> {
    let rest = message.strip_prefix("template: ")?;
    if rest.starts_with("no template ") {
        return Some(format!("{message}\n"));
    }
    let cut = |reason: &str| reason.split(" template:").next().unwrap_or_default().to_owned();
    if let Some((location, after)) = rest.split_once(": executing ") {
        let name = after.strip_prefix('"')?.split('"').next()?;
        let at = after.get(name.len() + 2..)?.strip_prefix(" at <")?;
        let (place, reason) = at.split_once(">: ")?;
        let reason = cut(reason);
        return Some(format!("{location}\n  executing \"{name}\" at <{place}>:\n    {reason}\n"));
    }
    let (location, reason) = rest.rsplit_once(": ")?;
    Some(format!("{location}\n  {}\n", cut(reason)))
}

/// The message of a template that does not parse, as Helm shows it.
pub(super) fn describe_parse(error: &TemplateError) -> String {
    let mut tokens = error.message.split(": ");
    let location = tokens.nth(1).unwrap_or_default();
    format!("parse error at ({location}): {}", error.message.rsplit(": ").next().unwrap_or_default())
}
