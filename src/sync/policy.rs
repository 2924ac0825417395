//! What an Application says of its sync: its `syncPolicy` and sync options, as the state machine takes them.

use super::live::{ARGOCD, KUBECTL};
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
    // Any of them counts, as for Argo CD.
    let has = |option: &str| list.iter().any(|item| item.text() == Some(option));
    let is = |name: &str| has(&format!("{name}=true"));
    let propagation = ["background", "foreground", "orphan"]
        .into_iter()
        .find(|policy| has(&format!("PrunePropagationPolicy={policy}")))
        .map(str::to_owned);
    let automated = application.spec(&["syncPolicy", "automated", "prune"]).and_then(Node::as_bool).unwrap_or(false);
    Options {
        namespace: application.destination_namespace().to_owned(),
        prune: automated,
        prune_last: is("PruneLast"),
        propagation,
        prune_option: value("Prune"),
        delete_option: value("Delete"),
        create_namespace: is("CreateNamespace"),
        namespace_metadata: application.spec(&["syncPolicy", "managedNamespaceMetadata"]).map(|node| node.to_json()),
        replace: is("Replace"),
        skip_dry_run_on_missing: is("SkipDryRunOnMissingResource"),
        validate: !has("Validate=false"),
        out_of_sync_only: is("ApplyOutOfSyncOnly"),
        respect_ignored: is("RespectIgnoreDifferences"),
        fail_on_shared: is("FailOnSharedResource"),
        migrates: if has("ClientSideApplyMigration=false") { Vec::new() } else { migrates(application) },
        ..Options::default()
    }
}

/// By this annotation an Application names the manager whose client-side applies it takes over.
const MIGRATION_MANAGER: &str = "argocd.argoproj.io/client-side-apply-migration-manager";

fn migrates(application: &Application) -> Vec<String> {
    let named = application.resource.node.str_at(&["metadata", "annotations", MIGRATION_MANAGER]);
    let manager = named.filter(|name| !name.is_empty()).unwrap_or(KUBECTL);
    vec![manager.to_owned(), ARGOCD.to_owned()]
}
