//! The keys of `argocd-cm`, from the sample in Argo CD's documentation (`operator-manual/argocd-cm.yaml`) and the code
//! that reads them.

/// What the value of a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Anything.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A duration, in days as well.
    Duration,
    /// One of these words.
    Word(&'static [&'static str]),
    /// An `http` or `https` URL.
    Url,
    /// YAML of any shape.
    Yaml,
    /// A list of kinds of objects: groups, kinds, clusters.
    Kinds,
    /// What is ignored when comparing.
    Compare,
    /// Customizations of all kinds of objects, in one text.
    Customizations,
    /// Options of `kustomize build`.
    BuildOptions,
}

const fn key(key: &'static str, form: Form) -> (&'static str, Form) {
    (key, form)
}

/// The keys that are written out; those with a name in them are in [`PATTERNS`].
pub(crate) const SETTINGS: &[(&str, Form)] = &[
    key("additionalUrls", Form::Yaml),
    key("admin.enabled", Form::Boolean),
    key("application.allowedNodeLabels", Form::Text),
    key("application.instanceLabelKey", Form::Text),
    key("application.links", Form::Yaml),
    key("application.resourceTrackingMethod", Form::Word(&["label", "annotation", "annotation+label"])),
    key("application.sync.impersonation.enabled", Form::Boolean),
    key("application.sync.impersonation.enforced", Form::Boolean),
    key("application.sync.requireOverridePrivilegeForRevisionSync", Form::Boolean),
    key("cluster.inClusterEnabled", Form::Boolean),
    key("commit.author.email", Form::Text),
    key("commit.author.name", Form::Text),
    key("dex.auth.connectorId", Form::Text),
    key("dex.config", Form::Yaml),
    key("exec.enabled", Form::Boolean),
    key("exec.shells", Form::Text),
    key("extension.config", Form::Yaml),
    key("ga.anonymizeusers", Form::Boolean),
    key("ga.trackingid", Form::Text),
    key("globalProjects", Form::Yaml),
    key("helm.enable", Form::Boolean),
    key("helm.valuesFileSchemes", Form::Text),
    key("help.chatText", Form::Text),
    key("help.chatUrl", Form::Text),
    key("installationID", Form::Text),
    key("jsonnet.enable", Form::Boolean),
    key("kustomize.buildOptions", Form::BuildOptions),
    key("kustomize.enable", Form::Boolean),
    key("oidc.config", Form::Yaml),
    key("oidc.tls.insecure.skip.verify", Form::Boolean),
    key("passwordPattern", Form::Text),
    key("project.links", Form::Yaml),
    key("repositories", Form::Yaml),
    key("repository.credentials", Form::Yaml),
    key("resource.compareoptions", Form::Compare),
    key("resource.customLabels", Form::Text),
    key("resource.customizations", Form::Customizations),
    key("resource.excludeEventLabelKeys", Form::Text),
    key("resource.exclusions", Form::Kinds),
    key("resource.ignoreResourceUpdatesEnabled", Form::Boolean),
    key("resource.includeEventLabelKeys", Form::Text),
    key("resource.inclusions", Form::Kinds),
    key("resource.links", Form::Yaml),
    key("resource.manifest.compression", Form::Text),
    key("resource.manifest.compression.enabled", Form::Boolean),
    key("resource.manifest.storage", Form::Text),
    key("resource.respectRBAC", Form::Word(&["strict", "normal", ""])),
    key("resource.selectors", Form::Kinds),
    key("resource.sensitive.mask.annotations", Form::Text),
    key("server.maxPodLogsToRender", Form::Number),
    key("server.rbac.disableApplicationFineGrainedRBACInheritance", Form::Boolean),
    key("server.rbac.log.enforce.enable", Form::Boolean),
    key("server.rbac.rollback.enforce.enable", Form::Boolean),
    key("sourceHydrator.commitMessageTemplate", Form::Text),
    key("sourceHydrator.readmeMessageTemplate", Form::Text),
    key("statusbadge.enabled", Form::Boolean),
    key("statusbadge.url", Form::Url),
    key("timeout.hard.reconciliation", Form::Duration),
    key("timeout.reconciliation", Form::Duration),
    key("timeout.reconciliation.jitter", Form::Duration),
    key("ui.bannercontent", Form::Text),
    key("ui.bannerpermanent", Form::Boolean),
    key("ui.bannerposition", Form::Word(&["top", "bottom", "both"])),
    key("ui.bannerurl", Form::Text),
    key("ui.cssurl", Form::Text),
    key("ui.loginButtonText", Form::Text),
    key("ui.view.resources.disabled", Form::Boolean),
    key("url", Form::Url),
    key("users.anonymous.enabled", Form::Boolean),
    key("users.session.duration", Form::Duration),
    key("webhook.maxPayloadSizeMB", Form::Number),
    key("webhook.refresh.jitter", Form::Duration),
    key("webhook.refresh.jitter.threshold", Form::Number),
    key("webhook.refresh.workers", Form::Number),
];

/// What stands before a name in the keys that have one.
pub(crate) const PATTERNS: &[&str] = &[
    "accounts.",
    "help.download.",
    "kustomize.buildOptions.",
    "kustomize.path.",
    "kustomize.version.",
    "resource.customizations.",
];

/// What can be customized for a kind: `resource.customizations.TYPE.GROUP_KIND`.
pub(crate) const CUSTOMIZATIONS: &[&str] =
    &["health", "useOpenLibs", "actions", "ignoreDifferences", "ignoreResourceUpdates", "knownTypeFields"];
