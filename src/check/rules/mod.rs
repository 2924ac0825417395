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
    expired_waiver,
    application_cycle,
    invalid_configuration,
    invalid_source,
    invalid_waiver,
    source_path_not_found,
    unused_waiver,
    yaml_syntax,
}
