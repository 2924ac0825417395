use super::*;

fn parse(text: &str) -> YamlFile {
    read(FileId(0), text, Limits::default())
}

fn slice(text: &str, node: &Node) -> String {
    let mark = node.mark();
    text[mark.start as usize..mark.end as usize].to_owned()
}

fn root(file: &YamlFile) -> &Node {
    assert_eq!(file.problems, vec![], "problems");
    &file.documents[0].root
}

#[test]
fn every_value_knows_its_bytes_lines_and_columns() {
    let text = "# head\na: 1\nübung:\n  - ä: \"x\"  # tail\n  - {p: 'q', r: [s]}\n";
    let file = parse(text);
    let node = root(&file);
    let quoted = node.pointer("/übung/0/ä").expect("value");
    assert_eq!((quoted.mark().line, quoted.mark().column), (4, 8));
    assert_eq!(slice(text, quoted), "\"x\"");
    let flow = node.pointer("/übung/1").expect("flow");
    assert_eq!(slice(text, flow), "{p: 'q', r: [s]}");
    assert_eq!(slice(text, flow.get("r").expect("r")), "[s]");
    assert_eq!((node.mark().line, node.mark().column), (2, 1));
    let comments: Vec<_> = file
        .comments
        .iter()
        .map(|c| (&text[c.mark.start as usize..c.mark.end as usize], c.mark.line, c.own_line))
        .collect();
    assert_eq!(comments, [("# head", 1, true), ("# tail", 4, false)]);
}

#[test]
fn a_block_scalar_ends_where_its_text_ends() {
    let text = "a: |\n  one # not a comment\n\n  two\n# a comment\nb: >-\n  folded\n  text\n\nc: 1\n";
    let file = parse(text);
    let node = root(&file);
    assert_eq!(slice(text, node.get("a").expect("a")), "|\n  one # not a comment\n\n  two");
    assert_eq!(node.str_at(&["a"]), Some("one # not a comment\n\ntwo\n"));
    assert_eq!(slice(text, node.get("b").expect("b")), ">-\n  folded\n  text");
    assert_eq!(file.comments.len(), 1);
}

#[test]
fn a_plain_scalar_over_lines_ends_with_its_last_word() {
    let text = "a: one\n  two   \n\nb: x   # c\n";
    let file = parse(text);
    let node = root(&file);
    assert_eq!(slice(text, node.get("a").expect("a")), "one\n  two");
    assert_eq!(slice(text, node.get("b").expect("b")), "x");
    assert_eq!(file.comments.len(), 1);
}

#[test]
fn a_duplicate_key_is_a_problem_and_the_first_counts() {
    let file = parse("a: 1\nb: 2\na: 3\n");
    assert_eq!(file.documents[0].root.get("a").and_then(Node::as_i64), Some(1));
    let [Problem { kind: ProblemKind::DuplicateKey { key, first }, mark }] = file.problems.as_slice() else {
        panic!("{:?}", file.problems)
    };
    assert_eq!((key.as_str(), first.line, mark.line), ("a", 1, 3));
}

#[test]
fn duplicates_are_found_in_wide_mappings_too() {
    let mut text: String = (0..40).map(|n| format!("k{n}: {n}\n")).collect();
    text.push_str("k3: again\n");
    assert_eq!(parse(&text).problems.len(), 1);
}

#[test]
fn a_syntax_error_costs_its_document_only() {
    let file = parse("a: 1\n---\nb: \"open\nc: [\n---\nd: 4\n--- # with a comment\ne: 5\n");
    let keys: Vec<_> = file.documents.iter().map(|d| d.root.entries()[0].key_text().to_owned()).collect();
    assert_eq!(keys, ["a", "d", "e"]);
    assert_eq!(file.problems.len(), 1);
    assert_eq!(file.documents[1].root.mark().line, 6);
    assert_eq!(file.documents[2].root.mark().line, 8);
}

#[test]
fn tabs_as_indentation_are_a_located_problem() {
    let file = parse("a:\n\tb: 1\n");
    assert_eq!(file.problems.len(), 1, "{:?}", file);
    assert_eq!(file.problems[0].mark.line, 2);
}

#[test]
fn merge_keys_and_aliases_are_expanded_with_the_anchors_origin() {
    let file = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nlist:\n- <<: [*b, {z: 9}]\n");
    let node = root(&file);
    assert_eq!(node.path(&["use", "x"]).and_then(Node::as_i64), Some(1));
    assert_eq!(node.path(&["use", "x"]).map(|n| n.mark().line), Some(1));
    assert_eq!(node.path(&["use", "y"]).and_then(Node::as_i64), Some(3));
    assert_eq!(node.pointer("/list/0/z").and_then(Node::as_i64), Some(9));
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..10 {
        let refs = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{refs}]\n"));
    }
    let file = parse(&text);
    assert!(matches!(file.problems[0].kind, ProblemKind::AliasExpansion(_)), "{:?}", file.problems);
}

#[test]
fn depth_is_limited() {
    let file = parse(&"[".repeat(100_000));
    assert!(!file.problems.is_empty());
    let file = parse(&(0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>());
    assert!(matches!(file.problems[0].kind, ProblemKind::TooDeep(_)));
}

#[test]
fn line_ends_and_byte_order_marks_do_not_matter() {
    let text = "\u{feff}a: 1\r\nb:\r\n  - c\r\n# d\r\n";
    let file = parse(text);
    let node = root(&file);
    assert_eq!(slice(text, node.get("a").expect("a")), "1");
    assert_eq!(node.pointer("/b/0").map(|n| n.mark().line), Some(3));
    assert_eq!(file.comments.len(), 1);
    assert_eq!(file.comments[0].mark.line, 4);
}

#[test]
fn empty_documents_are_no_documents() {
    assert_eq!(parse("").documents.len(), 0);
    assert_eq!(parse("# only a comment\n").documents.len(), 0);
    assert_eq!(parse("---\n---\na: 1\n---\n").documents.len(), 1);
}

#[test]
fn a_quoted_text_goes_on_at_any_column() {
    // As kustomize reads it.
    let text = "# é\nmetadata:\n  a: \"one\n two\n\n  three \\\n     four\" # c\n  b: 'x\ny'\n  c: [ \"p\nq\", {d: 'r\ns' } ] # e\n  é: w # f\n---\nz: \"1\n2\"\n";
    let file = parse(text);
    assert_eq!(file.problems, vec![]);
    let json: Vec<_> = file.documents.iter().map(|document| document.root.to_json()).collect();
    let first =
        serde_json::json!({"metadata": {"a": "one two\nthree four", "b": "x y", "c": ["p q", {"d": "r s"}], "é": "w"}});
    assert_eq!(json, [first, serde_json::json!({"z": "1 2"})]);
    let value = |pointer: &str| root(&file).pointer(pointer).expect("a value");
    let (nested, last) = (value("/metadata/c/1/d"), value("/metadata/é"));
    assert_eq!((nested.mark().line, nested.mark().column, slice(text, nested)), (11, 9, "'r\ns'".to_owned()));
    assert_eq!((last.mark().line, last.mark().column, slice(text, last)), (13, 6, "w".to_owned()));
    let comments: Vec<&str> =
        file.comments.iter().map(|comment| &text[comment.mark.start as usize..comment.mark.end as usize]).collect();
    assert_eq!(comments, ["# é", "# c", "# e", "# f"]);
}

#[test]
fn a_quoted_text_that_nothing_ends_is_wrong_where_it_begins() {
    let file = parse("a:\n  b: \"x\ny\n---\nc: d\n");
    assert_eq!(file.problems.len(), 1);
    assert_eq!((file.problems[0].mark.line, file.problems[0].mark.column), (2, 6));
    assert_eq!(file.documents.len(), 1);
}

#[test]
fn keys_that_are_no_text_become_the_text_that_kubernetes_makes_of_them() {
    let json = |text: &str| read(FileId(0), text, Limits::default()).documents.remove(0).root.to_json();
    assert_eq!(
        json("y: 1\n0x10: 2\n\"on\": 3\nname: 4\n"),
        serde_json::json!({"true": 1, "16": 2, "on": 3, "name": 4})
    );
}

#[test]
fn two_nodes_say_the_same_whatever_their_style_and_order() {
    let node = |text: &str| read(FileId(0), text, Limits::default()).documents.remove(0).root;
    let one = node("a: 1\nb: [x, 'true']\nc: {d: 0x10}\n");
    assert!(one.says_same(&node("{c: {d: 16}, b: [\"x\", \"true\"], a: 1}")));
    assert!(!one.says_same(&node("a: 1\nb: [x, true]\nc: {d: 16}\n")));
    assert!(!one.says_same(&node("a: 1\nb: [x, 'true']\n")));
}
