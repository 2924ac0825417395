//! Writes `schemas/kustomize-1.21.2.txt`, and beside it the names of its definitions, from the OpenAPI that kustomize
//! carries: `cargo run --example generate-kustomize-schema -- kustomize-1.21.2.json [DIRECTORY]`.

use std::error::Error;

use tiphys::render::kustomize::{Beside, MergeSchema};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let from = arguments.next().ok_or("give the path of kustomize-1.21.2.json")?;
    let to = std::path::PathBuf::from(arguments.next().unwrap_or_else(|| "schemas".to_owned()));
    let document = serde_json::from_str(&std::fs::read_to_string(from)?)?;
    let schema = MergeSchema::from_openapi(&document, Beside::Nothing);
    std::fs::write(to.join("kustomize-1.21.2.txt"), schema.to_table())?;
    std::fs::write(to.join("kustomize-1.21.2-names.txt"), schema.to_names())?;
    Ok(())
}
