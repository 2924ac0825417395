//! `checks.yaml`: what Argo CD refuses without asking a cluster.

use super::{items, list, reported, text};

/// An Application; `spec` is the rest of its fields, two blanks deep.
fn application(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: argocd}}\nspec:\n{spec}"
    )
}

const SOURCE: &str = "  source: {repoURL: 'https://charts.example.com', chart: web, targetRevision: 1.0.0}\n";
const HERE: &str = "  destination: {server: 'https://kubernetes.default.svc', namespace: web}\n";
const DEFAULT: &str = "  project: default\n";

fn with_source(source: &str) -> String {
    application("web", &format!("{DEFAULT}{HERE}  {source}\n"))
}

fn with_destination(destination: &str) -> String {
    application("web", &format!("{DEFAULT}{SOURCE}  destination: {destination}\n"))
}

/// An AppProject with the fields of `spec`, in flow style, and an Application of it.
fn project(spec: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {{name: shop, namespace: argocd}}\nspec: {{{spec}}}\n{}",
        application("web", &format!("  project: shop\n{SOURCE}{HERE}"))
    )
}

const OPEN: &str = "sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}]";

fn open(spec: &str) -> String {
    project(&format!("{OPEN}, {spec}"))
}

/// An ApplicationSet: its generators, and the rest of its `spec`.
fn set(generators: &str, spec: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: web, namespace: argocd}}\nspec:\n  \
         goTemplate: true\n  goTemplateOptions: [missingkey=error]\n  generators: {generators}\n{spec}"
    )
}

fn template(name: &str, project: &str, server: &str) -> String {
    format!(
        "  template:\n    metadata: {{name: '{name}', labels: {{env: dev}}}}\n    spec:\n      project: '{project}'\n      \
         source: {{repoURL: 'https://charts.example.com', chart: web, targetRevision: 1.0.0}}\n      \
         destination: {{server: '{server}', namespace: web}}\n"
    )
}

const TWO: &str = "[{list: {elements: [{name: a}, {name: b}]}}]";

fn plain(generators: &str) -> String {
    set(generators, &template("{{.name}}", "default", "https://kubernetes.default.svc"))
}

fn rolling(steps: &str) -> String {
    let strategy = format!("  strategy: {{type: RollingSync, rollingSync: {{steps: {steps}}}}}\n");
    set(TWO, &(strategy + &template("{{.name}}", "default", "https://kubernetes.default.svc")))
}

/// Cluster Secrets of these names and servers.
fn clusters(known: &[(&str, &str)]) -> String {
    known
        .iter()
        .enumerate()
        .map(|(index, (name, server))| {
            format!(
                "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: c{index}, namespace: argocd, labels: \
                 {{argocd.argoproj.io/secret-type: cluster}}}}\nstringData: {{name: {name}, server: '{server}', config: '{{}}'}}\n"
            )
        })
        .collect()
}

fn config_map(extra: &str) -> String {
    format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web, namespace: web{extra}}}\n")
}

fn window(fields: &str) -> String {
    open(&format!("syncWindows: [{{{fields}}}]"))
}

fn role(fields: &str) -> String {
    open(&format!("roles: [{{{fields}}}]"))
}

/// What is wrong, and the same without the fault; and the rule that tells them apart.
fn case(id: &str) -> Option<(&'static str, String, String)> {
    let right = || with_source("source: {repoURL: 'https://charts.example.com', chart: web, targetRevision: 1.0.0}");
    let allow = "kind: allow, schedule: '0 22 * * *', duration: 1h";
    let policy = |text: &str| role(&format!("name: dev, policies: ['{text}']"));
    let account = |fields: &str| open(&format!("destinationServiceAccounts: [{fields}]"));
    let elsewhere = |allowed: &str| {
        let other = application("web", &format!("  project: shop\n{SOURCE}{HERE}"))
            .replace("namespace: argocd", "namespace: team-a");
        open(allowed).split("---").next().unwrap_or_default().to_owned() + &other
    };
    Some(match id {
        "source-required" => ("invalid-source", with_source("source: {repoURL: 'https://example.com/r'}"), right()),
        "multi-source-required" => (
            "invalid-source",
            with_source("sources: [{repoURL: 'https://example.com/r'}]"),
            with_source("sources: [{repoURL: 'https://example.com/r', ref: values}]"),
        ),
        "chart-needs-revision" => {
            ("invalid-source", with_source("source: {repoURL: 'https://charts.example.com', chart: web}"), right())
        }
        "hydrator-fields" => (
            "invalid-source",
            with_source("sourceHydrator: {drySource: {path: a}, syncSource: {path: a}, hydrateTo: {targetBranch: ''}}"),
            with_source(
                "sourceHydrator: {drySource: {repoURL: 'https://example.com/r', path: a, targetRevision: HEAD}, \
                 syncSource: {targetBranch: b, path: a}}",
            ),
        ),
        "source-permitted" => (
            "source-not-permitted",
            project("sourceRepos: ['https://git.example.com/*'], destinations: [{server: '*', namespace: '*'}]"),
            project("sourceRepos: ['https://charts.example.com'], destinations: [{server: '*', namespace: '*'}]"),
        ),
        "destination-exclusive" => (
            "invalid-destination",
            with_destination("{server: 'https://kubernetes.default.svc', name: in-cluster}"),
            with_destination("{name: in-cluster}"),
        ),
        "destination-known" => (
            "destination-cluster-not-registered",
            clusters(&[("prod", "https://prod.example.com")]) + &with_destination("{name: prd, namespace: web}"),
            clusters(&[("prod", "https://prod.example.com")]) + &with_destination("{name: prod, namespace: web}"),
        ),
        "destination-permitted" => (
            "destination-not-permitted",
            project("sourceRepos: ['*'], destinations: [{server: '*', namespace: api}]"),
            project("sourceRepos: ['*'], destinations: [{server: '*', namespace: 'w*'}]"),
        ),
        "project-exists" => ("appproject-not-found", open("").replace("project: shop", "project: shopp"), open("")),
        "app-namespace-allowed" => (
            "application-namespace-not-allowed",
            elsewhere("sourceNamespaces: [team-b]"),
            elsewhere("sourceNamespaces: ['team-*']"),
        ),
        "sources-win" => (
            "source-without-effect",
            with_source(
                "sources: [{repoURL: 'https://example.com/r', path: a}]\n  source: {repoURL: 'https://example.com/r', path: b}",
            ),
            right(),
        ),
        "unknown-sync-option" => (
            "unknown-sync-option",
            right() + "  syncPolicy: {syncOptions: [CreateNamespace=yes]}\n",
            right() + "  syncPolicy: {syncOptions: [CreateNamespace=true]}\n",
        ),
        "bad-sync-wave" => (
            "unknown-argocd-annotation",
            config_map(", annotations: {argocd.argoproj.io/sync-wave: first}"),
            config_map(", annotations: {argocd.argoproj.io/sync-wave: '1'}"),
        ),
        "managed-namespace-metadata" => (
            "sync-policy-without-effect",
            right() + "  syncPolicy: {managedNamespaceMetadata: {labels: {a: b}}}\n",
            right()
                + "  syncPolicy: {managedNamespaceMetadata: {labels: {a: b}}, syncOptions: [CreateNamespace=true]}\n",
        ),
        "generator-recognised" => ("applicationset-error", plain("[{lists: {elements: []}}]"), plain(TWO)),
        "project-not-templated" => (
            "templated-project",
            set(TWO, &template("{{.name}}", "{{.name}}", "https://kubernetes.default.svc")),
            plain(TWO),
        ),
        "params" => {
            ("applicationset-error", plain("[{matrix: {generators: [{list: {elements: [{name: a}]}}]}}]"), plain(TWO))
        }
        "render" => (
            "applicationset-error",
            set(TWO, &template("{{.nam}}", "default", "https://kubernetes.default.svc")),
            plain(TWO),
        ),
        "name-present" => ("applicationset-error", plain("[{list: {elements: [{name: ''}]}}]"), plain(TWO)),
        "name-unique" => {
            ("duplicate-generated-name", plain("[{list: {elements: [{name: a}, {name: a}]}}]"), plain(TWO))
        }
        "app-project-exists" => (
            "appproject-not-found",
            open("") + "---\n" + &set(TWO, &template("{{.name}}", "shopp", "https://kubernetes.default.svc")),
            open("") + "---\n" + &set(TWO, &template("{{.name}}", "shop", "https://kubernetes.default.svc")),
        ),
        "app-destination-valid" => (
            "destination-cluster-not-registered",
            clusters(&[("prod", "https://prod.example.com")])
                + "---\n"
                + &set(TWO, &template("{{.name}}", "default", "https://prd.example.com")),
            clusters(&[("prod", "https://prod.example.com")])
                + "---\n"
                + &set(TWO, &template("{{.name}}", "default", "https://prod.example.com")),
        ),
        "matrix-two" => (
            "applicationset-error",
            plain("[{matrix: {generators: [{list: {elements: [{name: a}]}}]}}]"),
            plain("[{matrix: {generators: [{list: {elements: [{name: a}]}}, {list: {elements: [{x: a}]}}]}}]"),
        ),
        "merge-two" => (
            "applicationset-error",
            plain("[{merge: {mergeKeys: [name], generators: [{list: {elements: [{name: a}]}}]}}]"),
            plain(
                "[{merge: {mergeKeys: [name], generators: [{list: {elements: [{name: a}]}}, {list: {elements: [{name: a, x: y}]}}]}}]",
            ),
        ),
        "rolling-steps" => (
            "invalid-rollout",
            rolling("[]"),
            rolling("[{matchExpressions: [{key: env, operator: In, values: [dev]}]}]"),
        ),
        "rolling-operator" => (
            "invalid-rollout",
            rolling("[{matchExpressions: [{key: env, operator: Exists, values: [dev]}]}]"),
            rolling("[{matchExpressions: [{key: env, operator: NotIn, values: [prod]}]}]"),
        ),
        "rolling-duplicate" => (
            "rolling-sync-selection",
            rolling("[{matchExpressions: [{key: env, operator: In, values: [dev]}]}, {matchExpressions: []}]"),
            rolling("[{matchExpressions: [{key: env, operator: In, values: [dev]}]}]"),
        ),
        "rolling-max-update" => (
            "invalid-rollout",
            rolling("[{maxUpdate: half, matchExpressions: []}]"),
            rolling("[{maxUpdate: 50%, matchExpressions: []}]"),
        ),
        "rolling-empty-step" => (
            "rolling-sync-selection",
            rolling("[{matchExpressions: [{key: env, operator: In, values: [prod]}]}, {matchExpressions: []}]"),
            rolling("[{matchExpressions: []}]"),
        ),
        "selector-operator" => (
            "applicationset-error",
            plain(
                "[{list: {elements: [{name: a}]}, selector: {matchExpressions: [{key: name, operator: Is, values: [a]}]}}]",
            ),
            plain(
                "[{list: {elements: [{name: a}]}, selector: {matchExpressions: [{key: name, operator: In, values: [a]}]}}]",
            ),
        ),
        "duplicate-manifest" => (
            "repeated-resource",
            deployed("default", &(config_map("") + &config_map(""))),
            deployed("default", &config_map("")),
        ),
        "shared-resource" => (
            "resource-deployed-twice",
            deployed("default", &config_map("")) + &second("api") + "#### api/manifest.yaml\n" + &config_map(""),
            deployed("default", &config_map(""))
                + &second("api")
                + "#### api/manifest.yaml\n"
                + &config_map(", uid: ''").replace("name: web,", "name: api,"),
        ),
        "excluded-resource" => (
            "resource-excluded",
            excluded("ConfigMap") + &deployed("default", &config_map("")),
            excluded("Lease") + &deployed("default", &config_map("")),
        ),
        "kind-permitted" => (
            "resource-not-permitted",
            open("namespaceResourceBlacklist: [{group: '', kind: ConfigMap}]") + &deployed("shop", &config_map("")),
            open("namespaceResourceBlacklist: [{group: '', kind: Secret}]") + &deployed("shop", &config_map("")),
        ),
        "destination-format" => (
            "invalid-appproject",
            project(
                "sourceRepos: ['*'], destinations: [{server: '*', namespace: '!*'}, {server: '*', namespace: '*'}]",
            ),
            open(""),
        ),
        "destination-duplicate" => (
            "invalid-appproject",
            project("sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}, {server: '*', namespace: '*'}]"),
            open(""),
        ),
        "source-repo-format" => (
            "invalid-appproject",
            project("sourceRepos: ['*', '!*'], destinations: [{server: '*', namespace: '*'}]"),
            open(""),
        ),
        "source-namespace-duplicate" => {
            ("invalid-appproject", open("sourceNamespaces: [a, a]"), open("sourceNamespaces: [a, b]"))
        }
        "role-name" => ("invalid-appproject", role("name: dev-"), role("name: dev_1")),
        "role-policy" => (
            "invalid-appproject",
            policy("p, proj:shop:dev, applications, fly, shop/*, allow"),
            policy("p, proj:shop:dev, applications, sync, shop/*, allow"),
        ),
        "role-group" => ("invalid-appproject", role("name: dev, groups: ['a,b']"), role("name: dev, groups: [a]")),
        "window-fields" => (
            "invalid-appproject",
            window("kind: open, schedule: '0 22 * * *', duration: 1h, applications: ['*']"),
            window(&format!("{allow}, applications: ['*']")),
        ),
        "window-target" => ("invalid-appproject", window(allow), window(&format!("{allow}, namespaces: ['*']"))),
        "window-duplicate" => (
            "invalid-appproject",
            open(&format!("syncWindows: [{{{allow}, clusters: [a]}}, {{{allow}, clusters: [a], description: b}}]")),
            open(&format!("syncWindows: [{{{allow}, clusters: [a]}}, {{{allow}, clusters: [b]}}]")),
        ),
        "window-time-zone" => (
            "unknown-time-zone",
            window(&format!("{allow}, clusters: [a], timeZone: Europe/Munich")),
            window(&format!("{allow}, clusters: [a], timeZone: Europe/Berlin")),
        ),
        "destination-service-account" => (
            "invalid-appproject",
            account("{server: '*', namespace: a, defaultServiceAccount: 'a*'}"),
            account("{server: '*', namespace: a, defaultServiceAccount: 'team:deployer'}"),
        ),
        _ => return None,
    })
}

/// An Application of `project` that deploys `manifest` from a directory of the repository.
fn deployed(project: &str, manifest: &str) -> String {
    let source = "  source: {repoURL: 'https://example.com/r', path: web}\n";
    let application = application("directory", &format!("  project: {project}\n{HERE}{source}"));
    format!("#### apps/web.yaml\n{application}#### web/manifest.yaml\n{manifest}")
}

/// A file with an Application that deploys the directory of its name.
fn second(name: &str) -> String {
    let source = format!("  source: {{repoURL: 'https://example.com/r', path: {name}}}\n");
    format!("#### apps/{name}.yaml\n{}", application(name, &format!("{DEFAULT}{HERE}{source}")))
}

fn excluded(kind: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: argocd-cm, namespace: argocd}}\ndata:\n  resource.exclusions: |\n    \
         - apiGroups: ['*']\n      kinds: [{kind}]\n      clusters: ['*']\n"
    )
}

#[test]
fn every_static_check_is_known() {
    let Some(list) = list("checks.yaml") else { return };
    let mut failures = Vec::new();
    for group in ["application", "applicationset", "appproject"] {
        assert!(!items(&list, group).is_empty(), "{group}");
        for check in items(&list, group) {
            let id = text(check, "id");
            let Some((rule, wrong, right)) = case(id) else {
                failures.push(format!("{group}: {id}: no rule is named for it"));
                continue;
            };
            let found = reported(&wrong);
            if !found.iter().any(|(name, _)| name == rule) {
                failures.push(format!("{id}: {rule} does not report it: {found:?}\n{wrong}"));
            }
            if let Some((_, what)) = reported(&right).iter().find(|(name, _)| name == rule) {
                failures.push(format!("{id}: {rule} reports what is right: {what}\n{right}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
