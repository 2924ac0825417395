use super::*;
use crate::origin::FileId;
use crate::yaml::{Limits, read};

fn rewritten(text: &str) -> String {
    let file = read(FileId(0), text, Limits::default());
    let mut out = String::new();
    for document in &file.documents {
        write(&document.root, &mut out).unwrap();
    }
    out
}

#[test]
fn keys_are_sorted_and_sequences_stand_at_their_key() {
    assert_eq!(
        rewritten("b: [1, {z: 1, a: 2}]\na10: x\na9: []\nc: {}\n"),
        "a9: []\na10: x\nb:\n- 1\n- a: 2\n  z: 1\nc: {}\n"
    );
    assert_eq!(rewritten("a: [[1, 2], [3]]"), "a:\n- - 1\n  - 2\n- - 3\n");
}

#[test]
fn strings_are_quoted_where_yaml_1_1_would_read_something_else() {
    assert_eq!(
        rewritten("a: yes\nb: '1'\nc: \"x\"\nd: '- a'\ne: 'it''s: x'\nf: ''\ny: 1\ng: 1:30\nh: \"a\\tb\""),
        "a: \"yes\"\nb: \"1\"\nc: x\nd: '- a'\ne: 'it''s: x'\nf: \"\"\ng: \"1:30\"\nh: \"a\\tb\"\n\"y\": 1\n"
    );
}

#[test]
fn numbers_and_dates_take_the_detour_over_json() {
    assert_eq!(
        rewritten("a: 010\nb: 1e3\nc: 2024-01-02\nd: 1.50\ne: 1234567.5\nf: ~\ng: 0.00001\nh: 1e22\ni: 100000.5"),
        "a: 8\nb: 1000\nc: \"2024-01-02T00:00:00Z\"\nd: 1.5\ne: 1.2345675e+06\nf: null\ng: 1e-05\nh: 1e+22\ni: 100000.5\n"
    );
}

#[test]
fn text_of_several_lines_is_a_literal_block() {
    assert_eq!(rewritten("a: \"x\\ny\"\nb: |+\n  z\n\n"), "a: |-\n  x\n  y\nb: |+\n  z\n\n");
    assert_eq!(rewritten("a: \"x \\ny\""), "a: \"x \\ny\"\n");
    assert_eq!(rewritten("- |\n  a\n- \" a\\nb\\n\""), "- |\n  a\n- |2\n   a\n  b\n");
}

#[test]
fn long_text_folds_behind_column_eighty() {
    let words = "word ".repeat(30);
    assert_eq!(
        rewritten(&format!("key: {words}")),
        format!("key: {}\n  {}\n", "word ".repeat(16).trim_end(), "word ".repeat(14).trim_end())
    );
}
