//! Python's string literals: prefixes, triple quotes, escapes, several in a row. Start at [`strings`].

/// The text of the string literals at the beginning of `source`, joined, and how many bytes they take.
pub fn strings(source: &str) -> Option<(String, usize)> {
    let (mut text, mut at) = one(source)?;
    loop {
        let rest = &source[at..];
        let after = rest.trim_start_matches([' ', '\t']);
        match one(after) {
            Some((more, length)) => {
                text.push_str(&more);
                at += rest.len() - after.len() + length;
            }
            None => return Some((text, at)),
        }
    }
}

/// One literal. Formatted strings (`f''`) are not values.
fn one(source: &str) -> Option<(String, usize)> {
    let prefix = source.find(['\'', '"']).filter(|at| *at <= 2)?;
    let (raw, bytes) = match source[..prefix].to_ascii_lowercase().as_str() {
        "" | "u" => (false, false),
        "r" => (true, false),
        "b" => (false, true),
        "br" | "rb" => (true, true),
        _ => return None,
    };
    let inside = &source[prefix..];
    let quote = &inside[..1];
    let triple = quote.repeat(3);
    let close = if inside.starts_with(&triple) { triple.as_str() } else { quote };
    let body = &inside[close.len()..];
    let mut text = String::new();
    let mut rest = body;
    loop {
        if let Some(after) = rest.strip_prefix(close) {
            let length = prefix + close.len() + body.len() - after.len();
            return (!bytes || text.is_ascii()).then_some((text, length));
        }
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            text.push(c);
            continue;
        }
        let escaped = rest.chars().next()?;
        if raw {
            text.push('\\');
            text.push(escaped);
            rest = &rest[escaped.len_utf8()..];
        } else {
            let (value, length) = escape(rest, bytes)?;
            text.push_str(&value);
            rest = &rest[length..];
        }
    }
}

/// What follows a backslash, and how many bytes of it belong to the escape.
fn escape(rest: &str, bytes: bool) -> Option<(String, usize)> {
    let c = rest.chars().next()?;
    let code = |digits: usize| {
        let text = rest.get(1..=digits)?;
        let valid = text.bytes().all(|b| b.is_ascii_hexdigit());
        let c = char::from_u32(u32::from_str_radix(text, 16).ok().filter(|_| valid)?)?;
        Some((c.to_string(), digits + 1))
    };
    let plain = |text: &str| Some((text.to_owned(), c.len_utf8()));
    match c {
        '\\' | '\'' | '"' => plain(&c.to_string()),
        'a' => plain("\u{7}"),
        'b' => plain("\u{8}"),
        'f' => plain("\u{c}"),
        'n' => plain("\n"),
        'r' => plain("\r"),
        't' => plain("\t"),
        'v' => plain("\u{b}"),
        '0'..='7' => {
            let digits = rest.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let c = char::from_u32(u32::from_str_radix(&rest[..digits], 8).ok()?)?;
            Some((c.to_string(), digits))
        }
        'x' => code(2),
        'u' if !bytes => code(4),
        'U' if !bytes => code(8),
        // The names of characters are not known here.
        'N' if !bytes => None,
        other => Some((format!("\\{other}"), other.len_utf8())),
    }
}
