//! The rules: one file each, each declared with [`declare_rule!`](crate::finding::declare_rule).

use crate::finding::Rule;

/// Declares the modules and the registry: a line a rule, in alphabetical order.
macro_rules! rules {
    ($($module:ident,)*) => {
        $(pub(crate) mod $module;)*

        /// Every rule that is written in Rust, by id.
        pub fn all() -> &'static [&'static Rule] {
            static ALL: &[&Rule] = &[$(&$module::RULE),*];
            ALL
        }
    };
}

rules! {
    affinity_selector_matches_no_pod,
    api_version_deprecated,
    api_version_not_served,
    application_cycle,
    blocking_disruption_budget,
    bootstrap_cycle,
    configmap_not_found,
    container_command_missing,
    container_port_undeclared,
    controller_not_deployed,
    custom_resource_without_crd,
    duplicate_mapping_key,
    duplicate_port_name,
    duplicate_resource_id,
    expired_waiver,
    invalid_base64,
    invalid_configuration,
    invalid_duration,
    invalid_label,
    invalid_name,
    invalid_policy,
    invalid_schedule,
    invalid_source,
    invalid_waiver,
    kustomization_cycle,
    kustomization_not_found,
    kustomization_unknown_field,
    kustomize_error,
    kustomize_load_restriction,
    kustomize_resource_not_found,
    missing_api_version_kind,
    missing_memory_limit,
    missing_pod_disruption_budget,
    missing_pod_security_level,
    missing_probe,
    missing_security_context,
    mutable_image_tag,
    mutually_exclusive_fields,
    namespace_not_in_mesh,
    objective_conflict,
    outdated_image,
    patch_adds_container,
    plaintext_credential,
    pod_template_labels_missing,
    port_out_of_range,
    privileged_container,
    probe_port_not_found,
    requests_above_limits,
    resource_deployed_twice,
    runs_as_root,
    scale_target_not_found,
    schema_duplicate_item,
    schema_invalid_value,
    schema_required_property,
    schema_type_mismatch,
    schema_unknown_property,
    secret_not_found,
    selector_template_mismatch,
    service_account_not_found,
    service_port_not_found,
    service_selects_no_pod,
    source_path_not_found,
    trailing_whitespace,
    unknown_kind,
    unmatched_image_override,
    unmatched_patch_target,
    unmatched_replica_override,
    unreferenced_chart,
    unreferenced_values_file,
    unused_waiver,
    volume_not_defined,
    yaml_syntax,
}
