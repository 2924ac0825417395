//! The sync options and the annotations of Argo CD 3 that have a fixed set of values, from its documentation
//! (`user-guide/sync-options.md`, `user-guide/resource_hooks.md`) and the code that reads them.

/// A sync option.
#[derive(Debug, Clone, Copy)]
pub struct SyncOption {
    /// `Replace`
    pub key: &'static str,
    /// The values that it may have.
    pub values: &'static [&'static str],
    /// Whether an Application may have it.
    pub application: bool,
    /// Whether the annotation of a resource may have it.
    pub resource: bool,
}

const BOOLEAN: &[&str] = &["true", "false"];
const CONFIRMED: &[&str] = &["true", "false", "confirm"];

const fn both(key: &'static str, values: &'static [&'static str]) -> SyncOption {
    SyncOption { key, values, application: true, resource: true }
}

const fn application(key: &'static str, values: &'static [&'static str]) -> SyncOption {
    SyncOption { key, values, application: true, resource: false }
}

/// Every sync option. Names and values are compared letter by letter; what differs is ignored without a word.
pub const SYNC_OPTIONS: &[SyncOption] = &[
    both("Validate", BOOLEAN),
    both("SkipDryRunOnMissingResource", BOOLEAN),
    both("Prune", CONFIRMED),
    both("Delete", CONFIRMED),
    both("PruneLast", BOOLEAN),
    both("Replace", BOOLEAN),
    both("ServerSideApply", BOOLEAN),
    SyncOption { key: "Force", values: BOOLEAN, application: false, resource: true },
    application("PrunePropagationPolicy", &["background", "foreground", "orphan"]),
    application("ApplyOutOfSyncOnly", BOOLEAN),
    application("ClientSideApplyMigration", BOOLEAN),
    application("FailOnSharedResource", BOOLEAN),
    application("RespectIgnoreDifferences", BOOLEAN),
    application("CreateNamespace", BOOLEAN),
];

/// An annotation whose value is one word, or several with commas between them, of a fixed set.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// The annotation.
    pub key: &'static str,
    /// The words.
    pub words: &'static [&'static str],
}

/// Annotations of resources with a fixed set of values.
pub const ANNOTATIONS: &[Words] = &[
    Words {
        key: "argocd.argoproj.io/hook",
        words: &["PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete", "Skip"],
    },
    Words {
        key: "argocd.argoproj.io/hook-delete-policy",
        words: &["HookSucceeded", "HookFailed", "BeforeHookCreation"],
    },
    Words {
        key: "argocd.argoproj.io/compare-options",
        words: &["IgnoreExtraneous", "ServerSideDiff=true", "ServerSideDiff=false", "IncludeMutationWebhook=true"],
    },
];

/// Every annotation below `argocd.argoproj.io/` that Argo CD reads or writes.
pub const ARGOCD_ANNOTATIONS: &[&str] = &[
    "sync-options",
    "compare-options",
    "sync-wave",
    "hook",
    "hook-delete-policy",
    "tracking-id",
    "installation-id",
    "ignore-healthcheck",
    "ignore-resource-updates",
    "ignore-restart-policy",
    "ignore-differences",
    "ignore-default-links",
    "refresh",
    "refresh-timestamp",
    "hydrate",
    "hydrate-timestamp",
    "manifest-generate-paths",
    "skip-reconcile",
    "managed-by-url",
    "deletion-approved",
    "client-side-apply-migration-manager",
    "application-set-refresh",
];
