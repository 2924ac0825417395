//! The policies that come with the product.

/// Path and text of each, tests included.
pub(super) const POLICIES: &[(&str, &str)] = &[
    ("policies/crd_server_side_apply.rego", include_str!("../../../policies/crd_server_side_apply.rego")),
    ("policies/crd_server_side_apply_test.rego", include_str!("../../../policies/crd_server_side_apply_test.rego")),
    ("policies/istio_never_pruned.rego", include_str!("../../../policies/istio_never_pruned.rego")),
    ("policies/istio_never_pruned_test.rego", include_str!("../../../policies/istio_never_pruned_test.rego")),
    ("policies/production_auto_sync.rego", include_str!("../../../policies/production_auto_sync.rego")),
    ("policies/production_auto_sync_test.rego", include_str!("../../../policies/production_auto_sync_test.rego")),
    ("policies/prune_on_crd_application.rego", include_str!("../../../policies/prune_on_crd_application.rego")),
    (
        "policies/prune_on_crd_application_test.rego",
        include_str!("../../../policies/prune_on_crd_application_test.rego"),
    ),
];
