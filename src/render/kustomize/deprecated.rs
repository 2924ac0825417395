//! Fields of a kustomization that kustomize reads and no longer wants, and how to say the same with those it wants.
//!
//! What comes out are edits of the text, so that comments and format stay. They say the same by kustomize's rules but for
//! the order in which patches and labels are applied, which shows only in what is rendered.

use crate::finding::{Edit, Replacement};
use crate::origin::Mark;
use crate::yaml::{Entry, Mapping, Node, Scalar, Style};

/// A deprecated field that a kustomization uses.
pub(crate) struct Deprecated {
    /// Its name.
    pub(crate) field: &'static str,
    /// The field that says the same.
    pub(crate) instead: &'static str,
    /// Its key.
    pub(crate) mark: Mark,
    /// How to say it; `None` where a person has to.
    pub(crate) edits: Option<Vec<Edit>>,
}

/// The deprecated fields of the kustomization `root`, which is read from `text`. `is_file`: whether a path names a file.
pub(crate) fn deprecated(root: &Node, text: &str, is_file: &dyn Fn(&str) -> bool) -> Vec<Deprecated> {
    let Some(mapping) = root.as_mapping() else { return Vec::new() };
    let source = Source { text, mapping, block: !mapping.flow };
    let mut found = Vec::new();
    // A field that one fix adds is there for the next only when the file is read again.
    let mut added: Vec<&str> = Vec::new();
    let mut note = |field: &'static str, instead: &'static str, edits: &dyn Fn(&Entry) -> Option<Vec<Edit>>| {
        let Some(entry) = mapping.entry(field).filter(|entry| !entry.value.is_null()) else { return };
        let adds = mapping.entry(instead).is_none();
        let edits = if adds && added.contains(&instead) { None } else { edits(entry).filter(|_| source.block) };
        if adds && edits.is_some() {
            added.push(instead);
        }
        found.push(Deprecated { field, instead, mark: entry.key.mark(), edits });
    };
    note("bases", "resources", &|entry| source.moved(entry, "resources"));
    note("imageTags", "images", &|entry| source.moved(entry, "images"));
    note("patchesStrategicMerge", "patches", &|entry| source.merges(entry, is_file));
    note("patchesJson6902", "patches", &|entry| source.moved(entry, "patches"));
    note("commonLabels", "labels", &|entry| source.common_labels(entry));
    note("vars", "replacements", &|_| None);
    note("helmChartInflationGenerator", "helmCharts", &|entry| source.charts(entry));
    for generators in ["configMapGenerator", "secretGenerator"] {
        for item in mapping.get(generators).map_or(&[][..], Node::items) {
            let Some(entry) = item.as_mapping().and_then(|item| item.entry("env")) else { continue };
            let edits = (item.get("envs").is_none()).then(|| source.listed(entry)).flatten();
            found.push(Deprecated { field: "env", instead: "envs", mark: entry.key.mark(), edits });
        }
    }
    found
}

/// The fields of a chart in `helmChartInflationGenerator`, and what `helmCharts` calls them; `None` where kustomize reads
/// them no more.
const CHART_FIELDS: [(&str, Option<&str>); 10] = [
    ("chartName", Some("name")),
    ("chartVersion", Some("version")),
    ("chartRepoUrl", Some("repo")),
    ("values", Some("valuesFile")),
    ("valuesLocal", Some("valuesInline")),
    ("chartHome", None),
    ("chartRepoName", None),
    ("helmBin", None),
    ("releaseNamespace", None),
    ("extraArgs", None),
];

/// A kustomization and its text.
struct Source<'s> {
    text: &'s str,
    mapping: &'s Mapping,
    block: bool,
}

/// An item of a block list: the lines above it that belong to none, and its own, without indent and dash.
struct Item {
    above: Vec<String>,
    lines: Vec<String>,
}

impl Source<'_> {
    fn raw(&self, mark: Mark) -> &str {
        self.text.get(mark.start as usize..mark.end as usize).unwrap_or_default()
    }

    /// The bytes of an entry's lines, the last line break included.
    fn lines_of(&self, entry: &Entry) -> (usize, usize) {
        let start = self.text[..entry.key.mark().start as usize].rfind('\n').map_or(0, |at| at + 1);
        let end = entry.value.mark().end.max(entry.key.mark().end) as usize;
        if self.text[..end].ends_with('\n') {
            return (start, end);
        }
        (start, self.text[end..].find('\n').map_or(self.text.len(), |at| end + at + 1))
    }

    fn edit(&self, near: Mark, start: usize, end: usize, new: String) -> Edit {
        Edit { mark: Mark { start: start as u32, end: end as u32, ..near }, text: Replacement::Raw(new) }
    }

    /// The items of a list and the column of its dashes; of a list in brackets its scalars, and no column.
    fn items(&self, entry: &Entry) -> Option<(Vec<Item>, Option<usize>)> {
        let sequence = entry.value.as_sequence().filter(|sequence| !sequence.items.is_empty())?;
        if sequence.flow {
            let one_line = |item: &Node| item.as_scalar().is_some() && !self.raw(item.mark()).contains('\n');
            let items = sequence.items.iter().map(|item| {
                one_line(item).then(|| Item { above: Vec::new(), lines: vec![self.raw(item.mark()).to_owned()] })
            });
            return Some((items.collect::<Option<Vec<Item>>>()?, None));
        }
        let (start, end) = self.lines_of(entry);
        let lines: Vec<&str> = self.text[start..end].lines().skip(1).collect();
        let indent_of = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let first = lines.iter().find(|line| line.trim_start().starts_with('-'))?;
        let indent = indent_of(first);
        let mut items: Vec<Item> = Vec::new();
        let mut above = Vec::new();
        for line in lines {
            let content = line.trim_start_matches(' ');
            let is_item = indent_of(line) == indent && (content == "-" || content.starts_with("- "));
            if is_item {
                let own = content.strip_prefix("- ").unwrap_or_default().to_owned();
                items.push(Item { above: std::mem::take(&mut above), lines: vec![own] });
            } else if indent_of(line) > indent || content.is_empty() {
                match items.last_mut() {
                    Some(item) => item.lines.push(line.get(indent..).unwrap_or_default().to_owned()),
                    None => above.push(content.to_owned()),
                }
            } else if content.starts_with('#') {
                above.push(content.to_owned());
            } else {
                return None;
            }
        }
        (items.len() == sequence.items.len()).then_some((items, Some(indent)))
    }

    /// Moves the items of `entry` behind those of the list `to`, or renames the field.
    fn moved(&self, entry: &Entry, to: &str) -> Option<Vec<Edit>> {
        entry.value.as_sequence()?;
        match self.mapping.entry(to) {
            None => {
                let mark = entry.key.mark();
                Some(vec![Edit { mark, text: Replacement::Raw(to.to_owned()) }])
            }
            Some(target) => {
                let (items, _) = self.items(entry)?;
                self.put(entry, target, &items, false)
            }
        }
    }

    /// Takes `entry` away, and puts `items` into the list `target`: before what is there, or behind it.
    fn put<'i>(&self, entry: &Entry, target: &Entry, items: &'i [Item], before: bool) -> Option<Vec<Edit>> {
        let (start, end) = self.lines_of(entry);
        let gone = self.edit(entry.key.mark(), start, end, String::new());
        let sequence = target.value.as_sequence().filter(|sequence| !sequence.items.is_empty())?;
        if sequence.flow {
            let one_line = |item: &'i Item| match &item.lines[..] {
                [line] => Some(line.trim()),
                _ => None,
            };
            let words: Vec<&str> = items.iter().map(one_line).collect::<Option<_>>()?;
            let simple = words.iter().all(|word| !word.contains(['{', '[', '#', ',', '\n', ':']));
            if before || !simple {
                return None;
            }
            let at = sequence.items.last()?.mark().end as usize;
            return Some(vec![gone, self.edit(target.key.mark(), at, at, format!(", {}", words.join(", ")))]);
        }
        let (_, indent) = self.items(target)?;
        let (_, last) = self.lines_of(target);
        let at = match before {
            true => {
                let first = sequence.items.first()?.mark().start as usize;
                self.text[..first].rfind('\n').map_or(0, |at| at + 1)
            }
            false => last,
        };
        let mut new = written(items, indent?);
        if at > 0 && !self.text[..at].ends_with('\n') {
            new.insert(0, '\n');
        }
        Some(vec![gone, self.edit(target.key.mark(), at, at, new)])
    }

    /// `patchesStrategicMerge` as `patches`.
    fn merges(&self, entry: &Entry, is_file: &dyn Fn(&str) -> bool) -> Option<Vec<Edit>> {
        let (mut items, indent) = self.items(entry)?;
        for (item, node) in items.iter_mut().zip(entry.value.items()) {
            let scalar = node.as_scalar()?;
            item.lines = as_patch(scalar, std::mem::take(&mut item.lines), is_file)?;
        }
        if let Some(target) = self.mapping.entry("patches") {
            return self.put(entry, target, &items, true);
        }
        let (start, end) = self.lines_of(entry);
        let comment = match entry.value.as_sequence().is_some_and(|sequence| sequence.flow) {
            true => "",
            false => self.text[entry.key.mark().end as usize..end].lines().next()?.strip_prefix(':')?,
        };
        let new = format!("patches:{comment}\n{}", written(&items, indent.unwrap_or(0)));
        Some(vec![self.edit(entry.key.mark(), start, end, new)])
    }

    /// `commonLabels` as an entry of `labels`.
    fn common_labels(&self, entry: &Entry) -> Option<Vec<Edit>> {
        let pairs = entry.value.as_mapping().filter(|pairs| !pairs.entries.is_empty())?;
        let labels = self.mapping.entry("labels");
        let said = |key: &str| {
            let items = labels.map_or(&[][..], |labels| labels.value.items());
            items.iter().any(|item| item.get("pairs").is_some_and(|pairs| pairs.get(key).is_some()))
        };
        if pairs.entries.iter().any(|pair| said(pair.key_text())) {
            return None;
        }
        let (start, end) = self.lines_of(entry);
        let mut lines = Vec::new();
        if !pairs.flow {
            let text: Vec<&str> = self.text[start..end].lines().skip(1).collect();
            let content = |line: &&&str| !line.trim().is_empty();
            let indent = text.iter().filter(content).map(|line| line.len() - line.trim_start().len()).min()?;
            lines.push("pairs:".to_owned());
            lines.extend(text.iter().map(|line| match line.get(indent..) {
                Some(line) if !line.is_empty() => format!("    {line}"),
                _ => String::new(),
            }));
        } else {
            lines.push(format!("pairs: {}", self.raw(entry.value.mark())));
        }
        lines.push("  includeSelectors: true".to_owned());
        let items = [Item { above: Vec::new(), lines }];
        match labels {
            Some(target) => self.put(entry, target, &items, false),
            None => {
                let new = format!("labels:\n{}", written(&items, 0));
                Some(vec![self.edit(entry.key.mark(), start, end, new)])
            }
        }
    }

    /// `helmChartInflationGenerator` as `helmCharts`, and the directory of the charts as `helmGlobals`.
    fn charts(&self, entry: &Entry) -> Option<Vec<Edit>> {
        let list = entry.value.as_sequence().filter(|list| !list.flow && !list.items.is_empty())?;
        if self.mapping.entry("helmCharts").is_some() || self.mapping.entry("helmGlobals").is_some() {
            return None;
        }
        let renamed = |entry: &Entry, to: &str| Edit { mark: entry.key.mark(), text: Replacement::Raw(to.to_owned()) };
        let mut edits = vec![renamed(entry, "helmCharts")];
        let mut homes: Vec<&str> = Vec::new();
        for chart in &list.items {
            let chart = chart.as_mapping().filter(|chart| !chart.flow)?;
            let first = chart.entries.first()?.key_text();
            for field in &chart.entries {
                let key = field.key_text();
                match key {
                    "chartHome" => homes.push(self.raw(field.value.mark())),
                    "helmHome" => return None,
                    _ => {}
                }
                match CHART_FIELDS.iter().find(|(old, _)| *old == key) {
                    Some((_, Some(new))) => edits.push(renamed(field, new)),
                    // The dash stands before the first field.
                    Some((_, None)) if key == first => return None,
                    Some((_, None)) => {
                        let (start, end) = self.lines_of(field);
                        edits.push(self.edit(field.key.mark(), start, end, String::new()));
                    }
                    None => {}
                }
            }
        }
        homes.dedup();
        match homes[..] {
            [] => {}
            // The last one counts for all, so they must agree.
            [home] => {
                let (_, end) = self.lines_of(entry);
                let line = if self.text[..end].ends_with('\n') { "" } else { "\n" };
                edits.push(self.edit(entry.key.mark(), end, end, format!("{line}helmGlobals:\n  chartHome: {home}\n")));
            }
            _ => return None,
        }
        Some(edits)
    }

    /// `env: FILE` as `envs: [FILE]`.
    fn listed(&self, entry: &Entry) -> Option<Vec<Edit>> {
        let value = entry.value.mark();
        let raw = self.raw(value);
        entry.value.as_scalar().filter(|_| !raw.is_empty() && !raw.contains(['\n', ',', '[', ']', '{', '}']))?;
        Some(vec![
            Edit { mark: entry.key.mark(), text: Replacement::Raw("envs".to_owned()) },
            Edit { mark: value, text: Replacement::Raw(format!("[{raw}]")) },
        ])
    }
}

/// The lines of an item of `patchesStrategicMerge` as those of an item of `patches`.
fn as_patch(scalar: &Scalar, lines: Vec<String>, is_file: &dyn Fn(&str) -> bool) -> Option<Vec<String>> {
    let mut lines = lines.into_iter();
    let first = lines.next()?.trim_start().to_owned();
    match scalar.style {
        Style::Literal | Style::Folded => {
            // A number there counts blanks, which are other ones now.
            let header = first.split('#').next().unwrap_or_default();
            if header.contains(|c: char| c.is_ascii_digit()) {
                return None;
            }
            let text: Vec<String> = lines.collect();
            let content = text.iter().filter(|line| !line.trim().is_empty());
            let indent = content.map(|line| line.len() - line.trim_start_matches(' ').len()).min()?;
            let more = " ".repeat(4usize.saturating_sub(indent));
            let moved = text.iter().map(|line| if line.is_empty() { String::new() } else { format!("{more}{line}") });
            Some(std::iter::once(format!("patch: {first}")).chain(moved).collect())
        }
        _ => {
            let rest: Vec<String> = lines.collect();
            let alone = rest.iter().all(|line| line.trim().is_empty());
            (alone && is_file(&scalar.text)).then(|| std::iter::once(format!("path: {first}")).chain(rest).collect())
        }
    }
}

/// The text of a block list whose dashes are at `indent`.
fn written(items: &[Item], indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut text = String::new();
    for item in items {
        let above = item.above.iter().map(String::as_str);
        let mut own = item.lines.iter();
        let first = own.next().map_or(String::new(), |line| format!("- {line}"));
        for line in above.chain([first.as_str()]).chain(own.map(String::as_str)) {
            if !line.trim().is_empty() {
                text.push_str(&margin);
                text.push_str(line);
            }
            text.push('\n');
        }
    }
    text
}
