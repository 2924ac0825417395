//! Nodes and kinds in, the bytes of a pack out. Used where the pack is generated, and by tests.

use std::collections::HashMap;

use smol_str::SmolStr;

use super::KindEntry;
use crate::schema::node::{EnumValue, ListType, NodeId, SchemaNode};

/// Bytes of records after which a block ends.
const BLOCK_BYTES: usize = 40 * 1024;

/// Writes a pack of `nodes` and `kinds`. Nodes are numbered anew, in the order in which the kinds reach them.
///
/// # Errors
/// Those of the compressor.
pub fn write(nodes: &[SchemaNode], kinds: &[KindEntry], level: i32) -> std::io::Result<Vec<u8>> {
    let (order, numbers) = number(nodes, kinds);
    let mut blocks: Vec<(NodeId, Vec<u8>)> = Vec::new();
    let mut block = Block::default();
    let mut first = 0;
    for (position, &old) in order.iter().enumerate() {
        block.node(&nodes[old as usize], &numbers);
        if block.records.len() >= BLOCK_BYTES {
            blocks.push((first, std::mem::take(&mut block).finish()));
            first = position as NodeId + 1;
        }
    }
    if block.count > 0 {
        blocks.push((first, block.finish()));
    }
    let mut index = Block::default();
    for kind in kinds {
        index.kind(kind, numbers[kind.root as usize]);
    }
    let index = index.finish();

    let mut table = Vec::new();
    let mut frames = Vec::new();
    varint(&mut table, order.len() as u64);
    varint(&mut table, blocks.len() as u64);
    for (first, bytes) in blocks.iter().map(|(first, bytes)| (*first, bytes)).chain([(0, &index)]) {
        let frame = zstd::bulk::compress(bytes, level)?;
        varint(&mut table, u64::from(first));
        varint(&mut table, frame.len() as u64);
        varint(&mut table, bytes.len() as u64);
        frames.extend_from_slice(&frame);
    }
    let mut out = (table.len() as u32).to_le_bytes().to_vec();
    out.extend_from_slice(&table);
    out.extend_from_slice(&frames);
    Ok(out)
}

/// The nodes that the kinds reach, in order, and the new number of each old one.
fn number(nodes: &[SchemaNode], kinds: &[KindEntry]) -> (Vec<NodeId>, Vec<NodeId>) {
    const UNSEEN: NodeId = NodeId::MAX;
    let mut order = Vec::new();
    let mut numbers = vec![UNSEEN; nodes.len()];
    let mut stack = Vec::new();
    for kind in kinds {
        stack.push(kind.root);
        while let Some(id) = stack.pop() {
            if numbers[id as usize] != UNSEEN {
                continue;
            }
            numbers[id as usize] = order.len() as NodeId;
            order.push(id);
            let node = &nodes[id as usize];
            let mut children: Vec<NodeId> = node.properties.iter().map(|(_, id)| *id).collect();
            children.extend(node.additional);
            children.extend(node.items);
            if let Some(junctors) = &node.junctors {
                children.extend(&junctors.all_of);
                children.extend(&junctors.any_of);
                children.extend(&junctors.one_of);
                children.extend(junctors.not);
            }
            stack.extend(children.into_iter().rev());
        }
    }
    (order, numbers)
}

#[derive(Default)]
struct Block {
    strings: Vec<SmolStr>,
    places: HashMap<SmolStr, u64>,
    records: Vec<u8>,
    count: u64,
}

impl Block {
    fn string(&mut self, out: &mut Vec<u8>, text: &SmolStr) {
        let next = self.strings.len() as u64;
        let place = *self.places.entry(text.clone()).or_insert(next);
        if place == next {
            self.strings.push(text.clone());
        }
        varint(out, place);
    }

    fn record(&mut self, record: &[u8]) {
        varint(&mut self.records, record.len() as u64);
        self.records.extend_from_slice(record);
        self.count += 1;
    }

    fn kind(&mut self, kind: &KindEntry, root: NodeId) {
        let mut out = Vec::new();
        for text in [&kind.group, &kind.version, &kind.kind, &kind.plural] {
            self.string(&mut out, text);
        }
        let flags = u8::from(kind.namespaced) | u8::from(kind.served) << 1 | u8::from(kind.deprecated) << 2;
        out.extend_from_slice(&[flags, kind.minors]);
        varint(&mut out, u64::from(root));
        self.record(&out);
    }

    fn node(&mut self, node: &SchemaNode, numbers: &[NodeId]) {
        let mut out = vec![node.types.0];
        varint(&mut out, u64::from(node.flags.0));
        // One bit for each part that is there.
        let parts = [
            !node.properties.is_empty(),
            !node.required.is_empty(),
            node.additional.is_some(),
            node.items.is_some(),
            !node.format.is_empty(),
            node.list_type != ListType::Unset,
            !node.list_keys.is_empty(),
            !node.patch_strategy.is_empty(),
            !node.patch_merge_key.is_empty(),
            node.default.is_some(),
            node.limits.is_some(),
            node.junctors.is_some(),
            !node.cel.is_empty(),
        ];
        varint(&mut out, bits(&parts));
        let to = |id: NodeId| u64::from(numbers[id as usize]);
        if parts[0] {
            varint(&mut out, node.properties.len() as u64);
            for (name, id) in &node.properties {
                self.string(&mut out, name);
                varint(&mut out, to(*id));
            }
        }
        if parts[1] {
            self.strings_of(&mut out, &node.required);
        }
        for id in [node.additional, node.items].into_iter().flatten() {
            varint(&mut out, to(id));
        }
        if parts[4] {
            self.string(&mut out, &node.format);
        }
        if parts[5] {
            out.push(match node.list_type {
                ListType::Unset => 0,
                ListType::Atomic => 1,
                ListType::Set => 2,
                ListType::Map => 3,
            });
        }
        if parts[6] {
            self.strings_of(&mut out, &node.list_keys);
        }
        if parts[7] {
            self.string(&mut out, &node.patch_strategy);
        }
        if parts[8] {
            self.string(&mut out, &node.patch_merge_key);
        }
        if let Some(default) = &node.default {
            self.string(&mut out, default);
        }
        if let Some(limits) = &node.limits {
            let numbers = [limits.minimum, limits.maximum, limits.multiple_of];
            let counts = [
                limits.min_length,
                limits.max_length,
                limits.min_items,
                limits.max_items,
                limits.min_properties,
                limits.max_properties,
            ];
            let mut parts: Vec<bool> = numbers.iter().map(Option::is_some).collect();
            parts.extend(counts.iter().map(Option::is_some));
            parts.push(limits.pattern.is_some());
            parts.push(!limits.values.is_empty());
            varint(&mut out, bits(&parts));
            for number in numbers.into_iter().flatten() {
                out.extend_from_slice(&number.0.to_le_bytes());
            }
            for count in counts.into_iter().flatten() {
                varint(&mut out, u64::from(count));
            }
            if let Some(pattern) = &limits.pattern {
                self.string(&mut out, &pattern.text);
            }
            if !limits.values.is_empty() {
                varint(&mut out, limits.values.len() as u64);
                for value in &limits.values {
                    let (tag, text) = match value {
                        EnumValue::Text(text) => (0, text),
                        EnumValue::Json(text) => (1, text),
                    };
                    out.push(tag);
                    self.string(&mut out, text);
                }
            }
        }
        if let Some(junctors) = &node.junctors {
            for list in [&junctors.all_of, &junctors.any_of, &junctors.one_of] {
                varint(&mut out, list.len() as u64);
                for id in list {
                    varint(&mut out, to(*id));
                }
            }
            varint(&mut out, junctors.not.map_or(0, |id| to(id) + 1));
        }
        if parts[12] {
            varint(&mut out, node.cel.len() as u64);
            for rule in &node.cel {
                for text in
                    [&rule.rule.text, &rule.message, &rule.message_expression.text, &rule.field_path, &rule.reason]
                {
                    self.string(&mut out, text);
                }
                out.push(u8::from(rule.optional_old_self));
            }
        }
        self.record(&out);
    }

    fn strings_of(&mut self, out: &mut Vec<u8>, texts: &[SmolStr]) {
        varint(out, texts.len() as u64);
        for text in texts {
            self.string(out, text);
        }
    }

    fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        varint(&mut out, self.strings.len() as u64);
        for text in &self.strings {
            varint(&mut out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        varint(&mut out, self.count);
        out.extend_from_slice(&self.records);
        out
    }
}

fn bits(parts: &[bool]) -> u64 {
    parts.iter().enumerate().fold(0, |bits, (place, part)| bits | u64::from(*part) << place)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
