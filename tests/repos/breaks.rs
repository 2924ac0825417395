//! The ten ways to break a repository.

use std::fs::{self, File};
use std::path::Path;

use super::Subject;

/// One way.
pub(super) struct Break {
    pub(super) name: &'static str,
    /// The rules of which one must find it.
    pub(super) rules: &'static [&'static str],
    /// Breaks the copy at the path given; returns the file and line where it must be found.
    pub(super) make: fn(&Subject, &Path) -> (String, u64),
}

pub(super) const BREAKS: &[Break] = &[
    Break { name: "invalid UTF-8", rules: &["invalid-utf8"], make: invalid_utf8 },
    Break { name: "tab indentation", rules: &["yaml-syntax", "yaml-parse-error"], make: tab },
    Break { name: "unclosed quote", rules: &["yaml-syntax", "yaml-parse-error"], make: unclosed_quote },
    Break { name: "billion laughs", rules: &["yaml-syntax", "yaml-parse-error"], make: billion_laughs },
    Break { name: "a file of 50 MiB", rules: &["file-too-large"], make: large },
    Break { name: "a link out of the repository", rules: &["link-outside-repository"], make: link },
    Break { name: "a cyclic kustomization", rules: &["kustomization-cycle"], make: kustomization_cycle },
    Break { name: "a cyclic app-of-apps", rules: &["application-cycle"], make: application_cycle },
    Break { name: "a missing resource", rules: &["kustomize-resource-not-found"], make: missing_resource },
    Break { name: "an empty file", rules: &["empty-manifest"], make: empty },
];

fn deployment(subject: &Subject) -> String {
    format!("{}/base/deployment.yaml", subject.service)
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).expect("the file is there")
}

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    fs::write(root.join(path), content).expect("the file can be written");
}

fn lines(text: &str) -> u64 {
    text.lines().count() as u64
}

fn invalid_utf8(subject: &Subject, root: &Path) -> (String, u64) {
    let path = deployment(subject);
    let text = read(root, &path);
    write(root, &path, [text.as_bytes(), b"# gr\xFC\xDFe\n"].concat());
    (path, lines(&text) + 1)
}

fn tab(subject: &Subject, root: &Path) -> (String, u64) {
    let path = deployment(subject);
    let text = read(root, &path);
    let at = text.find("spec:\n").expect("a spec") + "spec:\n".len();
    write(root, &path, format!("{}\tpaused: true\n{}", &text[..at], &text[at..]));
    (path, lines(&text[..at]) + 1)
}

fn unclosed_quote(subject: &Subject, root: &Path) -> (String, u64) {
    let path = deployment(subject);
    let text = read(root, &path);
    let broken = text.replacen("name: ", "name: \"", 1);
    let at = broken.find("name: \"").expect("a name");
    let line = broken[..at].matches('\n').count() as u64 + 1;
    write(root, &path, &broken);
    (path, line)
}

/// The file is found at the line of the alias that goes too far.
fn billion_laughs(subject: &Subject, root: &Path) -> (String, u64) {
    let path = deployment(subject);
    let mut text = read(root, &path);
    let before = lines(&text);
    text.push_str("laughs:\n- &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let aliases = vec![format!("*l{}", level - 1); 10].join(", ");
        text.push_str(&format!("- &l{level} [{aliases}]\n"));
    }
    write(root, &path, &text);
    // A level has ten times the values of the one before: the limit of 200,000 is in the fifth.
    (path, before + 2 + 4)
}

fn large(subject: &Subject, root: &Path) -> (String, u64) {
    let path = deployment(subject);
    let file = File::options().write(true).open(root.join(&path)).expect("the file is there");
    file.set_len(50 << 20).expect("it can grow");
    (path, 1)
}

fn link(subject: &Subject, root: &Path) -> (String, u64) {
    let path = deployment(subject);
    fs::remove_file(root.join(&path)).expect("the file is there");
    std::os::unix::fs::symlink("../../../../../../../../etc/hostname", root.join(&path)).expect("a link can be made");
    (path, 1)
}

fn kustomization_cycle(subject: &Subject, root: &Path) -> (String, u64) {
    let path = format!("{}/base/kustomization.yaml", subject.service);
    let text = read(root, &path);
    let at = text.find("resources:\n").expect("resources") + "resources:\n".len();
    write(root, &path, format!("{}- ../overlays/production\n{}", &text[..at], &text[at..]));
    (path, lines(&text[..at]) + 1)
}

/// Two Applications, each of which deploys the directory of the other.
fn application_cycle(subject: &Subject, root: &Path) -> (String, u64) {
    let text = read(root, subject.root);
    let start = text.find("apiVersion:").expect("an Application");
    let end = text.match_indices("\n---").map(|(at, _)| at + 1).find(|at| *at > start).unwrap_or(text.len());
    let name = text[start..end].lines().find_map(|line| line.strip_prefix("  name: ")).expect("a name");
    for (directory, other) in [("cycle/a", "cycle/b"), ("cycle/b", "cycle/a")] {
        fs::create_dir_all(root.join(directory)).expect("a directory can be made");
        let application = text[start..end]
            .replace(&format!("  name: {name}\n"), &format!("  name: {}\n", directory.replace('/', "-")))
            .replace(&format!("path: {}\n", subject.applications), &format!("path: {other}\n"));
        assert!(application.contains(other), "the root's path is {}", subject.applications);
        write(root, &format!("{directory}/application.yaml"), application);
    }
    let a = read(root, "cycle/a/application.yaml");
    let line = a.lines().position(|line| line.contains("path: cycle/b")).expect("a path") as u64 + 1;
    ("cycle/a/application.yaml".to_owned(), line)
}

fn missing_resource(subject: &Subject, root: &Path) -> (String, u64) {
    let path = format!("{}/base/kustomization.yaml", subject.service);
    let text = read(root, &path);
    let at = text.find("resources:\n").expect("resources") + "resources:\n".len();
    write(root, &path, format!("{}- nowhere.yaml\n{}", &text[..at], &text[at..]));
    (path, lines(&text[..at]) + 1)
}

fn empty(subject: &Subject, root: &Path) -> (String, u64) {
    let path = deployment(subject);
    write(root, &path, "");
    (path, 1)
}
