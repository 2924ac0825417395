//! The annotations, labels and finalizers that Argo CD 3 reads or writes: on which kinds, with which values, and who
//! sets them. From its documentation (`user-guide/annotations-and-labels.md`, `user-guide/resource_hooks.md`) and the
//! code that reads them.

/// An annotation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Annotation {
    /// Its key.
    pub(crate) key: &'static str,
    /// The kinds on which it is read; empty means all.
    pub(crate) kinds: &'static [&'static str],
    /// What its value may be.
    pub(crate) values: Values,
    /// Who sets it.
    pub(crate) by: By,
}

/// What the value of an annotation may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// Anything.
    Text,
    /// Text of at most so many characters.
    Short(usize),
    /// One or more of these words, with commas between them.
    Words(&'static [&'static str]),
    /// One of these words, in upper or lower case.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// `true` or `false`, in any form that Go reads.
    GoBoolean,
    /// An integer.
    Integer,
    /// A time in the form of RFC 3339.
    Time,
    /// An `http` or `https` URL.
    Url,
    /// An `http` or `https` URL, or `title|URL`.
    Link,
    /// YAML with `jsonPointers`.
    Pointers,
    /// Sync options, which have a rule of their own.
    SyncOptions,
}

/// Who sets an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// People.
    People,
    /// The controller; what git says is overwritten.
    Controller,
    /// Whoever asks for something once; the controller takes it away when it has done so.
    Request,
}

/// The hooks of Argo CD.
pub(crate) const HOOKS: &[&str] = &["PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete", "Skip"];

/// The hooks of Helm, those of its second version included.
pub(crate) const HELM_HOOKS: &[&str] = &[
    "pre-install",
    "post-install",
    "pre-upgrade",
    "post-upgrade",
    "pre-delete",
    "post-delete",
    "pre-rollback",
    "post-rollback",
    "test",
    "test-success",
    "test-failure",
    "crd-install",
];

const APPLICATION: &[&str] = &["Application"];

const fn any(key: &'static str, values: Values) -> Annotation {
    Annotation { key, kinds: &[], values, by: By::People }
}

const fn application(key: &'static str, values: Values) -> Annotation {
    Annotation { key, kinds: APPLICATION, values, by: By::People }
}

const fn by(by: By, annotation: Annotation) -> Annotation {
    Annotation { by, ..annotation }
}

const REFRESH: Values = Values::Word(&["normal", "hard"]);

/// Every annotation with a key of its own.
pub(crate) const ANNOTATIONS: &[Annotation] = &[
    any("argocd.argoproj.io/sync-options", Values::SyncOptions),
    any(
        "argocd.argoproj.io/compare-options",
        Values::Words(&[
            "IgnoreExtraneous",
            "ServerSideDiff=true",
            "ServerSideDiff=false",
            "IncludeMutationWebhook=true",
        ]),
    ),
    any("argocd.argoproj.io/sync-wave", Values::Integer),
    any("argocd.argoproj.io/hook", Values::Words(HOOKS)),
    any("argocd.argoproj.io/hook-delete-policy", Values::Words(&["HookSucceeded", "HookFailed", "BeforeHookCreation"])),
    by(By::Controller, any("argocd.argoproj.io/tracking-id", Values::Text)),
    by(By::Controller, any("argocd.argoproj.io/installation-id", Values::Text)),
    any("argocd.argoproj.io/ignore-healthcheck", Values::Boolean),
    any("argocd.argoproj.io/ignore-resource-updates", Values::Boolean),
    Annotation {
        key: "argocd.argoproj.io/ignore-restart-policy",
        kinds: &["Pod"],
        values: Values::Boolean,
        by: By::People,
    },
    any("argocd.argoproj.io/ignore-differences", Values::Pointers),
    any("argocd.argoproj.io/ignore-default-links", Values::Boolean),
    by(By::Request, application("argocd.argoproj.io/refresh", REFRESH)),
    by(By::Controller, application("argocd.argoproj.io/refresh-timestamp", Values::Time)),
    by(By::Request, application("argocd.argoproj.io/hydrate", REFRESH)),
    by(By::Controller, application("argocd.argoproj.io/hydrate-timestamp", Values::Time)),
    application("argocd.argoproj.io/manifest-generate-paths", Values::Text),
    Annotation {
        key: "argocd.argoproj.io/skip-reconcile",
        // A Secret of a cluster, however it is made.
        kinds: &["Application", "Secret", "ExternalSecret", "SealedSecret"],
        values: Values::GoBoolean,
        by: By::People,
    },
    application("argocd.argoproj.io/managed-by-url", Values::Url),
    application("argocd.argoproj.io/deletion-approved", Values::Time),
    application("argocd.argoproj.io/client-side-apply-migration-manager", Values::Text),
    Annotation {
        key: "argocd.argoproj.io/application-set-refresh",
        kinds: &["ApplicationSet"],
        values: Values::Boolean,
        by: By::Request,
    },
    application("pref.argocd.argoproj.io/default-view", Values::Word(&["tree", "pods", "network", "list"])),
    application(
        "pref.argocd.argoproj.io/default-pod-sort",
        Values::Word(&["topLevelResource", "parentResource", "node"]),
    ),
    application("notice.argocd.argoproj.io/content", Values::Short(500)),
    application("notice.argocd.argoproj.io/severity", Values::Word(&["info", "warning", "critical"])),
    application("notice.argocd.argoproj.io/url", Values::Url),
    application("notice.argocd.argoproj.io/permanent", Values::Boolean),
    application(
        "notice.argocd.argoproj.io/icon",
        Values::Word(&[
            "fa-info-circle",
            "fa-exclamation-triangle",
            "fa-exclamation-circle",
            "fa-bell",
            "fa-wrench",
            "fa-clock",
            "fa-bullhorn",
            "fa-life-ring",
            "fa-shield-alt",
        ]),
    ),
    application("notice.argocd.argoproj.io/scope", Values::Word(&["banner", "icon", "both"])),
    any("helm.sh/hook", Values::Words(HELM_HOOKS)),
    any("helm.sh/hook-weight", Values::Integer),
    any("helm.sh/hook-delete-policy", Values::Words(&["before-hook-creation", "hook-succeeded", "hook-failed"])),
    any("helm.sh/resource-policy", Values::Words(&["keep"])),
];

/// What stands before the name in an annotation that shows a link.
pub(crate) const LINK: &str = "link.argocd.argoproj.io/";

/// The prefixes whose annotations are all in the table.
pub(crate) const PREFIXES: &[&str] = &["argocd.argoproj.io/", "pref.argocd.argoproj.io/", "notice.argocd.argoproj.io/"];

/// A label with a fixed set of values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label {
    /// Its key.
    pub(crate) key: &'static str,
    /// Its values; empty means any.
    pub(crate) values: &'static [&'static str],
}

/// The labels below `argocd.argoproj.io/`.
pub(crate) const LABELS: &[Label] = &[
    Label {
        key: "argocd.argoproj.io/secret-type",
        values: &["cluster", "repository", "repo-creds", "repository-write", "repo-write-creds", "scm-creds"],
    },
    Label { key: "argocd.argoproj.io/auto-label-cluster-info", values: &["true", "false"] },
    Label { key: "argocd.argoproj.io/kubernetes-version", values: &[] },
    Label { key: "argocd.argoproj.io/instance", values: &[] },
];

/// A finalizer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finalizer {
    /// Its name.
    pub(crate) name: &'static str,
    /// The kinds of which Argo CD removes it; empty means hooks of any kind.
    pub(crate) kinds: &'static [&'static str],
}

/// The finalizers that Argo CD removes.
pub(crate) const FINALIZERS: &[Finalizer] = &[
    Finalizer {
        name: "resources-finalizer.argocd.argoproj.io",
        kinds: &["Application", "ApplicationSet", "AppProject"],
    },
    Finalizer { name: "resources-finalizer.argocd.argoproj.io/foreground", kinds: APPLICATION },
    Finalizer { name: "resources-finalizer.argocd.argoproj.io/background", kinds: APPLICATION },
    Finalizer { name: "pre-delete-finalizer.argocd.argoproj.io", kinds: APPLICATION },
    Finalizer { name: "pre-delete-finalizer.argocd.argoproj.io/cleanup", kinds: APPLICATION },
    Finalizer { name: "post-delete-finalizer.argocd.argoproj.io", kinds: APPLICATION },
    Finalizer { name: "post-delete-finalizer.argocd.argoproj.io/cleanup", kinds: APPLICATION },
    Finalizer { name: "argocd.argoproj.io/hook-finalizer", kinds: &[] },
];
