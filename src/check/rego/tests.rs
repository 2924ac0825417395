use super::*;
use crate::config::Config;
use crate::load::load;
use crate::render::{Output, Resource};
use crate::resolve::{Application, Rendered, Resolved, Target, TargetKind};
use crate::schema::Catalogues;
use crate::source::Content;

/// The policies `policies` (path and text, from outside) over the documents of the file `a.yaml`, which are what the
/// Application in `app.yaml` renders.
fn said(policies: &[(&str, &str)], application: &str, manifests: &str) -> (Vec<Finding>, Vec<NotJudged>, Vec<Finding>) {
    let mut snapshot = Snapshot::from_files([("a.yaml", manifests), ("app.yaml", application)]);
    for (path, text) in policies {
        snapshot.add_external(*path, Content::Text((*text).into()));
    }
    let (set, findings) = PolicySet::load(&snapshot, &[]);
    let repository = load(Arc::new(snapshot));
    let documents = |path: &str| {
        let yaml = repository.yaml_at(path).unwrap();
        yaml.documents.iter().map(|document| Resource { node: document.root.clone() }).collect::<Vec<_>>()
    };
    let application = Arc::new(Application { resource: documents("app.yaml").remove(0), generated_by: None });
    let mark = application.resource.node.mark();
    let target =
        Target { id: "application argocd/web".into(), kind: TargetKind::Application(application.clone()), mark };
    let rendered =
        [Rendered { target: Arc::new(target), output: Output { resources: documents("a.yaml"), ..Output::default() } }];
    let resolved = Resolved { applications: vec![application], ..Resolved::default() };
    let (config, _) = Config::load(&repository, None);
    let stock = std::sync::OnceLock::new();
    let world = World {
        repository: &repository,
        resolved: &resolved,
        rendered: &rendered,
        schemas: &Catalogues::default(),
        config: &config,
        profile: Profile::Seed,
        stock: &stock,
    };
    let (found, not_judged) = set.evaluate(&world, &|_| true);
    (found.into_iter().map(|(finding, _)| finding).collect(), not_judged, findings)
}

fn places(findings: &[Finding]) -> Vec<(&str, u32, u32, &str)> {
    findings.iter().map(|f| (f.rule.as_str(), f.mark.line, f.mark.column, f.message.as_str())).collect()
}

const APPLICATION: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: web\nspec:\n  source:\n    \
                           path: web/overlays/production\n  syncPolicy:\n    automated:\n      prune: true\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n  template:\n    \
                          spec:\n      containers:\n      - name: web\n";
const QUIET: &str = "kind: Application\nmetadata: {name: web}\n";

#[test]
fn a_policy_of_conftest_works_unchanged_in_both_syntaxes() {
    let v1 = "package main\n\ndeny contains msg if {\n\tinput.kind == \"Deployment\"\n\tinput.spec.replicas < 2\n\tmsg := \"one replica\"\n}\n";
    let v0 = "package main\n\nwarn_old[msg] {\n\tinput.kind == \"Deployment\"\n\tmsg := sprintf(\"%s is old\", [input.metadata.name])\n}\n";
    let (found, _, _) = said(&[("p/replicas.rego", v1), ("p/old_kinds.rego", v0)], QUIET, DEPLOYMENT);
    assert_eq!(places(&found), [("replicas", 6, 3, "one replica"), ("old-kinds", 4, 9, "web is old")]);
    assert_eq!(found[0].severity, Severity::Error);
    assert_eq!(found[1].severity, Severity::Warning);
    assert_eq!(found[0].resource.as_ref().map(|r| r.kind.as_str()), Some("Deployment"));
}

#[test]
fn an_object_says_where_how_bad_and_what_to_do() {
    let policy = "# METADATA\n# title: limits are set\n# custom:\n#   id: missing-limits\n#   profile: strict\npackage limits\n\
                  deny contains {\"msg\": \"no limits\", \"pointer\": \"/spec/template/spec/containers/0/resources\", \
                  \"severity\": \"info\", \"help\": \"set them\"} if input.kind == \"Deployment\"\n";
    let (found, _, _) = said(&[("p/x.rego", policy)], QUIET, DEPLOYMENT);
    assert_eq!(places(&found), [("missing-limits", 10, 9, "no limits")]);
    assert_eq!((found[0].severity, found[0].help.as_deref()), (Severity::Info, Some("set them")));
}

#[test]
fn libraries_and_documents_are_shared() {
    let library = "package lib\nname := input.metadata.name\n";
    let policy =
        "package main\nimport data.lib\ndeny contains msg if {\n\tlib.name in data.forbidden\n\tmsg := lib.name\n}\n";
    let given = [("p/lib.rego", library), ("p/names.rego", policy), ("p/data.yaml", "forbidden: [web]\n")];
    let (found, _, findings) = said(&given, QUIET, DEPLOYMENT);
    assert_eq!(places(&findings), []);
    assert_eq!(places(&found), [("names", 4, 9, "web")]);
}

#[test]
fn the_products_policy_finds_automated_sync_at_its_key() {
    let (found, _, _) = said(&[], APPLICATION, DEPLOYMENT);
    assert_eq!(places(&found)[0].0, "production-auto-sync");
    assert_eq!((found[0].mark.line, found[0].mark.column), (9, 5));
}

#[test]
fn a_policy_that_does_not_compile_is_found_at_its_line_and_the_others_count() {
    let bad = "package main\n\ndeny contains msg if {\n\tmsg = = 1\n}\n";
    let good = "package main\ndeny contains \"always\" if input.kind == \"Deployment\"\n";
    let (found, _, findings) = said(&[("p/bad.rego", bad), ("p/good.rego", good)], QUIET, DEPLOYMENT);
    assert_eq!(findings.iter().map(|f| (f.rule.as_str(), f.mark.line)).collect::<Vec<_>>(), [("invalid-policy", 4)]);
    assert_eq!(places(&found), [("good", 4, 9, "always")]);
    let unknown = "package main\ndeny contains msg if { msg := no_such_function(1) }\n";
    let (found, not_judged, findings) = said(&[("p/bad.rego", unknown), ("p/good.rego", good)], QUIET, DEPLOYMENT);
    assert_eq!(places(&found), [("good", 4, 9, "always")]);
    assert!(!findings.is_empty() || !not_judged.is_empty());
}

#[test]
fn a_policy_that_fails_on_an_input_is_not_judged_and_the_others_are() {
    let bad = "package main\nx := 1 if input.kind\nx := 2 if input.metadata\ndeny contains \"never\" if x == 3\n";
    let good = "package main\ndeny contains \"always\" if input.kind == \"Deployment\"\n";
    let (found, not_judged, _) = said(&[("p/bad.rego", bad), ("p/good.rego", good)], QUIET, DEPLOYMENT);
    assert_eq!(places(&found), [("good", 4, 9, "always")]);
    assert_eq!(not_judged.len(), 1);
    assert_eq!(not_judged[0].what, "policy bad");
    assert!(not_judged[0].reason.starts_with("p/bad.rego:"), "{}", not_judged[0].reason);
}

#[test]
fn what_a_package_excepts_is_not_reported() {
    let policy = "package main\n\ndeny_name[msg] {\n\tmsg := input.metadata.name\n}\n\ndeny[msg] {\n\tmsg := \"any\"\n}\n\n\
                  exception[names] {\n\tinput.metadata.name == \"web\"\n\tnames := [\"name\"]\n}\n";
    let (found, not_judged, _) = said(&[("p/a.rego", policy)], QUIET, DEPLOYMENT);
    assert_eq!(places(&found), [("a", 4, 9, "any")]);
    assert_eq!(not_judged.len(), 0);
    let (found, ..) = said(&[("p/a.rego", policy)], QUIET, &DEPLOYMENT.replace("name: web", "name: shop"));
    assert_eq!(found.len(), 2);
}

#[test]
fn a_policy_that_says_too_much_is_not_judged_at_its_line_and_the_others_are() {
    let many = "package many\n\ndeny contains x if some x in numbers.range(1, 10001)\n";
    // Each is twice the one before it.
    let doubled = (1..=21).map(|at| format!("a{at} := concat(\"\", [a{0}, a{0}])\n", at - 1));
    let large =
        format!("package large\na0 := \"0123456789abcdef\"\ndeny contains a21\n{}", doubled.collect::<String>());
    let good = "package main\ndeny contains \"always\" if input.kind == \"Deployment\"\n";
    let (found, not_judged, _) =
        said(&[("p/many.rego", many), ("p/large.rego", &large), ("p/good.rego", good)], QUIET, DEPLOYMENT);
    assert_eq!(places(&found), [("good", 4, 9, "always")]);
    let reasons: Vec<&str> = not_judged.iter().map(|found| found.reason.as_str()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons.contains(&"p/many.rego:3: it says 10001 things of one input; 10000 are the most"), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.starts_with("p/large.rego:3: ")), "{reasons:?}");
}

#[test]
fn a_policy_over_everything_sees_all_applications() {
    let policy = "# METADATA\n# custom: {id: too-many, input: repository}\npackage all\n\
                  deny contains {\"msg\": \"one\", \"application\": \"argocd/web\", \"resource\": 0, \"pointer\": \"/spec/replicas\"} if {\n\
                  \tcount(input.applications) == 1\n\tinput.applications[0].resources[0].kind == \"Deployment\"\n}\n";
    let (found, _, _) = said(&[("p/x.rego", policy)], QUIET, DEPLOYMENT);
    assert_eq!(places(&found), [("too-many", 6, 13, "one")]);
}
