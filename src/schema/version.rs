//! Versions of Kubernetes.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A minor version of Kubernetes 1 whose schemas are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KubernetesVersion(u16);

/// Why a text names no version that tiphys knows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VersionError {
    /// Not of the form `1.37`, `v1.37` or `1.37.2`. Write it so.
    #[error("`{0}` is not a version of Kubernetes: expected one like `1.37`")]
    Form(String),
    /// The schemas of this version are not built in. Name the nearest one that is.
    #[error("no schemas for Kubernetes 1.{found}: 1.{oldest} to 1.{newest} are built in")]
    Unsupported {
        /// The minor version asked for.
        found: u16,
        /// The oldest that is built in.
        oldest: u16,
        /// The newest that is built in.
        newest: u16,
    },
}

impl KubernetesVersion {
    /// The oldest version with built-in schemas.
    pub const OLDEST: KubernetesVersion = KubernetesVersion(33);
    /// The newest version with built-in schemas: what a cluster has of which nothing else is said.
    pub const NEWEST: KubernetesVersion = KubernetesVersion(37);

    /// Every version with built-in schemas, oldest first.
    pub fn all() -> impl DoubleEndedIterator<Item = KubernetesVersion> {
        (Self::OLDEST.0..=Self::NEWEST.0).map(KubernetesVersion)
    }

    /// The version with built-in schemas that is nearest to 1.`minor`.
    pub fn nearest(minor: u16) -> KubernetesVersion {
        KubernetesVersion(minor.clamp(Self::OLDEST.0, Self::NEWEST.0))
    }

    /// The minor: 37 of 1.37.
    pub fn minor(self) -> u16 {
        self.0
    }

    /// Its bit in the masks of the pack.
    pub(crate) fn bit(self) -> u8 {
        1 << (self.0 - Self::OLDEST.0)
    }
}

impl Default for KubernetesVersion {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl FromStr for KubernetesVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let form = || VersionError::Form(text.to_owned());
        let rest = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.").ok_or_else(form)?;
        let minor = rest.split(['.', '-', '+']).next().unwrap_or(rest);
        let found: u16 = minor.parse().map_err(|_| form())?;
        if (Self::OLDEST.0..=Self::NEWEST.0).contains(&found) {
            Ok(KubernetesVersion(found))
        } else {
            Err(VersionError::Unsupported { found, oldest: Self::OLDEST.0, newest: Self::NEWEST.0 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_have_a_v_a_patch_and_a_suffix() {
        for text in ["1.35", "v1.35", "1.35.4", "v1.35.4-gke.100", "1.35.1+k3s1"] {
            assert_eq!(text.parse::<KubernetesVersion>().map(KubernetesVersion::minor), Ok(35), "{text}");
        }
    }

    #[test]
    fn a_version_without_schemas_is_an_error_that_names_those_with() {
        let error = "1.29".parse::<KubernetesVersion>().expect_err("1.29 is not built in");
        assert_eq!(error.to_string(), "no schemas for Kubernetes 1.29: 1.33 to 1.37 are built in");
    }
}
