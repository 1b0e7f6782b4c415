//! Where the tags of a template (`{{ … }}`, `{% … %}`, `{# … #}`) begin and end, without parsing what is in them.

use std::ops::Range;

use super::TemplateError;

/// True when the text may be a template.
pub(super) fn holds_tag(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|tag| text.contains(tag))
}

/// True when a tag begins at byte `at`.
pub(super) fn begins_at(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    bytes.get(at) == Some(&b'{') && matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#'))
}

/// The end (exclusive) of the tag that begins at byte `at`. Strings and brackets inside are skipped, as the engine
/// does.
pub(super) fn end_of(text: &str, at: usize) -> Result<usize, TemplateError> {
    let bytes = text.as_bytes();
    let unclosed = || TemplateError::at("template syntax: this tag is never closed", at..(at + 2).min(text.len()));
    let closing: &[u8] = match bytes.get(at + 1) {
        Some(b'#') => return text[at..].find("#}").map(|length| at + length + 2).ok_or_else(unclosed),
        Some(b'%') => b"%}",
        _ => b"}}",
    };
    let (mut depth, mut i) = (0_usize, at + 2);
    while i < bytes.len() {
        if depth == 0 && bytes[i..].starts_with(closing) {
            return Ok(i + 2);
        }
        match bytes[i] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            quote @ (b'"' | b'\'') => i = end_of_string(bytes, i, quote).ok_or_else(unclosed)?,
            _ => {}
        }
        i += 1;
    }
    Err(unclosed())
}

/// The position of the quote that closes the string that begins at `at`.
pub(super) fn end_of_string(bytes: &[u8], at: usize, quote: u8) -> Option<usize> {
    let mut i = at + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 1,
            b if b == quote => return Some(i),
            _ => {}
        }
        i += 1;
    }
    None
}

/// The inside of a text that is exactly one `{{ … }}`.
pub(super) fn lone_expression(text: &str) -> Option<&str> {
    let text = text.trim();
    if !text.starts_with("{{") || end_of(text, 0).ok()? != text.len() {
        return None;
    }
    let inside = &text[2..text.len() - 2];
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    Some(inside.strip_suffix(['-', '+']).unwrap_or(inside))
}

/// The ranges of all `{{ … }}` and `{% … %}`.
pub(super) fn all(text: &str) -> Result<Vec<Range<usize>>, TemplateError> {
    let (mut found, mut i) = (Vec::new(), 0);
    while let Some(offset) = text[i..].find('{') {
        i += offset;
        if begins_at(text, i) {
            let end = end_of(text, i)?;
            if text.as_bytes()[i + 1] != b'#' {
                found.push(i..end);
            }
            i = end;
        } else {
            i += 1;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_ends_where_the_engine_ends_it() {
        for (text, end) in [
            ("{{ a }} b", 7),
            ("{{ {'a': {'b': 1}} }}x", 21),
            ("{{ '}}' }}x", 10),
            ("{{ \"\\\"}}\" }}x", 12),
            ("{% if a == '%}' %}x", 18),
            ("{# '}} #}x", 9),
        ] {
            assert_eq!(end_of(text, 0).unwrap(), end, "{text}");
        }
        for bad in ["{{ a", "{{ 'a }}", "{% x }}", "{# }}", "{{ ( }}"] {
            assert!(end_of(bad, 0).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_one_whole_tag_is_a_lone_expression() {
        assert_eq!(lone_expression(" {{- a | b -}} "), Some(" a | b "));
        for text in ["{{ a }}{{ b }}", "x{{ a }}", "{{ a }}x", "{% a %}", "", "{{ a"] {
            assert_eq!(lone_expression(text), None, "{text}");
        }
    }
}
