//! Objects that are live and belong to somebody else, or to nobody: a sync takes them over, and never without a word.

use super::act::Hands;
use super::named;
use crate::sync::live::Event;
use crate::sync::operation::Goal;

/// Tells which objects `goal` takes over. With `FailOnSharedResource=true`, why nothing is done.
pub(in crate::sync) fn taken_over(hands: &Hands, goal: &Goal) -> Option<String> {
    let mut shared = Vec::new();
    for target in goal.objects.iter().filter(|target| !crate::sync::machine::is_hook(target)) {
        let (api_version, key) = named(target);
        let object = hands.reference(&api_version, &key);
        let Some(live) = hands.mirror.find(&key) else { continue };
        let owner = hands.settings.tracking.owner(&live, &object);
        // Nobody tracks definitions, nor the namespaces that are made for an Application.
        let untracked = matches!(object.kind.as_str(), "CustomResourceDefinition" | "Namespace");
        match &owner {
            Some(owner) if *owner == hands.application => continue,
            None if untracked => continue,
            Some(owner) => {
                let name = format!("{}/{}", object.kind, object.name);
                shared.push(format!("{name} is part of applications {} and {owner}", hands.application));
            }
            None => {}
        }
        hands.events.tell(Event::TakenOver {
            cluster: hands.place.clone(),
            application: hands.application.clone(),
            reason: match &owner {
                Some(owner) => format!("it is part of Application {owner}"),
                None => "it is there, and no Application tracks it".to_owned(),
            },
            object,
            from: owner,
        });
    }
    (goal.options.fail_on_shared && !shared.is_empty()).then(|| format!("Shared resource found: {}", shared.join("; ")))
}
