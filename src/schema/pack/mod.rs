//! The schemas that are built in: one file, read block by block as kinds are asked for.
//!
//! The file begins with four bytes, the length of the table that follows. The table names the blocks (first node,
//! compressed length, length) and the index of kinds. Each block is a zstd frame of a string table and the records of
//! consecutive nodes; nodes that are first used by one kind stand together, so that a kind costs few blocks. A block
//! is decompressed, and a node decoded, when it is first asked for. Numbers are LEB128.

mod read;
mod write;

pub use read::Pack;
pub use write::write;

use smol_str::SmolStr;

use super::node::NodeId;

/// A kind in one version of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindEntry {
    /// The API group; empty for the core group.
    pub group: SmolStr,
    /// The version within the group.
    pub version: SmolStr,
    /// The kind.
    pub kind: SmolStr,
    /// The name in URLs.
    pub plural: SmolStr,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Whether the version is served: by the CRD, or by the versions of Kubernetes in `minors`.
    pub served: bool,
    /// Whether the CRD says that the version is deprecated.
    pub deprecated: bool,
    /// The versions of Kubernetes that have this schema, a bit each from 1.33 on; none for a CRD.
    pub minors: u8,
    /// The schema.
    pub root: NodeId,
}

impl KindEntry {
    /// Whether the kind belongs to Kubernetes itself.
    pub fn is_native(&self) -> bool {
        self.minors != 0
    }
}

/// The group under which the pack keeps schemas that are no kinds: `ObjectMeta`.
pub(crate) const INTERNAL_GROUP: &str = "meta.internal";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_of_the_pack_can_be_read() {
        let pack = Pack::builtin();
        assert!(pack.len() > 10_000, "{} nodes", pack.len());
        let unreadable: Vec<u32> = (0..pack.len() as u32).filter(|id| pack.node(*id).is_none()).collect();
        assert_eq!(unreadable, Vec::<u32>::new());
        assert!(pack.kinds().iter().all(|kind| pack.node(kind.root).is_some()));
    }

    #[test]
    fn the_pack_is_small() {
        let bytes = include_bytes!("../../../schemas/catalogue.bin").len();
        assert!(bytes < 6 << 20, "{bytes} bytes");
    }
}
