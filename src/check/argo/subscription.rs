//! Which notifications an object subscribes to, read from its annotations as the notifications controller does.

use crate::origin::FileId;
use crate::yaml::{Entry, Limits, Node, read};

const PREFIX: &str = "notifications.argoproj.io/";

/// The triggers of Argo CD's own catalogue.
pub(crate) const CATALOGUE: &[&str] = &[
    "on-created",
    "on-deleted",
    "on-deployed",
    "on-health-degraded",
    "on-sync-failed",
    "on-sync-running",
    "on-sync-status-unknown",
    "on-sync-succeeded",
];

/// The kinds of services.
pub(crate) const SERVICES: &[&str] = &[
    "alertmanager",
    "awssqs",
    "email",
    "gcppubsub",
    "github",
    "googlechat",
    "grafana",
    "mattermost",
    "nats",
    "newrelic",
    "opsgenie",
    "pagerduty",
    "pagerdutyv2",
    "pushover",
    "rocketchat",
    "slack",
    "teams",
    "teams-workflows",
    "telegram",
    "webex",
    "webhook",
];

/// A subscription. Either name is empty where the annotation leaves it to the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// `on-sync-failed`
    pub(crate) trigger: String,
    /// `slack`
    pub(crate) service: String,
}

/// What an annotation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It is none of the notifications controller's.
    Other,
    /// These.
    Subscriptions(Vec<Subscription>),
    /// Nothing that the controller understands; in words that follow the annotation.
    Wrong(String),
}

/// Reads an annotation.
pub(crate) fn subscriptions(entry: &Entry) -> Reading {
    let Some(name) = entry.key_text().strip_prefix(PREFIX) else { return Reading::Other };
    if name == "subscriptions" {
        return list(entry.value.text().unwrap_or_default());
    }
    let Some(rest) = name.strip_prefix("subscribe.") else {
        return Reading::Wrong(format!(
            "is not read: `{PREFIX}subscribe.TRIGGER.SERVICE` and `{PREFIX}subscriptions` are"
        ));
    };
    let parts: Vec<&str> = rest.split('.').collect();
    let (trigger, service) = match parts.as_slice() {
        [service] => ("", *service),
        [trigger, service, ..] => (*trigger, *service),
        [] => ("", ""),
    };
    if service.is_empty() || parts.len() > 1 && trigger.is_empty() {
        return Reading::Wrong("names no trigger or no service".to_owned());
    }
    if parts.len() > 2 {
        return Reading::Wrong(format!("has {} parts after `subscribe.`: there are two", parts.len()));
    }
    Reading::Subscriptions(vec![Subscription { trigger: trigger.to_owned(), service: service.to_owned() }])
}

/// The long form: a list of triggers and destinations.
fn list(text: &str) -> Reading {
    let file = read(FileId::NONE, text, Limits::default());
    let Some(document) = file.documents.first().filter(|_| file.problems.is_empty()) else {
        return Reading::Wrong("is no YAML".to_owned());
    };
    let root = &document.root;
    if root.as_sequence().is_none() {
        return Reading::Wrong("is no list of `trigger` and `destinations`".to_owned());
    }
    let mut found = Vec::new();
    for item in root.items() {
        let unknown = item.entries().iter().find(|entry| !matches!(entry.key_text(), "trigger" | "destinations"));
        if let Some(entry) = unknown {
            return Reading::Wrong(format!(
                "has the key `{}`; there are `trigger` and `destinations`",
                entry.key_text()
            ));
        }
        let destinations = item.get("destinations").map(Node::items).unwrap_or_default();
        if destinations.is_empty() {
            return Reading::Wrong("has an entry without `destinations`".to_owned());
        }
        let mut triggers: Vec<&str> =
            item.get("trigger").map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect();
        if triggers.is_empty() {
            triggers.push("");
        }
        for destination in destinations {
            let Some(service) = destination.str_at(&["service"]).filter(|service| !service.is_empty()) else {
                return Reading::Wrong("has a destination without `service`".to_owned());
            };
            found.extend(
                triggers
                    .iter()
                    .map(|trigger| Subscription { trigger: (*trigger).to_owned(), service: service.to_owned() }),
            );
        }
    }
    Reading::Subscriptions(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Origin;

    fn reading(key: &str, value: &str) -> Reading {
        let node = |text: &str| Node::string(text, Origin::NONE);
        subscriptions(&Entry { key: node(key), value: node(value) })
    }

    fn pairs(reading: Reading) -> Vec<(String, String)> {
        let Reading::Subscriptions(found) = reading else { panic!("no subscriptions: {reading:?}") };
        found.into_iter().map(|found| (found.trigger, found.service)).collect()
    }

    #[test]
    fn an_annotation_names_a_trigger_and_a_service() {
        let pair = |trigger: &str, service: &str| (trigger.to_owned(), service.to_owned());
        let found = reading("notifications.argoproj.io/subscribe.on-sync-failed.slack", "ops");
        assert_eq!(pairs(found), [pair("on-sync-failed", "slack")]);
        assert_eq!(pairs(reading("notifications.argoproj.io/subscribe.slack", "ops")), [pair("", "slack")]);
        let text = "- trigger: [a, b]\n  destinations:\n  - {service: slack, recipients: [x]}\n";
        let found = reading("notifications.argoproj.io/subscriptions", text);
        assert_eq!(pairs(found), [pair("a", "slack"), pair("b", "slack")]);
    }

    #[test]
    fn what_the_controller_does_not_read_is_wrong() {
        for (key, value) in [
            ("notifications.argoproj.io/subscribe", "x"),
            ("notifications.argoproj.io/subscibe.a.b", "x"),
            ("notifications.argoproj.io/subscribe..slack", "x"),
            ("notifications.argoproj.io/subscribe.a.b.c", "x"),
            ("notifications.argoproj.io/subscriptions", "trigger: x"),
            ("notifications.argoproj.io/subscriptions", "- trigger: [x]"),
        ] {
            assert!(matches!(reading(key, value), Reading::Wrong(_)), "{key}");
        }
        assert_eq!(reading("notified.notifications.argoproj.io", "{}"), Reading::Other);
        assert_eq!(reading("example.com/a", ""), Reading::Other);
    }
}
