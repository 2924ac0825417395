//! Gives what was read from rendered text the origins of the templates and values that made it.
//!
//! Text that stands in a template is from there. What one value made is from where that value was written, with the
//! template's line on its trail; so is each field of a map that `toYaml` wrote. Anything else is from the action's line,
//! with the values on its trail.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chart::ChartFile;
use super::engine::Printed;
use crate::origin::{Mark, Origin, Step};
use crate::render::template::{Segment, SegmentKind, Value};
use crate::yaml::{Node, Value as Yaml};

/// The templates of a release by name: their places.
pub(super) type Sources = BTreeMap<Arc<str>, Arc<ChartFile>>;

/// The place in the template of a byte of its output.
pub(super) fn place(printed: &Printed, at: u32) -> Mark {
    match segment_at(&printed.segments, at) {
        Some(segment) if *segment.template == *printed.name => {
            let behind = at.saturating_sub(segment.at);
            match segment.kind {
                SegmentKind::Text => printed.file.mark(segment.start + behind, segment.start + behind + 1),
                SegmentKind::Action { .. } => printed.file.mark(segment.start, segment.end),
            }
        }
        _ => Mark::file(printed.file.id),
    }
}

fn segment_at(segments: &[Segment], at: u32) -> Option<&Segment> {
    segments.get(segments.partition_point(|segment| segment.at <= at).checked_sub(1)?)
}

/// Sets the origins of `node`, which was read from the output of `printed` at `base`.
pub(super) fn locate(node: &mut Node, printed: &Printed, base: u32, sources: &Sources) {
    let mapper = Mapper { printed, base, sources };
    mapper.walk(node, None);
}

struct Mapper<'p> {
    printed: &'p Printed,
    base: u32,
    sources: &'p Sources,
}

impl Mapper<'_> {
    /// `known` is the value that the node is the text of, and where that came from.
    fn walk(&self, node: &mut Node, known: Option<(Value, Origin)>) {
        let (start, end) = (self.base + node.origin.mark.start, self.base + node.origin.mark.end);
        let whole = known.as_ref().map(|(value, _)| value.clone()).or_else(|| self.whole_at(start));
        node.origin = match &known {
            Some((_, origin)) if origin.mark.is_some() => self.through(origin, start),
            _ => match node.value {
                Yaml::Scalar(_) => self.span(start, end),
                _ => self.span(start, start + 1),
            },
        };
        match &mut node.value {
            Yaml::Scalar(_) => {}
            Yaml::Sequence(sequence) => {
                let list = match &whole {
                    Some(Value::List(list)) if list.items().len() == sequence.items.len() => Some(list.clone()),
                    _ => None,
                };
                for (index, item) in sequence.items.iter_mut().enumerate() {
                    let known = list.as_ref().and_then(|list| {
                        let value = list.items().get(index)?.clone();
                        Some((value, list.origin(index).cloned().unwrap_or(Origin::NONE)))
                    });
                    self.walk(item, known);
                }
            }
            Yaml::Mapping(mapping) => {
                for entry in &mut mapping.entries {
                    let at = self.base + entry.key.origin.mark.start;
                    let map = match &whole {
                        Some(Value::Map(map)) => Some(map.clone()),
                        _ => match self.whole_at(at) {
                            Some(Value::Map(map)) => Some(map),
                            _ => None,
                        },
                    };
                    let known = map.and_then(|map| map.get_with_origin(entry.key_text()));
                    self.walk(&mut entry.key, known.clone().map(|(_, origin)| (Value::Nil, origin)));
                    self.walk(&mut entry.value, known);
                }
            }
        }
    }

    /// The value that the action at `at` wrote out whole.
    fn whole_at(&self, at: u32) -> Option<Value> {
        match &segment_at(&self.printed.segments, at)?.kind {
            SegmentKind::Action { whole, .. } => whole.clone(),
            SegmentKind::Text => None,
        }
    }

    fn mark_of(&self, segment: &Segment, start: u32, end: u32) -> Mark {
        match self.sources.get(&segment.template) {
            Some(file) => file.mark(start, end),
            None => Mark::file(self.printed.file.id),
        }
    }

    /// `origin`, with the template's line at `at` as the last step.
    fn through(&self, origin: &Origin, at: u32) -> Origin {
        match segment_at(&self.printed.segments, at) {
            Some(segment) => {
                let mark = self.mark_of(segment, segment.start, segment.end);
                origin.then(mark, format!("template {}", self.printed.name))
            }
            None => origin.clone(),
        }
    }

    /// The origin of the output from `start` to `end`.
    fn span(&self, start: u32, end: u32) -> Origin {
        let segments = &self.printed.segments;
        let Some(first) = segments.partition_point(|segment| segment.at <= start).checked_sub(1) else {
            return Origin::at(Mark::file(self.printed.file.id));
        };
        let behind = segments.partition_point(|segment| segment.at < end.max(start + 1));
        let covering = &segments[first..behind.max(first + 1)];
        let head = &covering[0];
        if let ([segment], SegmentKind::Text) = (covering, &head.kind) {
            let from = segment.start + (start - segment.at);
            return Origin::at(self.mark_of(segment, from, from + (end - start)));
        }
        let mut origins: Vec<&Origin> = Vec::new();
        let mut only_values = true;
        for (index, segment) in covering.iter().enumerate() {
            match &segment.kind {
                SegmentKind::Text => {
                    let from = segment.at.max(start) as usize;
                    let to = covering.get(index + 1).map_or(end, |next| next.at).min(end) as usize;
                    let text = self.printed.text.get(from..to).unwrap_or_default();
                    only_values &= text.trim().trim_matches(['"', '\'']).is_empty();
                }
                SegmentKind::Action { origins: read, .. } => {
                    for origin in read {
                        if !origins.iter().any(|known| known.mark == origin.mark) {
                            origins.push(origin);
                        }
                    }
                }
            }
        }
        let template = match head.kind {
            SegmentKind::Text => {
                let from = head.start + (start - head.at);
                self.mark_of(head, from, from + 1)
            }
            SegmentKind::Action { .. } => self.mark_of(head, head.start, head.end),
        };
        match origins.as_slice() {
            [origin] if only_values => origin.then(template, format!("template {}", self.printed.name)),
            origins => {
                let mut trail: Option<Arc<Step>> = None;
                for origin in origins.iter().take(8) {
                    let what = Arc::from("value that the template reads");
                    trail = Some(Arc::new(Step { mark: origin.mark, what, follows: None, before: trail }));
                }
                Origin { mark: template, trail }
            }
        }
    }
}
