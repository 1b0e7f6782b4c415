//! A text without the parts that differ from host to host, so that hosts with the same trouble share a line.

/// The text with `…` instead of the host's own name (full or short), numbers and fingerprints.
pub fn shape(text: &str, host: &str) -> String {
    let mut text = without(text, host);
    let short = host.split('.').next().unwrap_or(host);
    if short.parse::<u64>().is_err() {
        text = without(&text, short);
    }
    let mut shape = String::with_capacity(text.len());
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            shape.push(' ');
        }
        match word.find("SHA256:") {
            Some(at) => shape.push_str(&format!("{}SHA256:…", without_numbers(&word[..at]))),
            // An address with its port is one thing.
            None => shape.push_str(&without_numbers(word).replace("[…]:…", "…").replace("…:…", "…")),
        }
    }
    shape
}

/// Removes numbers, with the dots between them: an address counts as one number.
fn without_numbers(word: &str) -> String {
    let (mut shape, mut chars) = (String::with_capacity(word.len()), word.chars().peekable());
    while let Some(c) = chars.next() {
        if !c.is_ascii_digit() {
            shape.push(c);
            continue;
        }
        shape.push('…');
        let mut rest = chars.clone();
        loop {
            match rest.next() {
                Some(c) if c.is_ascii_digit() => chars = rest.clone(),
                Some('.') if rest.peek().is_some_and(char::is_ascii_digit) => {}
                _ => break,
            }
        }
    }
    shape
}

/// The text without this name where it is a whole word: not the `a` in `failed`.
fn without(text: &str, name: &str) -> String {
    let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    if name.is_empty() {
        return text.to_owned();
    }
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let last = before.chars().next_back().or_else(|| kept.chars().next_back());
        let alone = !last.is_some_and(inside) && !after.chars().next().is_some_and(inside);
        kept.push_str(before);
        kept.push_str(if alone { "…" } else { name });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_hosts_own_goes_and_the_rest_stays() {
        for (text, host, expected) in [
            ("the name web01.example.com cannot be resolved", "web01.example.com", "the name … cannot be resolved"),
            ("web01: no answer on web01-db", "web01.example.com", "…: no answer on web…-db"),
            ("a failed at a", "a", "… failed at …"),
            ("10.0.0.17:2222 refused the connection", "x", "… refused the connection"),
            ("3.5 GiB, 12. try", "7", "… GiB, …. try"),
            ("key of [10.0.0.1]:22: ssh-ed25519 SHA256:aB3/x+", "x", "key of …: ssh-ed… SHA256:…"),
            ("", "", ""),
        ] {
            assert_eq!(shape(text, host), expected, "{text}");
        }
    }
}
