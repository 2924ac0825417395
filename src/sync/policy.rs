//! What an Application says of its sync: its `syncPolicy` and sync options, as the state machine takes them.

use super::machine::Options;
use crate::resolve::Application;
use crate::yaml::Node;

/// The options of an Application. A revision and a time are not part of it.
pub fn options(application: &Application) -> Options {
    let list = application.spec(&["syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
    let value = |name: &str| {
        list.iter()
            .filter_map(Node::text)
            .find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    };
    let is = |name: &str| value(name).as_deref() == Some("true");
    let automated = application.spec(&["syncPolicy", "automated", "prune"]).and_then(Node::as_bool).unwrap_or(false);
    Options {
        namespace: application.destination_namespace().to_owned(),
        prune: automated,
        prune_last: is("PruneLast"),
        propagation: value("PrunePropagationPolicy"),
        prune_option: value("Prune"),
        create_namespace: is("CreateNamespace"),
        namespace_metadata: application.spec(&["syncPolicy", "managedNamespaceMetadata"]).map(|node| node.to_json()),
        replace: is("Replace"),
        force: is("Force"),
        skip_dry_run_on_missing: is("SkipDryRunOnMissingResource"),
        validate: value("Validate").as_deref() != Some("false"),
        ..Options::default()
    }
}
