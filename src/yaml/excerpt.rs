//! The line of a file that a problem points at, with a caret below. Bounded, printable, without secrets.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Span;
use crate::sensitive;

/// The most characters of the line that are shown.
const WIDEST: usize = 110;
/// What is between a name and its value: in YAML a colon, in an INI inventory an equals sign.
const SEPARATORS: [char; 2] = [':', '='];
/// The most separators of a line that are examined; anything after more of them is not shown.
const MOST_SEPARATORS: usize = 60;
/// What follows one of these is encrypted.
const VAULT: [&str; 2] = ["!vault", super::VAULT];
/// Characters kept before the place in a longer line.
const BEFORE: usize = 40;

/// The excerpt, or `None` when the place is outside the text or its line is empty.
pub fn render(span: &Span) -> Option<String> {
    if span.source.sealed {
        return None;
    }
    let text = &span.source.text;
    let head = text.get(..span.start)?;
    let begin = head.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(begin..)?.lines().next().unwrap_or("");
    if line.trim().is_empty() {
        return None;
    }
    // A place may be the end of the line itself.
    let from = (span.start - begin).min(line.len());
    let to = (span.end - begin).clamp(from, line.len());
    let line = if in_secret_block(&text[..begin], line) { "***".to_owned() } else { masked(line) };
    let (line, range) = window(&line, from, to);
    let snippet = Snippet::source(&line).line_start(span.line as usize).annotation(AnnotationKind::Primary.span(range));
    let rendered =
        Renderer::plain().term_width(WIDEST + 20).render(&[Group::with_level(Level::ERROR).element(snippet)]);
    Some(rendered.trim_end().to_owned())
}

/// Whether the line belongs to a block (`key: |`) that is the value of a secret. `above` are the lines before it.
fn in_secret_block(above: &str, line: &str) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut least = indent(line);
    for line in above.lines().rev().filter(|line| !line.trim().is_empty()) {
        if indent(line) >= least {
            continue;
        }
        least = indent(line);
        let block = |at: usize| line[at..].trim_start().starts_with(['|', '>']);
        if behind_secret(line).is_some_and(|colon| block(colon + 1)) || behind_vault(line).is_some_and(block) {
            return true;
        }
    }
    false
}

/// Where the separator after the first name of a secret is.
fn behind_secret(line: &str) -> Option<usize> {
    // Names and separators are near the beginning, and the work is quadratic.
    let mut all = line.match_indices(SEPARATORS).map(|(at, _)| at).take(MOST_SEPARATORS);
    let found = all.find(|at| sensitive::name(&line[..*at]));
    found.or_else(|| line.match_indices(SEPARATORS).nth(MOST_SEPARATORS).map(|(at, _)| at))
}

/// Where an encrypted value begins.
fn behind_vault(line: &str) -> Option<usize> {
    VAULT.iter().filter_map(|mark| line.find(mark).map(|at| at + mark.len())).min()
}

/// The line with its secrets masked: what follows a secret's name, and what is encrypted.
fn masked(line: &str) -> String {
    if let Some(at) = behind_vault(line).filter(|at| behind_secret(line).is_none_or(|colon| colon > *at)) {
        let block = line[at..].trim_start().starts_with(['|', '>']) || line[at..].trim().is_empty();
        return if block { line.to_owned() } else { format!("{} ***", &line[..at]) };
    }
    match behind_secret(line) {
        Some(at) if !line[at + 1..].trim().is_empty() => {
            let (name, value) = line.split_at(at);
            if value.starts_with('=') { format!("{name}=***") } else { format!("{name}: ***") }
        }
        // An address with a login or a query.
        _ => match line.find("://") {
            Some(at) if line[at..].contains(['@', '?']) => format!("{}***", &line[..at + 3]),
            _ => line.to_owned(),
        },
    }
}

/// At most [`WIDEST`] characters around the place, with control characters replaced, and the place in them, in bytes.
fn window(line: &str, from: usize, to: usize) -> (String, std::ops::Range<usize>) {
    let before = line.char_indices().take_while(|(at, _)| *at < from).count();
    let skipped = if line.chars().count() > WIDEST { before.saturating_sub(BEFORE) } else { 0 };
    let mut shown = String::new();
    let (mut start, mut end) = (None, None);
    if skipped > 0 {
        shown.push('…');
    }
    for (at, c) in line.char_indices().skip(skipped).take(WIDEST) {
        if at >= from && start.is_none() {
            start = Some(shown.len());
        }
        if at >= to && end.is_none() {
            end = Some(shown.len());
        }
        shown.push(if crate::command::shows(c) { c } else { ' ' });
    }
    let whole = shown.len();
    if line.chars().count() > skipped + WIDEST {
        shown.push('…');
    }
    let start = start.unwrap_or(whole);
    (shown, start..end.unwrap_or(whole).max(start))
}
