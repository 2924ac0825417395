use serde_json::json;

use super::*;
use crate::plan::{Digest, Pruning};
use crate::render::Resource;
use crate::resolve::Application;

fn unit(name: &str, wave: i64) -> (String, Unit) {
    let text = format!(
        "metadata: {{name: {name}, namespace: argocd}}\nspec: {{destination: {{server: s, namespace: shop}}}}\n"
    );
    let limits = crate::yaml::Limits::default();
    let node = crate::yaml::read(crate::origin::FileId(0), &text, limits).documents.remove(0).root;
    let application = Arc::new(Application { resource: Resource { node }, generated_by: None });
    let pruning = Pruning::Automated;
    (format!("argocd/{name}"), Unit { application, wave, environment: None, turn: None, project: None, pruning })
}

fn desired(application: &str, kind: &str, name: &str, annotations: Value) -> Desired {
    let api_version = if kind == "Deployment" { "apps/v1" } else { "v1" };
    let manifest = json!({"apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "annotations": annotations}});
    Desired {
        object: ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        },
        application: format!("argocd/{application}"),
        role: if machine::is_hook(&manifest) { Role::Hook } else { Role::Object },
        ahead: false,
        manifest: Arc::new(manifest),
        digest: Digest::of(name.as_bytes()),
        source: String::new(),
    }
}

fn order(objects: Vec<Desired>, prunes: &[Prune]) -> Vec<(u32, String)> {
    let deployment = Deployment {
        cluster: "c".to_owned(),
        objects,
        skipped: Vec::new(),
        applications: [unit("late", 1), unit("web", 0), unit("shop", 0)].into(),
        settings: Arc::default(),
    };
    tasks(&deployment, prunes).into_iter().map(|task| (task.step, task.object.name)).collect()
}

fn expect(found: Vec<(u32, String)>, expected: &[(u32, &str)]) {
    let found: Vec<(u32, &str)> = found.iter().map(|(step, name)| (*step, name.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn applications_of_one_wave_share_steps_and_the_next_wave_comes_after() {
    let objects = vec![
        desired("late", "ConfigMap", "last", json!({})),
        desired("web", "Deployment", "web", json!({})),
        desired("web", "ConfigMap", "settings", json!({})),
        desired("shop", "ConfigMap", "shop", json!({})),
    ];
    expect(order(objects, &[]), &[(0, "shop"), (0, "settings"), (1, "web"), (2, "last")]);
}

#[test]
fn hooks_stand_in_their_phases() {
    let objects = vec![
        desired("web", "ConfigMap", "settings", json!({})),
        desired("web", "Pod", "after", json!({"argocd.argoproj.io/hook": "PostSync"})),
        desired("web", "Pod", "before", json!({"argocd.argoproj.io/hook": "PreSync"})),
    ];
    expect(order(objects, &[]), &[(0, "before"), (1, "settings"), (2, "after")]);
}

#[test]
fn what_others_need_comes_before_all_and_once() {
    let mut namespace = desired("late", "Namespace", "shop", json!({}));
    namespace.ahead = true;
    let objects = vec![namespace, desired("web", "ConfigMap", "settings", json!({}))];
    expect(order(objects, &[]), &[(0, "shop"), (1, "settings")]);
}

#[test]
fn with_prune_last_deletions_come_after_everything() {
    let live = |name: &str, options: &str| {
        let annotations = json!({"argocd.argoproj.io/sync-options": options});
        let gone = desired("web", "ConfigMap", name, annotations);
        Prune { object: gone.object, application: gone.application, live: gone.manifest }
    };
    let objects = vec![
        desired("web", "Pod", "late", json!({"argocd.argoproj.io/sync-wave": "1"})),
        desired("web", "ConfigMap", "settings", json!({})),
    ];
    let prunes = [live("old", "PruneLast=true"), live("gone", "")];
    expect(order(objects, &prunes), &[(0, "gone"), (1, "settings"), (2, "late"), (3, "old")]);
}
