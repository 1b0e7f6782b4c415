//! Many host names in a short form: `web[01-20,23].example.com,db1`, and back. Knows names as text only. Start at
//! [`fold`].

use std::{collections::HashMap, fmt::Write as _, ops::RangeInclusive};

use crate::host::HostName;

/// The most names that [`expand`] makes.
const MOST: usize = 1_000_000;

/// A set of names in the short form. Each name appears once; names that differ in one number share a bracket, in the
/// order of their numbers; groups are in the order of their first names.
pub fn fold(names: &[HostName]) -> String {
    let mut groups: Vec<((&str, &str), Vec<&str>)> = Vec::new();
    let mut index: HashMap<(&str, &str, bool), usize> = HashMap::new();
    for name in names {
        let (head, number, tail) = split(name.as_str());
        // `c` and `c0` share a head but not a bracket.
        let at = *index.entry((head, tail, number.is_empty())).or_insert_with(|| {
            groups.push(((head, tail), Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(number);
    }
    let mut folded = String::new();
    for ((head, tail), mut numbers) in groups {
        numbers.sort_by_key(|text| (value(text), text.len()));
        numbers.dedup();
        if !folded.is_empty() {
            folded.push(',');
        }
        // Names without a number: `number` is empty, and there is only one of them.
        let inside = if numbers.len() > 1 { format!("[{}]", runs(&numbers)) } else { numbers[0].to_owned() };
        let _ = write!(folded, "{head}{inside}{tail}");
    }
    folded
}

/// The names that [`fold`] has put into `text`.
///
/// # Errors
/// Text that `fold` does not write, or more than a million names.
pub fn expand(text: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let open = rest.find(['[', ',']).unwrap_or(rest.len());
        if !rest[open..].starts_with('[') {
            names.push(rest[..open].to_owned());
            rest = rest.get(open + 1..).unwrap_or("");
            continue;
        }
        let close = open + rest[open..].find(']').ok_or("a `[` is never closed")?;
        let end = close + rest[close..].find(',').unwrap_or(rest.len() - close);
        for run in rest[open + 1..close].split(',') {
            let (from, to) = run.split_once('-').unwrap_or((run, run));
            let range = bounds(from, to).ok_or_else(|| format!("`{run}` is not a range of numbers"))?;
            if names.len() as u64 + (range.end() - range.start()) >= MOST as u64 {
                return Err(format!("more than {MOST} names"));
            }
            let width = from.len();
            names.extend(range.map(|n| format!("{}{n:0width$}{}", &rest[..open], &rest[close + 1..end])));
        }
        rest = rest.get(end + 1..).unwrap_or("");
    }
    Ok(names)
}

/// Whether [`fold`] may have written this between two brackets: `01-20,23`, `1,3`, never one number alone.
pub fn is_folded(inside: &str) -> bool {
    let run = |run: &str| match run.split_once('-') {
        None => bounds(run, run).is_some(),
        // Leading zeros on the left are on the right too.
        Some((from, to)) => {
            bounds(from, to).is_some_and(|range| range.start() < range.end())
                && to.len() >= from.len()
                && (to.len() == from.len() || !to.starts_with('0') && !from.starts_with('0'))
        }
    };
    inside.contains(['-', ',']) && inside.split(',').all(run)
}

/// True for an IPv6 address without brackets, with a zone (`%eth0`) or without: its colons separate nothing.
pub fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !zone.is_empty() && zone.bytes().all(fine) && address.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Head, number and tail. The number is the last one before the first dot, or the last one of an address.
fn split(name: &str) -> (&str, &str, &str) {
    let label = if name.parse::<std::net::IpAddr>().is_ok() { name } else { name.split('.').next().unwrap_or(name) };
    let Some(last) = label.rfind(|c: char| c.is_ascii_digit()) else { return (name, "", "") };
    let first = label[..last].trim_end_matches(|c: char| c.is_ascii_digit()).len();
    // Longer numbers do not fit into 64 bits; hexadecimal parts of an address are not numbers.
    if last + 1 - first > 18 || name.contains(':') {
        return (name, "", "");
    }
    (&name[..first], &name[first..=last], &name[last + 1..])
}

fn value(digits: &str) -> u64 {
    digits.parse().unwrap_or(0)
}

/// `01-20,23` for sorted numbers without repetition.
fn runs(numbers: &[&str]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < numbers.len() {
        let first = numbers[at];
        let width = first.len();
        let mut last = at;
        while last + 1 < numbers.len() && numbers[last + 1] == format!("{:0width$}", value(numbers[last]) + 1) {
            last += 1;
        }
        let comma = if text.is_empty() { "" } else { "," };
        let _ = match last - at {
            0 => write!(text, "{comma}{first}"),
            _ => write!(text, "{comma}{first}-{}", numbers[last]),
        };
        at = last + 1;
    }
    text
}

fn bounds(from: &str, to: &str) -> Option<RangeInclusive<u64>> {
    let digits = |s: &str| !s.is_empty() && s.len() <= 18 && s.bytes().all(|b| b.is_ascii_digit());
    let number = |s: &str| digits(s).then(|| s.parse::<u64>().ok()).flatten();
    let range = number(from)?..=number(to)?;
    (range.start() <= range.end()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<HostName> {
        text.split_whitespace().map(|name| HostName::new(name).unwrap()).collect()
    }

    #[test]
    fn names_fold_by_their_number() {
        for (text, folded) in [
            ("", ""),
            ("db1", "db1"),
            ("web01.x web02.x web03.x web05.x db1", "web[01-03,05].x,db1"),
            ("web9 web10 web11", "web[9-11]"),
            ("web09 web10 web1", "web[1,09-10]"),
            ("10.0.0.1 10.0.0.2", "10.0.0.[1-2]"),
            ("a b a", "a,b"),
            ("web2 web1 web2", "web[1-2]"),
            ("fe80::1 fe80::2", "fe80::1,fe80::2"),
            ("ip-10-0-0-7.eu ip-10-0-0-8.eu", "ip-10-0-0-[7-8].eu"),
            ("x99999999999999999999 x2", "x99999999999999999999,x2"),
            ("ü1 ü2 日本3 日本4", "ü[1-2],日本[3-4]"),
        ] {
            assert_eq!(fold(&names(text)), folded);
        }
    }

    #[test]
    fn text_that_is_no_fold_is_refused() {
        for bad in ["web[1-3", "web[3-1]", "web[a-b]", "web[1-99999999]", "w[99999999999999999999]", "w[]"] {
            assert!(expand(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn expanding_gives_the_same_names_back(texts in proptest::collection::vec("[a-c]{1,2}[0-9]{0,3}(\\.[a-b][0-9]?)?", 0..40)) {
            let names: Vec<HostName> = texts.iter().map(|text| HostName::new(text).unwrap()).collect();
            let mut expanded = expand(&fold(&names)).unwrap();
            expanded.sort();
            let mut expected = texts;
            expected.sort();
            expected.dedup();
            proptest::prop_assert_eq!(expanded, expected);
        }

        #[test]
        fn what_is_folded_is_known_as_such(numbers in proptest::collection::btree_set(0u32..120, 2..20), wide in proptest::bool::ANY) {
            let width = if wide { 3 } else { 0 };
            let names: Vec<HostName> =
                numbers.iter().map(|n| HostName::new(&format!("web{n:0width$}.x")).unwrap()).collect();
            let text = fold(&names);
            let inside = text.split(['[', ']']).nth(1).unwrap();
            proptest::prop_assert!(is_folded(inside), "{}", text);
        }

        #[test]
        fn expanding_never_panics(text in "[a0-9,\\[\\]-]{0,30}") {
            let _ = expand(&text);
        }
    }
}
