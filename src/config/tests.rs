use super::*;
use crate::source::Snapshot;

fn config(text: &str) -> (Config, Vec<Finding>) {
    Config::read(&Snapshot::from_files([("tiphys.yaml", text)]), None)
}

fn messages(findings: &[Finding]) -> Vec<(u32, u32, &str)> {
    findings.iter().map(|finding| (finding.mark.line, finding.mark.column, finding.message.as_str())).collect()
}

#[test]
fn a_full_configuration_is_read_without_findings() {
    let (config, findings) = config(
        "kubernetes: 1.36\nprofile: seed\nclusters:\n- name: prod\n  server: https://prod/\n  kubernetes: '1.35'\n\
         repositories:\n- https://github.com/a/b\n- {url: https://charts, chart: redis, path: ./vendor/redis}\n\
         rules:\n  missing-probe: off\n  outdated-image: {severity: error}\npolicies: [policy]\nexclude: ['old/**']\n\
         waivers:\n- {rule: missing-probe, path: 'a/**', owner: me, reason: because, expires: 2030-01-01}\n\
         accept-not-judged:\n- {what: '*lookup*', reason: fine}\n\
         environments:\n  live: {production: true, paths: ['clusters/live/**']}\n",
    );
    assert_eq!(messages(&findings), []);
    assert_eq!(config.kubernetes, Some(KubernetesVersion { major: 1, minor: 36 }));
    assert_eq!(config.kubernetes_of("https://prod"), Some(KubernetesVersion { major: 1, minor: 35 }));
    assert_eq!(config.rules["missing-probe"].severity, None);
    assert_eq!(config.rules["outdated-image"].severity, Some(Severity::Error));
    assert_eq!(config.repositories[1].path.as_deref(), Some("vendor/redis"));
    assert_eq!(config.waivers.len(), 1);
    assert!(config.is_excluded("old/deep/web.yaml") && !config.is_excluded("new/web.yaml"));
    assert!(config.is_production(&Place { paths: &["clusters/live/web"], ..Place::default() }));
    assert!(!config.is_production(&Place { paths: &["clusters/production/web"], ..Place::default() }));
}

#[test]
fn an_unknown_key_is_found_where_it_stands_with_its_neighbour() {
    let (_, findings) = config("profil: seed\n");
    assert_eq!(messages(&findings), [(1, 1, "configuration: unknown key `profil`")]);
    assert_eq!(findings[0].help.as_deref(), Some("did you mean `profile`?"));
}

#[test]
fn a_waiver_without_owner_or_expiry_is_not_taken() {
    let (config, findings) = config("waivers:\n- rule: missing-probe\n  reason: because\n");
    assert_eq!(messages(&findings), [(2, 3, "waiver: `owner` is missing"), (2, 3, "waiver: `expires` is missing")]);
    assert!(config.waivers.is_empty());
}

#[test]
fn production_is_told_by_label_before_path_before_cluster() {
    let (config, _) = config("{}");
    let place = Place { paths: &["services/web/overlays/production"], ..Place::default() };
    assert!(config.is_production(&place));
    assert!(!config.is_production(&Place { labels: &[("environment", "dev")], ..place }));
    assert!(config.is_production(&Place { cluster: &["https://prod.k8s.example"], ..Place::default() }));
    assert!(!config.is_production(&Place { cluster: &["https://product.example"], ..Place::default() }));
}

#[test]
fn a_configuration_from_outside_has_places_too() {
    let mut snapshot = Snapshot::from_files([("a.yaml", "a: 1")]);
    let id = Config::add(&mut snapshot, "../tiphys.yaml", "rules:\n  x: loud\n");
    let (_, findings) = Config::read(&snapshot, Some(id));
    assert_eq!(findings[0].mark.line, 2);
    assert_eq!(snapshot.path(findings[0].mark.file), "../tiphys.yaml");
}

#[test]
fn the_answers_of_servers_are_read_and_held_to_their_keys() {
    let (config, findings) = config(
        "generators:\n  pullRequests:\n  - {number: 7, branch: fix, headSHA: abc}\n  - {number: 8, branch: b}\n\
         \u{20} repositries: []\n  plugins:\n    news: {reponses: []}\n\
         \u{20} clusters:\n  - {name: edge, server: 'https://edge', project: shop, annotations: {a: b}}\n",
    );
    assert_eq!(
        messages(&findings),
        [
            (5, 3, "generators: unknown key `repositries`"),
            (4, 5, "generators.pullRequests: `headSHA` is missing"),
            (7, 12, "generators.plugins.news: unknown key `reponses`"),
        ]
    );
    assert_eq!(findings[0].help.as_deref(), Some("did you mean `repositories`?"));
    assert_eq!(config.generators["pullRequests"].as_array().map(Vec::len), Some(1));
    assert!(config.all_clusters && config.clusters[0].project.as_deref() == Some("shop"));
    assert!(config.generators.get("scm").is_none(), "what is not given stays unknown");
}

#[test]
fn environments_are_synced_in_the_order_of_the_file() {
    let (config, findings) = config(
        "sync:\n  max-deletions: 5\n  environments:\n  - development\n  - {name: staging, pause: 1m30s}\n\
         \x20 - {name: production, approval: required, rollback: rollout, timeout: 10m, stuck-after: 5s}\n",
    );
    assert_eq!(messages(&findings), []);
    let names: Vec<&str> = config.sync.environments.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["development", "staging", "production"]);
    assert_eq!(config.sync.max_deletions, Some(5));
    assert_eq!(config.sync.environments[1].pause.as_secs(), 90);
    assert!(config.sync.environments[2].approval && !config.sync.environments[0].approval);
    assert_eq!(config.sync.environments[2].rollback, Extent::Rollout);
    assert_eq!(config.sync.environments[0].rollback, Extent::Application);
}

#[test]
fn what_is_wrong_in_sync_is_found_where_it_stands() {
    let (_, findings) = config(
        "sync:\n  environments:\n  - prodution\n  - {name: staging, rollback: all, pause: soon, approval: me}\n  - staging\n",
    );
    assert_eq!(
        messages(&findings),
        [
            (3, 5, "sync.environments: no environment is called `prodution`; did you mean `production`?"),
            (4, 59, "approval: expected required or none, found `me`"),
            (4, 31, "rollback: expected none, application, step or rollout, found `all`"),
            (4, 43, "pause: expected a duration such as 10m or 1h30m, found `soon`"),
            (5, 5, "sync.environments: `staging` is there twice"),
        ]
    );
}
