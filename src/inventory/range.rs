//! `web[01:20]`, `[a:f]`, `[01:20:2]`, several in one name: Ansible's host ranges, expanded within a bound.
//! Source: Ansible's `lib/ansible/plugins/inventory/__init__.py`, `expand_hostname_range`.

/// The most hosts that one inventory may have.
pub const MOST_HOSTS: usize = 1_000_000;

/// All names that `pattern` means; the first range changes slowest. A name without ranges means itself.
///
/// # Errors
/// Why it is not a valid range, in a few words.
pub fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let mut pieces: Vec<Vec<String>> = Vec::new();
    let mut rest = pattern;
    let mut total = 1usize;
    while let Some(open) = rest.find('[') {
        let close = rest[open..].find(']').ok_or("a `[` is never closed")? + open;
        if open > 0 {
            pieces.push(vec![rest[..open].to_owned()]);
        }
        let words = range(&rest[open + 1..close])?;
        total = total.saturating_mul(words.len());
        if total > MOST_HOSTS {
            return Err(format!("this range has more than {MOST_HOSTS} hosts"));
        }
        pieces.push(words);
        rest = &rest[close + 1..];
    }
    if !rest.is_empty() {
        pieces.push(vec![rest.to_owned()]);
    }
    let mut names = vec![String::new()];
    for words in &pieces {
        names = names.iter().flat_map(|name| words.iter().map(move |word| format!("{name}{word}"))).collect();
    }
    Ok(names)
}

/// The inside of one pair of brackets.
fn range(text: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (first, last, step) = match parts.as_slice() {
        [first, last] => (*first, *last, "1"),
        [first, last, step] => (*first, *last, *step),
        _ => return Err(format!("`[{text}]` is not a valid range: write [first:last] or [first:last:step]")),
    };
    let first = if first.is_empty() { "0" } else { first };
    let step: usize = step.parse().ok().filter(|n| *n > 0).ok_or(format!("`{step}` is not a valid step of a range"))?;
    let words = match (letter(first), letter(last)) {
        (Some(from), Some(to)) => {
            (from..=to).step_by(step).map(|at| char::from(LETTERS[at]).to_string()).collect::<Vec<_>>()
        }
        _ => numbers(first, last, step)?,
    };
    if words.is_empty() {
        return Err(format!("the range `[{text}]` ends before it begins"));
    }
    Ok(words)
}

fn numbers(first: &str, last: &str, step: usize) -> Result<Vec<String>, String> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse::<usize>().ok()).flatten();
        number.ok_or_else(|| format!("`{text}` is neither a number nor a letter"))
    };
    let (from, to) = (number(first)?, number(last)?);
    let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
    if width > 0 && width != last.len() {
        return Err(format!("both ends of `[{first}:{last}]` must have the same number of digits"));
    }
    if to.saturating_sub(from) / step >= MOST_HOSTS {
        return Err(format!("this range has more than {MOST_HOSTS} hosts"));
    }
    Ok((from..=to).step_by(step).map(|n| format!("{n:0width$}")).collect())
}

/// Ansible's letters: lower case, then upper case.
const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn letter(text: &str) -> Option<usize> {
    let [byte] = text.as_bytes() else { return None };
    LETTERS.iter().position(|letter| letter == byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (pattern, names) in [
            ("web", "web"),
            ("web[1:3]", "web1 web2 web3"),
            ("web[08:11].x", "web08.x web09.x web10.x web11.x"),
            ("web[01:06:2]", "web01 web03 web05"),
            ("db-[a:c]", "db-a db-b db-c"),
            ("[a:b][1:2]", "a1 a2 b1 b2"),
            ("[:2]x", "0x 1x 2x"),
            ("r[y:B]", "ry rz rA rB"),
            ("n[5:5]", "n5"),
            ("n[9:10]", "n9 n10"),
        ] {
            assert_eq!(expand(pattern).unwrap().join(" "), names, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_range() {
        for (pattern, why) in [
            ("web[1:3", "a `[` is never closed"),
            ("web[1]", "`[1]` is not a valid range: write [first:last] or [first:last:step]"),
            ("web[3:1]", "the range `[3:1]` ends before it begins"),
            ("web[b:a]", "the range `[b:a]` ends before it begins"),
            ("web[01:100]", "both ends of `[01:100]` must have the same number of digits"),
            ("web[1:]", "`` is neither a number nor a letter"),
            ("web[1:x]", "`x` is neither a number nor a letter"),
            ("web[-1:3]", "`-1` is neither a number nor a letter"),
            ("web[1:3:0]", "`0` is not a valid step of a range"),
            ("web[1:1000001]", "this range has more than 1000000 hosts"),
            ("w[0:99999][0:99999]", "this range has more than 1000000 hosts"),
            ("w[0:18446744073709551615]", "this range has more than 1000000 hosts"),
        ] {
            assert_eq!(expand(pattern).unwrap_err(), why, "{pattern}");
        }
    }
}
