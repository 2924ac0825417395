//! The bytes of a pack in, nodes and kinds out, each when it is first asked for.

use std::sync::{LazyLock, OnceLock};

use smol_str::SmolStr;

use super::KindEntry;
use crate::schema::node::{
    Bits, CelRule, EnumValue, Expression, Flags, Junctors, Limits, ListType, NodeId, Pattern, SchemaNode, Types,
};

/// A pack.
pub struct Pack {
    bytes: &'static [u8],
    blocks: Vec<BlockPlace>,
    contents: Vec<OnceLock<Option<Block>>>,
    nodes: Vec<OnceLock<Option<Box<SchemaNode>>>>,
    kinds: Vec<KindEntry>,
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pack({} nodes, {} kinds)", self.nodes.len(), self.kinds.len())
    }
}

#[derive(Debug, Clone, Copy)]
struct BlockPlace {
    first: NodeId,
    start: usize,
    compressed: usize,
    length: usize,
}

/// A block that was decompressed.
struct Block {
    bytes: Vec<u8>,
    strings: Vec<(u32, u32)>,
    records: Vec<(u32, u32)>,
}

impl Pack {
    /// The pack of the schemas that are built in.
    pub fn builtin() -> &'static Pack {
        static PACK: LazyLock<Pack> = LazyLock::new(|| {
            let bytes = include_bytes!("../../../schemas/catalogue.bin");
            Pack::open(bytes).unwrap_or_else(Pack::empty)
        });
        &PACK
    }

    fn empty() -> Pack {
        Pack { bytes: &[], blocks: Vec::new(), contents: Vec::new(), nodes: Vec::new(), kinds: Vec::new() }
    }

    /// Opens a pack; `None` if the bytes are none.
    pub fn open(bytes: &'static [u8]) -> Option<Pack> {
        let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let mut table = Reader { bytes: bytes.get(4..4 + length)?, strings: None };
        let nodes = table.count()?;
        let count = table.count()?;
        let mut start = 4 + length;
        let mut blocks = Vec::with_capacity(count + 1);
        for _ in 0..=count {
            let first = table.id()?;
            let compressed = table.varint()? as usize;
            let length = table.varint()? as usize;
            blocks.push(BlockPlace { first, start, compressed, length });
            start += compressed;
        }
        let index = decompress(bytes, blocks.pop()?)?;
        let mut kinds = Vec::with_capacity(index.records.len());
        for record in 0..index.records.len() {
            kinds.push(index.reader(record)?.kind()?);
        }
        Some(Pack {
            bytes,
            contents: blocks.iter().map(|_| OnceLock::new()).collect(),
            blocks,
            nodes: (0..nodes).map(|_| OnceLock::new()).collect(),
            kinds,
        })
    }

    /// Every kind, in the order of the pack.
    pub fn kinds(&self) -> &[KindEntry] {
        &self.kinds
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing in the pack.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of a number.
    pub fn node(&self, id: NodeId) -> Option<&SchemaNode> {
        let slot = self.nodes.get(id as usize)?;
        slot.get_or_init(|| {
            let index = self.blocks.partition_point(|place| place.first <= id).checked_sub(1)?;
            let place = *self.blocks.get(index)?;
            let block = self.contents.get(index)?.get_or_init(|| decompress(self.bytes, place)).as_ref()?;
            block.reader((id - place.first) as usize)?.node().map(Box::new)
        })
        .as_deref()
    }
}

fn decompress(bytes: &[u8], place: BlockPlace) -> Option<Block> {
    let frame = bytes.get(place.start..place.start + place.compressed)?;
    let bytes = zstd::bulk::decompress(frame, place.length).ok()?;
    let total = bytes.len();
    let mut reader = Reader { bytes: &bytes, strings: None };
    let mut ranges = || -> Option<Vec<(u32, u32)>> {
        let count = reader.count()?;
        let mut ranges = Vec::with_capacity(count);
        for _ in 0..count {
            let length = reader.count()?;
            let start = total - reader.bytes.len();
            reader.take(length)?;
            ranges.push((start as u32, (start + length) as u32));
        }
        Some(ranges)
    };
    let strings = ranges()?;
    let records = ranges()?;
    Some(Block { bytes, strings, records })
}

impl Block {
    fn reader(&self, record: usize) -> Option<Reader<'_>> {
        let (start, end) = *self.records.get(record)?;
        Some(Reader { bytes: self.bytes.get(start as usize..end as usize)?, strings: Some(self) })
    }

    fn string(&self, index: usize) -> Option<&str> {
        let (start, end) = *self.strings.get(index)?;
        std::str::from_utf8(self.bytes.get(start as usize..end as usize)?).ok()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    strings: Option<&'a Block>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn id(&mut self) -> Option<NodeId> {
        NodeId::try_from(self.varint()?).ok()
    }

    /// A number of things that follow: no pack holds millions of anything.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|count| *count < 1 << 24)
    }

    fn string(&mut self) -> Option<SmolStr> {
        let index = self.count()?;
        self.strings?.string(index).map(SmolStr::new)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        (0..count).map(|_| item(self)).collect()
    }

    fn kind(&mut self) -> Option<KindEntry> {
        let (group, version, kind, plural) = (self.string()?, self.string()?, self.string()?, self.string()?);
        let flags = self.byte()?;
        let minors = self.byte()?;
        let root = self.id()?;
        Some(KindEntry {
            group,
            version,
            kind,
            plural,
            namespaced: flags & 1 != 0,
            served: flags & 2 != 0,
            deprecated: flags & 4 != 0,
            minors,
            root,
        })
    }

    fn node(&mut self) -> Option<SchemaNode> {
        let types = Types(self.byte()?);
        let flags = Flags(self.varint()? as u16);
        let parts = self.varint()?;
        let has = |place: u32| parts & (1 << place) != 0;
        let mut node = SchemaNode { types, flags, ..SchemaNode::default() };
        if has(0) {
            node.properties = self.list(|reader| Some((reader.string()?, reader.id()?)))?;
        }
        if has(1) {
            node.required = self.list(Reader::string)?;
        }
        if has(2) {
            node.additional = Some(self.id()?);
        }
        if has(3) {
            node.items = Some(self.id()?);
        }
        if has(4) {
            node.format = self.string()?;
        }
        if has(5) {
            node.list_type = match self.byte()? {
                1 => ListType::Atomic,
                2 => ListType::Set,
                3 => ListType::Map,
                _ => ListType::Unset,
            };
        }
        if has(6) {
            node.list_keys = self.list(Reader::string)?;
        }
        if has(7) {
            node.patch_strategy = self.string()?;
        }
        if has(8) {
            node.patch_merge_key = self.string()?;
        }
        if has(9) {
            node.default = Some(self.string()?);
        }
        if has(10) {
            node.limits = Some(Box::new(self.limits()?));
        }
        if has(11) {
            let all_of = self.list(Reader::id)?;
            let any_of = self.list(Reader::id)?;
            let one_of = self.list(Reader::id)?;
            let not = self.id()?.checked_sub(1);
            node.junctors = Some(Box::new(Junctors { all_of, any_of, one_of, not }));
        }
        if has(12) {
            node.cel = self.list(|reader| {
                Some(CelRule {
                    rule: Expression::new(reader.string()?),
                    message: reader.string()?,
                    message_expression: Expression::new(reader.string()?),
                    field_path: reader.string()?,
                    reason: reader.string()?,
                    optional_old_self: reader.byte()? != 0,
                })
            })?;
        }
        Some(node)
    }

    fn limits(&mut self) -> Option<Limits> {
        let parts = self.varint()?;
        let has = |place: u32| parts & (1 << place) != 0;
        let mut limits = Limits::default();
        for (place, slot) in [&mut limits.minimum, &mut limits.maximum, &mut limits.multiple_of].into_iter().enumerate()
        {
            if has(place as u32) {
                *slot = Some(Bits(u64::from_le_bytes(self.take(8)?.try_into().ok()?)));
            }
        }
        let counts = [
            &mut limits.min_length,
            &mut limits.max_length,
            &mut limits.min_items,
            &mut limits.max_items,
            &mut limits.min_properties,
            &mut limits.max_properties,
        ];
        for (place, slot) in counts.into_iter().enumerate() {
            if has(place as u32 + 3) {
                *slot = Some(self.id()?);
            }
        }
        if has(9) {
            limits.pattern = Some(Pattern::new(self.string()?));
        }
        if has(10) {
            limits.values = self.list(|reader| match reader.byte()? {
                0 => Some(EnumValue::Text(reader.string()?)),
                _ => Some(EnumValue::Json(reader.string()?)),
            })?;
        }
        Some(limits)
    }
}
