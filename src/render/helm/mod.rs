//! Helm charts: a chart's files and a [`Release`] in, resources with origins out, or the very text that `helm template`
//! prints.
//!
//! [`chart`] reads a chart of the snapshot once; [`values`] merges what charts and people set; [`dependencies`] decides
//! which subcharts are there; [`engine`] runs the templates; [`manifest`] splits and sorts what they print, and
//! [`provenance`] gives each value of it the place that it came from. [`argo`] reads an Application's `source.helm`.

pub mod argo;
mod capabilities;
mod chart;
mod dependencies;
mod engine;
mod error;
mod files;
mod functions;
mod ignore;
mod lookup;
mod manifest;
mod metadata;
mod notes;
mod provenance;
mod release;
mod schema;
mod set;
mod toml;
mod values;

pub use error::HelmError;
pub use release::{ChartSource, Charts, Flags, PrintedDocument, Release, SetKind, SetValue, name_from_template};

#[cfg(test)]
mod tests;
