//! `options.yaml`: sync options, compare options, hooks, annotations, labels, finalizers.

use serde_json::Value as Json;

use super::{has, items, list, reported, text};

const ANNOTATION: &str = "unknown-argocd-annotation";
const NO_EFFECT: &str = "argocd-annotation-without-effect";
const OPTION: &str = "unknown-sync-option";

/// Something for Argo CD to deploy, or a kind of its own, with `metadata` besides its name.
fn object(kind: &str, metadata: &str) -> String {
    match kind {
        "Application" => format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web, namespace: argocd, {metadata}}}\n\
             spec:\n  project: default\n  source: {{repoURL: 'https://charts.example.com', chart: web, targetRevision: 1.0.0}}\n  \
             destination: {{server: 'https://kubernetes.default.svc', namespace: web}}\n"
        ),
        "ApplicationSet" => format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: web, namespace: argocd, {metadata}}}\n\
             spec:\n  generators: []\n  template: {{metadata: {{name: web}}, spec: {{project: default}}}}\n"
        ),
        "Pod" => format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, {metadata}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n"
        ),
        _ => format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: web, {metadata}}}\n"),
    }
}

fn annotated(kind: &str, key: &str, value: &str) -> String {
    object(kind, &format!("annotations: {{'{key}': {}}}", Json::from(value)))
}

fn with_option(option: &str) -> String {
    format!("{}  syncPolicy: {{syncOptions: [{}]}}\n", object("Application", ""), Json::from(option))
}

fn texts<'j>(json: &'j Json, key: &str) -> Vec<&'j str> {
    items(json, key).iter().filter_map(Json::as_str).collect()
}

/// A word with two of its letters in the other order.
fn misspelt(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = (0..letters.len() - 1).rev().find(|at| letters[*at] != letters[at + 1]).expect("two letters that differ");
    letters.swap(at, at + 1);
    letters.into_iter().collect()
}

/// Makes a manifest that has a sync option.
type Manifest = fn(&str) -> String;

#[test]
fn every_sync_option_is_known_with_its_values_and_its_places() {
    let Some(list) = list("options.yaml") else { return };
    assert!(!items(&list, "syncOptions").is_empty());
    for option in items(&list, "syncOptions") {
        let key = text(option, "key");
        let places = texts(option, "where");
        let everywhere: [(&str, Manifest); 2] = [
            ("app", with_option),
            ("resource", |option| annotated("ConfigMap", "argocd.argoproj.io/sync-options", option)),
        ];
        for (place, manifest) in everywhere {
            for value in texts(option, "values") {
                let written = format!("{key}={value}");
                assert_eq!(has(&manifest(&written), OPTION), !places.contains(&place), "{written} at {place}");
                let capital = format!("{key}={}", value.to_uppercase());
                assert!(has(&manifest(&capital), OPTION), "{capital} at {place}");
            }
            assert!(has(&manifest(&format!("{key}=sometimes")), OPTION), "{key}=sometimes at {place}");
            let wrong = format!("{}=true", misspelt(key));
            let found = reported(&manifest(&wrong));
            assert!(
                found.iter().any(|(rule, text)| rule == OPTION && text.contains(&format!("did you mean `{key}="))),
                "{wrong} at {place}: {found:?}"
            );
        }
    }
}

#[test]
fn every_compare_option_and_hook_is_known() {
    let Some(list) = list("options.yaml") else { return };
    let compare = "argocd.argoproj.io/compare-options";
    for option in items(&list, "compareOptions") {
        let (value, target) = (text(option, "value"), text(option, "target"));
        let kind = if target == "Application" { "Application" } else { "ConfigMap" };
        let right = annotated(kind, compare, value);
        assert!(!has(&right, ANNOTATION) && !has(&right, NO_EFFECT), "{value} on {kind}");
        assert!(has(&annotated(kind, compare, &misspelt(value)), ANNOTATION), "{value} misspelt");
        if target == "Application" {
            assert!(has(&annotated("ConfigMap", compare, value), NO_EFFECT), "{value} on a ConfigMap");
        }
    }
    let hooks = list["hooks"].as_object().expect("hooks");
    for (key, values) in hooks.iter().filter(|(key, _)| key.contains('/')) {
        let words: Vec<&str> = match values {
            Json::Array(words) => words.iter().filter_map(Json::as_str).collect(),
            Json::Object(words) => words.keys().map(String::as_str).filter(|word| *word != "other").collect(),
            _ => vec!["5", "-5"],
        };
        for word in words {
            assert!(!has(&annotated("ConfigMap", key, word), ANNOTATION), "{key}: {word}");
        }
        assert!(has(&annotated("ConfigMap", key, "sometimes"), ANNOTATION), "{key}: sometimes");
    }
    for word in ["pre-rollback", "post-rollback", "test", "test-success"] {
        assert!(!has(&annotated("ConfigMap", "helm.sh/hook", word), ANNOTATION), "{word}");
    }
}

/// Values that the description of an annotation's values allows, and one that it does not.
fn samples(values: &Json) -> (Vec<String>, Option<&'static str>) {
    let strings = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
    match values {
        Json::Array(all) => (all.iter().filter_map(Json::as_str).map(str::to_owned).collect(), Some("sometimes")),
        Json::String(text) if text.contains("or title|URL") => {
            (strings(&["https://example.com/a", "Dashboard|https://example.com/a"]), Some("example"))
        }
        Json::String(text) if text.contains("URL") => (strings(&["https://example.com"]), Some("ftp://example.com")),
        Json::String(text) if text.contains("3339") => (strings(&["2026-01-31T08:00:00Z"]), Some("yesterday")),
        Json::String(text) if text.starts_with("integer") => (strings(&["0", "-5", "12"]), Some("1.5")),
        Json::String(text) if text.contains("jsonPointers") => {
            (strings(&["jsonPointers: [/spec/replicas]"]), Some("pointers: [/spec]"))
        }
        Json::String(text) if text.contains("FontAwesome") => (strings(&["fa-bell"]), Some("fa-nothing")),
        Json::String(text) if text.contains("500 characters") => (strings(&["soon"]), None),
        _ => (Vec::new(), None),
    }
}

#[test]
fn every_annotation_is_known_with_its_values_and_its_kinds() {
    let Some(list) = list("options.yaml") else { return };
    for annotation in items(&list, "annotations") {
        let key = text(annotation, "key").replace("<name>", "docs");
        let target = text(annotation, "target");
        let kind = ["ApplicationSet", "Application", "Pod"]
            .into_iter()
            .find(|kind| target.split([',', ' ']).any(|word| word == *kind))
            .unwrap_or("ConfigMap");
        let (right, wrong) = samples(&annotation["values"]);
        for value in &right {
            assert!(!has(&annotated(kind, &key, value), ANNOTATION), "{key}: {value} on {kind}");
        }
        if let Some(wrong) = wrong {
            assert!(has(&annotated(kind, &key, wrong), ANNOTATION), "{key}: {wrong} on {kind}");
        }
        let value = right.first().map_or("x", String::as_str);
        if !target.contains("any manifest") {
            assert!(has(&annotated("ConfigMap", &key, value), NO_EFFECT), "{key} on a ConfigMap");
        }
        if annotation["transient"] == true || annotation["setBy"] == "controller" {
            assert!(has(&annotated(kind, &key, value), NO_EFFECT), "{key} is not for git");
        }
        let name = key.rsplit('/').next().unwrap_or_default();
        if key.contains("argocd.argoproj.io/") && !key.starts_with("link.") {
            let other = format!("{}{}", &key[..key.len() - name.len()], misspelt(name));
            let found = reported(&annotated(kind, &other, value));
            assert!(
                found.iter().any(|(rule, text)| rule == ANNOTATION && text.contains("did you mean")),
                "{other}: {found:?}"
            );
        }
    }
}

#[test]
fn every_subscription_is_known() {
    let Some(list) = list("options.yaml") else { return };
    let rule = "invalid-notification-subscription";
    for trigger in texts(&list, "knownTriggers") {
        for service in texts(&list, "knownServices").into_iter().filter(|service| !service.contains(' ')) {
            let right =
                annotated("Application", &format!("notifications.argoproj.io/subscribe.{trigger}.{service}"), "a");
            assert!(!has(&right, rule) && !has(&right, NO_EFFECT), "{trigger}.{service}");
        }
        let wrong = format!("notifications.argoproj.io/subscribe.{}.slack", misspelt(trigger));
        assert!(has(&annotated("Application", &wrong, "a"), rule), "{wrong}");
        let other = format!("notifications.argoproj.io/subscribe.{trigger}.slack");
        assert!(has(&annotated("ConfigMap", &other, "a"), NO_EFFECT), "{other} on a ConfigMap");
    }
    for pattern in items(&list, "notificationAnnotations") {
        let key = text(pattern, "pattern").replace("<trigger>", "on-created").replace("<service>", "slack");
        let value = if key.ends_with("subscriptions") {
            "- trigger: [on-created]\n  destinations: [{service: slack, recipients: [a]}]\n"
        } else {
            "a"
        };
        assert!(!has(&annotated("Application", &key, value), rule), "{key}");
    }
    let key = "notifications.argoproj.io/subscriptions";
    assert!(has(&annotated("Application", key, "on-created: slack"), rule));
    assert!(has(&annotated("Application", "notified.notifications.argoproj.io", "{}"), NO_EFFECT));
}

#[test]
fn every_label_and_finalizer_is_known() {
    let Some(list) = list("options.yaml") else { return };
    let rule = "unknown-argocd-label";
    for label in items(&list, "labels") {
        let key = text(label, "key");
        let labelled = |value: &str| object("Secret", &format!("labels: {{'{key}': {}}}", Json::from(value)));
        for value in texts(label, "values") {
            assert!(!has(&labelled(value), rule), "{key}: {value}");
            assert!(has(&labelled(&format!("{value}s")), rule), "{key}: {value}s");
        }
        assert!(!texts(label, "values").is_empty() || !has(&labelled("web"), rule), "{key}");
    }
    let rule = "unknown-argocd-finalizer";
    for finalizer in items(&list, "finalizers") {
        let (name, target) = (text(finalizer, "name"), text(finalizer, "target"));
        let with = |kind: &str, name: &str| object(kind, &format!("finalizers: ['{name}']"));
        if target.starts_with("hook") {
            let hook = format!("finalizers: ['{name}'], annotations: {{argocd.argoproj.io/hook: PreSync}}");
            assert!(!has(&object("ConfigMap", &hook), rule), "{name}");
        }
        for kind in target.split(", ").filter(|kind| kind.starts_with("Application")) {
            assert!(!has(&with(kind, name), rule), "{name} on {kind}");
            assert!(has(&with(kind, &misspelt(name)), rule), "{name} misspelt on {kind}");
        }
        assert!(has(&with("ConfigMap", name), rule), "{name} on a ConfigMap");
    }
}
