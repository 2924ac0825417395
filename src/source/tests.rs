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

/// A git worktree with one commit of `files`, and `untracked` beside them.
fn worktree(files: &[(&str, &str)], untracked: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let write = |path: &str, text: &str| {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, text).expect("a file");
    };
    let git = git2::Repository::init(directory.path()).expect("a git repository");
    for (path, text) in files {
        write(path, text);
    }
    let mut index = git.index().expect("an index");
    for (path, _) in files {
        index.add_path(path.as_ref()).expect("an entry");
    }
    index.write().expect("a written index");
    let tree = git.find_tree(index.write_tree().expect("a tree")).expect("the tree");
    let author = git2::Signature::now("A", "a@example.com").expect("a signature");
    git.commit(Some("HEAD"), &author, &author, "first", &tree, &[]).expect("a commit");
    git.remote("origin", "https://github.com/example/platform").expect("a remote");
    for (path, text) in untracked {
        write(path, text);
    }
    directory
}

fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.files().map(|(_, file)| &*file.path).collect()
}

#[test]
fn a_worktree_is_its_tracked_files_and_the_untracked_ones_that_are_not_ignored() {
    let directory = worktree(
        &[(".gitignore", "out/\n*.log\n"), ("a.yaml", "a: 1\n"), ("out/kept.yaml", "k: 1\n")],
        &[("new.yaml", "n: 1\n"), ("x.log", ""), ("out/made.yaml", "m: 1\n"), ("build/deep/y.log", "")],
    );
    let snapshot = worktree::read(directory.path()).expect("a snapshot");
    assert_eq!(paths(&snapshot), [".gitignore", "a.yaml", "new.yaml", "out/kept.yaml"]);
    assert_eq!(snapshot.remotes, ["https://github.com/example/platform"]);
    assert_eq!(snapshot.commit.as_deref().map(str::len), Some(40));
}

#[test]
fn a_revision_is_read_without_checkout_and_below_its_directory() {
    let directory = worktree(&[("sub/a.yaml", "a: 1\n"), ("b.yaml", "b: 1\n")], &[("sub/a.yaml", "a: 2\n")]);
    let whole = git::read(directory.path(), "HEAD").expect("a snapshot");
    assert_eq!(paths(&whole), ["b.yaml", "sub/a.yaml"]);
    let below = git::read(&directory.path().join("sub"), "HEAD").expect("a snapshot");
    assert_eq!(paths(&below), ["a.yaml"]);
    assert_eq!(below.find("a.yaml").and_then(|id| below.text(id)).map(|text| &**text), Some("a: 1\n"));
    assert!(matches!(git::read(directory.path(), "nowhere"), Err(SourceError::Revision { .. })));
}

#[test]
#[cfg(unix)]
fn what_cannot_be_read_stays_visible() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("latin.yaml"), b"a: \xe9\n").expect("a file");
    std::fs::File::create(at("large.yaml")).and_then(|file| file.set_len(MAX_FILE_BYTES + 1)).expect("a file");
    std::os::unix::fs::symlink("/etc/hostname", at("out.yaml")).expect("a link");
    std::os::unix::fs::symlink("../beside", at("up.yaml")).expect("a link");
    std::os::unix::fs::symlink("latin.yaml", at("in.yaml")).expect("a link");
    let snapshot = worktree::read(directory.path()).expect("a snapshot");
    let content = |path: &str| snapshot.files().find(|(_, file)| &*file.path == path).map(|(_, file)| &file.content);
    assert!(matches!(content("latin.yaml"), Some(Content::Binary(_))));
    assert!(matches!(content("large.yaml"), Some(Content::TooLarge(_))));
    assert!(matches!(content("out.yaml"), Some(Content::Outside(_))));
    assert!(matches!(content("up.yaml"), Some(Content::Outside(_))));
    assert!(matches!(content("in.yaml"), Some(Content::Link(_))));
}
