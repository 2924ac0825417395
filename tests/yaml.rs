//! The reader against another one: what both make of every file of the example is the same.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use tiphys::load::load;
use tiphys::source::worktree;

#[test]
fn another_reader_sees_the_same_values() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/platform");
    let snapshot = Arc::new(worktree::read(&root).expect("the example"));
    let repository = load(Arc::clone(&snapshot));
    let mut documents = 0;
    for (id, file) in snapshot.files().filter(|(id, _)| repository.is_yaml(*id)) {
        let own = repository.yaml(id).expect("text");
        assert!(own.problems.is_empty(), "{}: {:?}", file.path, own.problems);
        let text = snapshot.text(id).expect("text");
        let others: Vec<serde_json::Value> = serde_yaml::Deserializer::from_str(text)
            .map(|document| serde_json::Value::deserialize(document).expect("a document"))
            .filter(|value| !value.is_null())
            .collect();
        let own: Vec<serde_json::Value> = own.documents.iter().map(|document| document.root.to_json()).collect();
        assert_eq!(own, others, "{}", file.path);
        documents += own.len();
    }
    assert!(documents > 100, "the example has {documents} documents only");
}
