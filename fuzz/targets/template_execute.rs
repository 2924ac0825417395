//! Any template over any values ends, with text or with an error, within its limits.
//!
//! The input is `values.yaml`, then a line `===`, then a template of a chart.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tiphys::load::load;
use tiphys::render::helm::{Charts, Flags, Release};
use tiphys::source::Snapshot;

fuzz_target!(|data: &str| {
    let (values, template) = data.split_once("\n===\n").unwrap_or(("", data));
    let repository = load(Arc::new(Snapshot::from_files([
        ("Chart.yaml", "apiVersion: v2\nname: fuzz\nversion: 0.1.0\n"),
        ("values.yaml", values),
        ("templates/_helpers.tpl", "{{ define \"name\" }}{{ .Chart.Name }}-{{ . | toYaml }}{{ end }}"),
        ("templates/input.yaml", template),
    ])));
    let charts = Charts::new(&repository);
    let _ = charts.manifest("", &Release { name: "fuzz".to_owned(), ..Release::default() }, &Flags::default());
});
