//! An error or a warning on the terminal: its headings have colours, and its lines are broken between words. Excerpts
//! of files stay as they are: what is marked below a line must stay below it.

use super::{Paint, text};

/// Words before a colon that head a paragraph.
const BAD: [&str; 1] = ["error"];
const MINOR: [&str; 1] = ["warning"];
const HELP: [&str; 2] = ["help", "tip"];

/// The text for a screen of `width` columns; `None`: lines stay whole, as for a file.
pub fn complaint(text: &str, paint: Paint, width: Option<u16>) -> String {
    let lines: Vec<String> = text.lines().map(|line| one(line, paint, width)).collect();
    lines.join("\n")
}

fn one(line: &str, paint: Paint, width: Option<u16>) -> String {
    let inner = line.trim_start();
    let indent = &line[..line.len() - inner.len()];
    let whole = match width {
        Some(width) if !is_excerpt(inner) => text::wrap_behind(indent, &format!("{indent}  "), inner, width.into()),
        _ => line.to_owned(),
    };
    let Some((head, rest)) = whole.trim_start().split_once(':') else { return whole };
    let painted = match () {
        () if BAD.contains(&head) => paint.bad(&format!("{head}:")),
        () if MINOR.contains(&head) => paint.warn(&format!("{head}:")),
        () if HELP.contains(&head) => paint.strong(&format!("{head}:")),
        () => return whole,
    };
    format!("{indent}{painted}{rest}")
}

/// `5 | a line of a file`, or what stands below one.
fn is_excerpt(inner: &str) -> bool {
    inner.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "error: a.yml:5:74: on web[001-004].test: `nope` is undefined
  |
5 |     precheck: { services: \"{{ nope }}\" }
  |                               ^^^^
  help: give it a value in the inventory, or write `nope | default(…)`";

    #[test]
    fn prose_is_broken_between_words_and_excerpts_are_not() {
        insta::assert_snapshot!(complaint(TEXT, Paint::plain(), Some(40)), @r#"
        error: a.yml:5:74: on
          web[001-004].test: `nope` is undefined
          |
        5 |     precheck: { services: "{{ nope }}" }
          |                               ^^^^
          help: give it a value in the
            inventory, or write
            `nope | default(…)`
        "#);
        assert_eq!(complaint(TEXT, Paint::plain(), None), TEXT);
    }

    #[test]
    fn headings_have_colours() {
        let paint = Paint::decide(super::super::Colour::Always, true, |_| None);
        let painted = complaint(TEXT, paint, None);
        assert!(painted.starts_with("\u{1b}[31m\u{1b}[1merror:\u{1b}[0m a.yml"), "{painted:?}");
        assert!(painted.contains("\n  \u{1b}[1mhelp:\u{1b}[0m give"), "{painted:?}");
        assert_eq!(complaint("note: error: x", paint, None), "note: error: x");
    }
}
