//! The sync options of Argo CD 3, from its documentation (`user-guide/sync-options.md`) and the code that reads them.

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
