use super::*;
use crate::load::load;
use crate::origin::FileId;
use crate::source::Snapshot;

/// Checks `files` with `findings` of a stage before; nothing is rendered.
fn checked(files: &[(&str, &str)], findings: impl Fn(&Repository) -> Vec<Finding>) -> Checked {
    let repository = Arc::new(load(Arc::new(Snapshot::from_files(files.iter().copied()))));
    let (config, mut found) = Config::load(&repository, None);
    found.extend(findings(&repository));
    check(CheckInput {
        resolved: Arc::default(),
        rendered: Arc::default(),
        config: Arc::new(config),
        schemas: Arc::default(),
        policies: Arc::default(),
        profile: Profile::Recommended,
        today: NaiveDate::from_ymd_opt(2026, 6, 1).unwrap(),
        findings: found,
        not_judged: Vec::new(),
        repository,
    })
}

/// A finding of `yaml-syntax` at `line` of the file `path`.
fn finding(repository: &Repository, path: &str, line: u32) -> Finding {
    let file = repository.snapshot.find(path).unwrap();
    let text = repository.snapshot.text(file).unwrap();
    let start = text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum::<usize>() as u32;
    Finding::new(&rules::yaml_syntax::RULE, Mark { file, line, column: 1, start, end: start + 1 }).message("bad")
}

fn lines(checked: &Checked) -> Vec<(String, u32, &str)> {
    let snapshot = &checked.repository().snapshot;
    let place = |f: &Finding| (snapshot.path(f.mark.file).to_owned(), f.mark.line);
    checked.findings().iter().map(|f| (place(f).0, place(f).1, f.message.as_str())).collect()
}

#[test]
fn findings_are_sorted_by_path_and_line() {
    let checked = checked(&[("b.yaml", "a: 1\nb: 2\n"), ("a.yaml", "a: 1\n")], |repository| {
        vec![finding(repository, "b.yaml", 2), finding(repository, "b.yaml", 1), finding(repository, "a.yaml", 1)]
    });
    assert_eq!(
        lines(&checked),
        [("a.yaml".to_owned(), 1, "bad"), ("b.yaml".to_owned(), 1, "bad"), ("b.yaml".to_owned(), 2, "bad")]
    );
    assert_eq!(checked.summary().errors, 3);
    assert!(approve(checked).is_err());
}

#[test]
fn one_defect_in_two_applications_is_one_finding_that_names_the_other() {
    let checked = checked(&[("a.yaml", "a: 1\nb: 2\n")], |repository| {
        let at = |application: &str| finding(repository, "a.yaml", 1).application(application);
        vec![at("argocd/one"), at("argocd/two")]
    });
    assert_eq!(checked.findings().len(), 1);
    assert_eq!(checked.findings()[0].application.as_deref(), Some("argocd/one"));
}

#[test]
fn a_rule_can_be_switched_off_or_given_another_severity() {
    let one = |repository: &Repository| vec![finding(repository, "a.yaml", 1)];
    let off = checked(&[("a.yaml", "a: 1\n"), ("tiphys.yaml", "rules: {yaml-syntax: off}")], one);
    assert_eq!(lines(&off), []);
    let info = checked(&[("a.yaml", "a: 1\n"), ("tiphys.yaml", "rules: {yaml-syntax: info}")], one);
    assert_eq!((info.summary().infos, info.worst()), (1, Some(Severity::Info)));
    assert!(approve(info).is_ok());
}

#[test]
fn a_setting_for_a_rule_that_does_not_exist_is_found() {
    let checked = checked(&[("tiphys.yaml", "rules:\n  yaml-sintax: off\n")], |_| Vec::new());
    assert_eq!(lines(&checked), [("tiphys.yaml".to_owned(), 2, "rules: there is no rule `yaml-sintax`")]);
    assert_eq!(checked.findings()[0].help.as_deref(), Some("did you mean `yaml-syntax`?"));
}

#[test]
fn a_waiver_of_the_line_before_accepts_and_an_unused_one_is_found() {
    let waiver = "# tiphys: allow yaml-syntax reason=\"old\" owner=me until=2030-01-01\n";
    let text = format!("{waiver}a: 1\n{waiver}b: 2\n");
    let checked = checked(&[("a.yaml", &text)], |repository| vec![finding(repository, "a.yaml", 2)]);
    assert_eq!(lines(&checked), [("a.yaml".to_owned(), 3, "the waiver for `yaml-syntax` matches no finding")]);
    assert_eq!((checked.summary().waived, checked.waived()[0].owner.as_str()), (1, "me"));
}

#[test]
fn an_expired_waiver_accepts_nothing() {
    let config = "waivers:\n- {rule: yaml-syntax, path: '*.yaml', owner: me, reason: r, expires: 2026-05-31}\n";
    let checked =
        checked(&[("a.yaml", "a: 1\n"), ("tiphys.yaml", config)], |repository| vec![finding(repository, "a.yaml", 1)]);
    assert_eq!(
        lines(&checked),
        [
            ("a.yaml".to_owned(), 1, "bad"),
            ("tiphys.yaml".to_owned(), 2, "the waiver for `yaml-syntax` expired on 2026-05-31")
        ]
    );
}

#[test]
fn a_fingerprint_survives_lines_above_and_tells_equal_lines_apart() {
    let of = |text: &str, line: u32| {
        checked(&[("a.yaml", text)], |repository| vec![finding(repository, "a.yaml", line)]).findings()[0]
            .fingerprint
            .clone()
    };
    assert_eq!(of("a: 1\nb: 2\n", 2), of("# new\na: 1\nb: 2\n", 3));
    assert_ne!(of("a: 1\nb: 2\n", 2), of("a: 1\nb: 2\n", 1));
    let twice = checked(&[("a.yaml", "x: 1\nx: 1\n")], |repository| {
        vec![finding(repository, "a.yaml", 1), finding(repository, "a.yaml", 2)]
    });
    let fingerprints: Vec<_> = twice.findings().iter().filter(|f| f.message == "bad").map(|f| &f.fingerprint).collect();
    assert_ne!(fingerprints[0], fingerprints[1]);
}

#[test]
fn only_what_the_base_does_not_have_is_new() {
    let base = checked(&[("a.yaml", "a: 1\nb: 2\n")], |repository| vec![finding(repository, "a.yaml", 1)]);
    let head = checked(&[("a.yaml", "\na: 1\nb: 2\n")], |repository| {
        vec![finding(repository, "a.yaml", 2), finding(repository, "a.yaml", 3)]
    });
    let new = crate::check::new_since(&base, head);
    assert_eq!(lines(&new), [("a.yaml".to_owned(), 3, "bad")]);
    assert_eq!(new.summary().errors, 1);
}

/// Checks a manifest that is rendered as it stands.
fn rendered(text: &str) -> Checked {
    let mut checked = checked(&[("a.yaml", text)], |_| Vec::new());
    let node = checked.repository.yaml_at("a.yaml").unwrap().documents[0].root.clone();
    let kind = crate::resolve::TargetKind::Manifest("a.yaml".to_owned());
    let target = crate::resolve::Target { id: "manifest a.yaml".to_owned(), kind, mark: node.mark() };
    let output = crate::render::Output { resources: vec![Resource { node }], ..Default::default() };
    checked.rendered = Arc::new(vec![Rendered { target: Arc::new(target), output }]);
    checked
}

#[test]
fn a_field_that_cannot_be_changed_is_found_between_two_revisions() {
    let binding = |role: &str| {
        rendered(&format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: a}}\nroleRef: {{kind: Role, name: {role}}}\n"
        ))
    };
    let new = crate::check::new_since(&binding("edit"), binding("admin"));
    assert_eq!(lines(&new), [("a.yaml".to_owned(), 4, "roleRef of a RoleBinding cannot be changed")]);
    assert!(crate::check::new_since(&binding("edit"), binding("edit")).findings().is_empty());
}

#[test]
fn a_finding_without_a_place_gets_one() {
    let checked = checked(&[("a.yaml", "a: 1\n")], |_| vec![Finding::new(&rules::yaml_syntax::RULE, Mark::NONE)]);
    assert_eq!(checked.findings()[0].mark, Mark::file(FileId(0)));
}

use crate::check::approve;
