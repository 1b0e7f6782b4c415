//! The table of all keywords, for people.

use std::fmt::Write as _;

use super::{
    keyword::{Fate, Keyword, Refusal},
    table::KEYWORDS,
};

/// One row of Markdown for each keyword, by name: what becomes of it, and what is to be said of that.
pub fn keywords_in_markdown() -> String {
    let mut keywords: Vec<&Keyword> = KEYWORDS.iter().collect();
    keywords.sort_by_key(|keyword| keyword.name);
    let mut text = String::new();
    for keyword in keywords {
        let (fate, note) = match &keyword.fate {
            Fate::Honoured(note) => ("honoured", (*note).to_owned()),
            Fate::Harmless(why) => ("harmless", (*why).to_owned()),
            Fate::Refused(Refusal { fine, partly: true, would, .. }) => {
                ("honoured", format!("{}; anything else is **refused**: it {would}", quoted(fine)))
            }
            Fate::Refused(Refusal { fine: [], would, .. }) => ("**refused**", format!("it {would}")),
            Fate::Refused(Refusal { fine, would, .. }) => {
                ("**refused**", format!("unless it is {}: it {would}", quoted(fine)))
            }
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "| `{}` | {fate} | {note} |", keyword.name);
    }
    text
}

fn quoted(words: &[&str]) -> String {
    let words = words.iter().map(|word| match *word {
        "true" => "`yes`".to_owned(),
        "false" => "`no`".to_owned(),
        word => format!("`{word}`"),
    });
    words.collect::<Vec<_>>().join(", ")
}
