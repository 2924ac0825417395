//! Writes `schemas/kustomize-1.21.2.txt` from the OpenAPI that kustomize carries:
//! `cargo run --example generate-kustomize-schema -- kustomize-1.21.2.json [FILE]`.

use std::error::Error;

use tiphys::render::kustomize::MergeSchema;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let from = arguments.next().ok_or("give the path of kustomize-1.21.2.json")?;
    let to = arguments.next().unwrap_or_else(|| "schemas/kustomize-1.21.2.txt".to_owned());
    let document = serde_json::from_str(&std::fs::read_to_string(from)?)?;
    std::fs::write(to, MergeSchema::from_openapi(&document).to_table())?;
    Ok(())
}
