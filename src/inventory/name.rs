//! The name of a host as an inventory writes it: with ranges expanded and the port after it removed. Knows no variable
//! and no file. Start at [`hosts`].
//!
//! Source: Ansible's `lib/ansible/parsing/utils/addresses.py`, `parse_address`. Where Ansible reads a port as part of
//! the name, or a range as a port, the name is refused here: it could reach another machine.

use super::range;
use crate::names;

/// Why a text names no hosts.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub why: String,
    pub help: Option<String>,
}

/// The hosts that a key of `hosts:` names, and the port that it gives all of them.
///
/// # Errors
/// A bad range, a number that is not a port, or a text that Ansible does not read as people do.
pub fn hosts(text: &str) -> Result<(Vec<String>, Option<u16>), Wrong> {
    let (pattern, port) = split(text)?;
    let names = range::expand(pattern).map_err(|why| Wrong { why, help: None })?;
    let odd = |name: &&String| name_of_port(name).is_some() && !names::is_ipv6(name);
    match names.iter().find(odd) {
        Some(name) => Err(no_port(name, "Ansible reads no port here, because the name has more than one colon")),
        None => Ok((names, port)),
    }
}

/// The pattern and the port after it.
fn split(text: &str) -> Result<(&str, Option<u16>), Wrong> {
    if let Some(inside) = text.strip_prefix('[') {
        // A bare address in brackets cannot be anything else.
        if let Some(address) = inside.strip_suffix(']').filter(|address| names::is_ipv6(address)) {
            return Ok((address, None));
        }
        if let Some((rest, digits)) = name_of_port(inside)
            && let Some(inner) = rest.strip_suffix(']')
            && is_bracketed(inner)
        {
            let port = port(digits)?;
            return match names::is_ipv6(inner) || is_pattern(inner) || is_ipv6_range(inner) {
                true => Ok((inner, Some(port))),
                false => Err(no_port(text, "Ansible reads these brackets as a range or as a second port")),
            };
        }
    }
    match name_of_port(text) {
        Some((name, digits)) if !has_bare_colon(name) => {
            let port = port(digits)?;
            match is_pattern(name) {
                true => Ok((name, Some(port))),
                false => Err(no_port(text, "Ansible reads all of it as the name, without a port")),
            }
        }
        _ => Ok((text, None)),
    }
}

/// The text before `:digits` at the end, and the digits.
fn name_of_port(text: &str) -> Option<(&str, &str)> {
    let (name, digits) = text.rsplit_once(':')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some((name, digits))
}

fn port(digits: &str) -> Result<u16, Wrong> {
    digits
        .parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Wrong { why: format!("`:{digits}` is not a port from 1 to 65535"), help: None })
}

fn no_port(text: &str, why: &str) -> Wrong {
    Wrong {
        why: format!("`{text}`: {why}"),
        help: Some("write the name alone, and the port as a variable: `web01: { ansible_port: 2222 }`".to_owned()),
    }
}

/// Whether the opening bracket, already removed, is closed by the last one and not by one inside `inner`.
fn is_bracketed(inner: &str) -> bool {
    let mut depth = 0;
    for c in inner.chars() {
        match c {
            '[' => depth += 1,
            ']' if depth == 0 => return false,
            ']' => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}

/// Whether there is a colon outside all brackets.
fn has_bare_colon(text: &str) -> bool {
    let mut inside = false;
    text.chars().any(|c| {
        inside = c == '[' || inside && c != ']';
        c == ':' && !inside
    })
}

/// Ansible's `hostname` (and `ipv4`, which is one): labels of letters, digits, `_`, `-` and ranges, none of which ends
/// with `_` or `-`.
fn is_pattern(text: &str) -> bool {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let Some(length) = rest[open..].find(']') else { return false };
        let ends = rest[open + 1..open + length].split(':').collect::<Vec<_>>();
        // Here Ansible wants both ends of a range.
        if !(2..=3).contains(&ends.len()) || ends.iter().any(|end| end.is_empty()) {
            return false;
        }
        plain.push_str(&rest[..open]);
        plain.push('0');
        rest = &rest[open + length + 1..];
    }
    plain.push_str(rest);
    plain.split('.').all(|label| {
        let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        !label.is_empty() && label.bytes().all(fine) && !label.starts_with('-') && !label.ends_with(['-', '_'])
    })
}

/// `2001:db8::[1:3]`: the first name of the range is an address.
fn is_ipv6_range(text: &str) -> bool {
    text.contains('[') && range::expand(text).is_ok_and(|names| names.iter().all(|name| names::is_ipv6(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ansible-core 2.19 makes of each, by `InventoryManager`; `None` where we refuse what it reads oddly.
    #[test]
    fn names_and_ports_are_those_of_ansible() {
        for (text, expected) in [
            ("web", Some(("web", None))),
            ("web:22", Some(("web", Some(22)))),
            ("WEB:022", Some(("WEB", Some(22)))),
            ("web[01:02].example.com:2201", Some(("web01.example.com web02.example.com", Some(2201)))),
            ("web[01:02]:2201", Some(("web01 web02", Some(2201)))),
            ("a[1:2]b[x:y].c:9", Some(("a1bx.c a1by.c a2bx.c a2by.c", Some(9)))),
            ("10.0.0.1:1222", Some(("10.0.0.1", Some(1222)))),
            ("10.0.0.[1:2]:22", Some(("10.0.0.1 10.0.0.2", Some(22)))),
            ("[10.0.0.1]:22", Some(("10.0.0.1", Some(22)))),
            ("999.1.1.1:22", Some(("999.1.1.1", Some(22)))),
            ("[web]:22", Some(("web", Some(22)))),
            ("[web[01:02]]:22", Some(("web01 web02", Some(22)))),
            ("fe80::1", Some(("fe80::1", None))),
            ("2001:db8::1:22", Some(("2001:db8::1:22", None))),
            ("fe80::1%eth0", Some(("fe80::1%eth0", None))),
            ("[fe80::1]:2222", Some(("fe80::1", Some(2222)))),
            ("2001:db8::[a:c]", Some(("2001:db8::a 2001:db8::b 2001:db8::c", None))),
            ("[2001:db8::[1:3]]:22", Some(("2001:db8::1 2001:db8::2 2001:db8::3", Some(22)))),
            ("u@h", Some(("u@h", None))),
            ("dc1:web01", Some(("dc1:web01", None))),
            ("web:x", Some(("web:x", None))),
            // Ansible refuses these two; they mean one thing only.
            ("[fe80::1]", Some(("fe80::1", None))),
            ("[fe80::1%eth0]:22", Some(("fe80::1%eth0", Some(22)))),
            // Ansible: `1` on port 3; `a:22`, `b:22`, `c:22`; `web` on port 22.
            ("[1:3]:22", None),
            ("[a:c]:22", None),
            ("[web:22]:33", None),
            // Ansible: all of it is the name.
            ("u@h:22", None),
            ("user@h[1:2]:22", None),
            ("host_:22", None),
            ("-web:22", None),
            ("dc1:web:22", None),
            ("web[:2]:22", None),
            (":22", None),
            // Ansible: no port, and port 70000.
            ("web:0", None),
            ("web:70000", None),
            ("[fe80::1]:0", None),
            ("[fe80::1]x:22", None),
            ("[fe80::1]x", None),
        ] {
            let got = hosts(text).ok().map(|(names, port)| (names.join(" "), port));
            assert_eq!(got, expected.map(|(names, port)| (names.to_owned(), port)), "{text}");
        }
    }
}
