//! `invalid-notification-subscription`

use crate::check::World;
use crate::check::argo::subscription::{CATALOGUE, Reading, SERVICES, Subscription, subscriptions};
use crate::check::argo::{Object, objects};
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::resolve::instance::Notifications;
use crate::yaml::{Entry, Node};

declare_rule! {
    /// Reports a subscription to notifications that the controller cannot read, and one to a trigger or a service that does
    /// not exist.
    ///
    /// Which exist is known where the repository holds the ConfigMap `argocd-notifications-cm`. Elsewhere only names that
    /// are nearly those of Argo CD's own catalogue are reported.
    ///
    /// ## Why it matters
    /// Nobody is told: neither of the failed sync, nor that the subscription is wrong.
    ///
    /// ## Example
    /// ```yaml
    /// annotations:
    ///   notifications.argoproj.io/subscribe.on-sync-faild.slack: deployments
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// annotations:
    ///   notifications.argoproj.io/subscribe.on-sync-failed.slack: deployments
    /// ```
    "invalid-notification-subscription" = {
        summary: "the subscription notifies nobody",
        severity: Warning,
        profile: Recommended,
        since: "0.1.0",
        check: Check::World(check),
    }
}

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let known = Notifications::of(world.rendered);
    for object in objects(world).filter(|object| object.is("Application") || object.is("AppProject")) {
        for entry in object.annotations() {
            // Of a name that a template makes, nothing is known.
            if entry.key_text().contains("{{") {
                continue;
            }
            match subscriptions(entry) {
                Reading::Other => {}
                Reading::Wrong(why) => findings.push(unreadable(&object, entry, &why)),
                Reading::Subscriptions(list) => {
                    for subscription in list {
                        one(&object, entry, &subscription, known.as_ref(), findings);
                    }
                }
            }
        }
    }
}

fn unreadable(object: &Object<'_>, entry: &Entry, why: &str) -> Finding {
    let key = entry.key_text();
    let finding = object
        .finding(&RULE, &entry.key)
        .message(format!("{key} {why}"))
        .help("write notifications.argoproj.io/subscribe.TRIGGER.SERVICE: recipients, with `;` between them");
    let (name, rest) = key.split_once('/').and_then(|(_, name)| name.split_once('.')).unwrap_or((key, ""));
    match nearest(name, ["subscribe"]) {
        Some(near) if !rest.is_empty() => {
            finding.help(format!("did you mean `notifications.argoproj.io/{near}.{rest}`?"))
        }
        _ => finding,
    }
}

fn one(
    object: &Object<'_>,
    entry: &Entry,
    subscription: &Subscription,
    known: Option<&Notifications<'_>>,
    findings: &mut Vec<Finding>,
) {
    // In the long form the names stand in the value.
    let long = entry.key_text().ends_with("/subscriptions");
    let node: &Node = if long { &entry.value } else { &entry.key };
    let Subscription { trigger, service } = subscription;
    let mut report = |message: String, near: Option<&str>| {
        let finding = object.finding(&RULE, node).message(message);
        findings.push(match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        });
    };
    let Some(known) = known else {
        // Triggers and services of one's own are common: only what is nearly a known one is wrong for sure.
        if !trigger.is_empty()
            && !CATALOGUE.contains(&trigger.as_str())
            && let Some(near) = nearest_by_two(trigger, CATALOGUE)
        {
            report(format!("no trigger of Argo CD is called {trigger}"), Some(near));
        }
        if !SERVICES.contains(&service.as_str())
            && let Some(near) = nearest_by_two(service, SERVICES)
        {
            report(format!("no service of Argo CD is called {service}"), Some(near));
        }
        return;
    };
    if !trigger.is_empty() && !known.triggers.contains_key(trigger.as_str()) {
        let near = nearest(trigger, known.triggers.keys().copied());
        report(format!("ConfigMap argocd-notifications-cm has no trigger {trigger}"), near);
    }
    if trigger.is_empty() && !known.has_default_triggers(service) {
        report(format!("no trigger is named, and argocd-notifications-cm has no defaultTriggers for {service}"), None);
    }
    if !known.services.contains_key(service.as_str()) {
        let near = nearest(service, known.services.keys().copied());
        report(format!("ConfigMap argocd-notifications-cm has no service {service}"), near);
    }
}

/// The one that is at most two letters away.
fn nearest_by_two<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    nearest(word, known.iter().copied()).filter(|near| strsim::osa_distance(word, near) <= 2 && word.len() > 4)
}
