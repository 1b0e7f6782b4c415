//! Where the texts of a playbook are written, so that a text that is wrong on some host is pointed at in the file.
//! Knows no template and no value. Start at [`Written::place`].

use std::ops::Range;

use crate::yaml::{Node, Span, Value};

/// Every text of a playbook with its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written(Vec<(String, Span)>);

impl Written {
    /// The texts below a node.
    pub(super) fn below(node: &Node) -> Self {
        let mut written = Self::default();
        written.add(node);
        written
    }

    fn add(&mut self, node: &Node) {
        match &node.value {
            Value::String(text) => self.0.push((text.clone(), node.span.clone())),
            Value::Seq(items) => items.iter().for_each(|item| self.add(item)),
            Value::Map(entries) => entries.iter().for_each(|(_, item)| self.add(item)),
            _ => {}
        }
    }

    /// Where `range` of a text stands, or the whole text. Of a text that several steps have, the first place.
    pub fn place(&self, text: &str, range: Range<usize>) -> Option<Span> {
        if let Some((text, span)) = self.0.iter().find(|(written, _)| written == text) {
            return Some(place(span, text, Some(range)));
        }
        // The conditions of a list are joined, each in brackets.
        self.0.iter().find_map(|(part, span)| {
            let at = text.find(&format!("({part})"))? + 1;
            let inside = range.start.checked_sub(at)?..range.end.checked_sub(at)?;
            (inside.end <= part.len()).then(|| place(span, part, Some(inside)))
        })
    }
}

/// The place of `range` of `text`, which stands at `whole`, when that part of it is in the file as it is.
pub(super) fn place(whole: &Span, text: &str, range: Option<Range<usize>>) -> Span {
    let whole = whole.clone();
    let written = whole.source.text.get(whole.start..whole.end).unwrap_or_default();
    let Some(found) = range.and_then(|range| offset(written, text, range)) else { return whole };
    let before = &written[..found.start];
    let column = match before.rfind('\n') {
        Some(newline) => before[newline + 1..].chars().count() as u32 + 1,
        None => whole.column + before.chars().count() as u32,
    };
    Span {
        line: whole.line + before.matches('\n').count() as u32,
        column,
        start: whole.start + found.start,
        end: whole.start + found.end,
        source: whole.source,
    }
}

/// Where `range` of `text` is in `written`, which is the text itself with quotes around it, or a block of indented
/// lines. Escaped and folded texts have no such place.
fn offset(written: &str, text: &str, range: Range<usize>) -> Option<Range<usize>> {
    text.get(range.clone()).filter(|part| !part.is_empty())?;
    if let Some(at) = written.find(text) {
        return Some(at + range.start..at + range.end);
    }
    let line_start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[range.start..].find('\n').map_or(text.len(), |length| range.start + length);
    let at = written.find(&text[line_start..line_end])?;
    Some(at + range.start - line_start..at + range.end.min(line_end) - line_start)
}
