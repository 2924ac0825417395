use super::*;

#[test]
fn paths_resolve_and_never_leave_the_repository() {
    assert_eq!(normalize("a/b", "../c/./d").as_deref(), Some("a/c/d"));
    assert_eq!(normalize("a/b", "../..").as_deref(), Some(""));
    assert_eq!(normalize("a/b", "../../../c"), None);
    assert_eq!(normalize("a/b", "/c").as_deref(), Some("c"));
}

#[test]
fn links_are_followed_inside_and_cycles_end() {
    let link = |path: &str, target: &str| File { path: path.into(), content: Content::Link(target.into()) };
    let text = |path: &str| File { path: path.into(), content: Content::of(b"x".to_vec()) };
    let snapshot =
        Snapshot::new(vec![text("real/a.yaml"), link("dir", "real"), link("one", "two"), link("two", "one")]);
    let file = snapshot.find("dir/a.yaml").map(|id| snapshot.path(id).to_owned());
    assert_eq!(file.as_deref(), Some("real/a.yaml"));
    assert_eq!(snapshot.directory("dir").as_deref(), Some("real"));
    assert_eq!(snapshot.find("one"), None);
    assert_eq!(snapshot.find("one/x"), None);
    assert_eq!(snapshot.directory("two"), None);
}

#[test]
fn under_lists_a_directory_and_nothing_beside_it() {
    let snapshot = Snapshot::from_files([("a/x", "1"), ("a-b/y", "2"), ("a/z/w", "3"), ("ab", "4")]);
    let paths: Vec<_> = snapshot.under("a").map(|(_, file)| file.path.to_string()).collect();
    assert_eq!(paths, ["a/x", "a/z/w"]);
}
