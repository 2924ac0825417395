//! Arbitrary files around a kustomization must build or be refused, never panic or hang.
//!
//! The input is a small tree: a line `=== PATH` begins a file; what stands before the first such line is
//! `kustomization.yaml`. `overlay` and the root are built.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tiphys::load::load;
use tiphys::render::kustomize::{Builds, Options, Overrides};
use tiphys::source::Snapshot;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut files: Vec<(String, String)> = vec![("kustomization.yaml".to_owned(), String::new())];
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("=== ") {
            Some(path) if files.len() < 16 => files.push((path.trim().to_owned(), String::new())),
            _ => files.last_mut().expect("there is a first file").1.push_str(line),
        }
    }
    files.retain(|(path, _)| !path.is_empty());
    files.reverse();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files.dedup_by(|a, b| a.0 == b.0);
    let repository = load(Arc::new(Snapshot::from_files(files)));
    for restrict in [true, false] {
        let builds = Builds::with(&repository, Options { restrict, helm: true });
        for directory in ["", "overlay"] {
            let output = builds.build(directory, &Overrides::none());
            let mut text = String::new();
            for resource in &output.resources {
                // What cannot be written is an error of its own, which is no panic.
                let _ = tiphys::yaml::write(&resource.node, &mut text);
            }
        }
    }
});
