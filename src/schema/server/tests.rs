use crate::origin::FileId;
use crate::yaml::{Limits, read};

/// Pointer of each violation of the documents of `text`.
fn pointers(text: &str) -> Vec<Vec<String>> {
    let file = read(FileId(0), text, Limits::default());
    file.documents
        .iter()
        .map(|document| super::violations(&document.root).into_iter().map(|found| found.pointer).collect())
        .collect()
}

#[test]
fn right_objects_are_let_through() {
    let found = pointers(include_str!("../../../tests/cluster/agreement/valid.yaml"));
    assert!(found.len() > 15, "{} documents", found.len());
    for (index, found) in found.iter().enumerate() {
        assert!(found.is_empty(), "document {}: {found:?}", index + 1);
    }
}

/// Each document of `wrong.yaml` names in a comment what is wrong with it.
#[test]
fn wrong_objects_are_found_at_their_fields() {
    for part in include_str!("wrong.yaml").split("\n---\n") {
        let (comment, body) = part.trim_start().split_once('\n').expect("a comment and an object");
        let wanted: Vec<&str> = comment.trim_start_matches("# ").split_whitespace().collect();
        assert_eq!(pointers(body), [wanted], "{body}");
    }
}
