//! Patterns with `*` and `?`, and comma-separated lists of them with `!`.
//! Source: PATTERNS in ssh_config(5).

/// Whether `pattern` matches the whole of `text`. Linear in both, except for stars.
pub(crate) fn matches(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut t, mut p) = (0, 0);
    // Where to go back to: the last star, and how much of the text it has matched.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    t = swallowed + 1;
                    p = at + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// Whether a list matches a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// A negated pattern matches: no, whatever else matches.
    Excluded,
    /// A pattern matches.
    Yes,
    /// None matches.
    No,
}

/// Matches `text` against a comma-separated list; with `lower`, the list is taken in lower case.
pub(crate) fn listed(text: &str, list: &str, lower: bool) -> Listed {
    let mut found = Listed::No;
    for pattern in list.split(',') {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        let hit = if lower { matches(text, &pattern.to_ascii_lowercase()) } else { matches(text, pattern) };
        if hit && negated {
            return Listed::Excluded;
        }
        if hit {
            found = Listed::Yes;
        }
    }
    found
}

/// [`listed`] for host names, which have no case.
pub(crate) fn lists_host(host: &str, list: &str) -> bool {
    listed(&host.to_ascii_lowercase(), list, true) == Listed::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (text, pattern, want) in [
            ("web1", "web1", true),
            ("web1", "web?", true),
            ("web", "web?", false),
            ("web1.example.com", "*.example.com", true),
            ("example.com", "*.example.com", false),
            ("aXbXc", "a*b*c", true),
            ("aXbXd", "a*b*c", false),
            ("", "*", true),
            ("", "", true),
            ("", "?", false),
            ("abc", "***", true),
            ("ab", "*?b", true),
        ] {
            assert_eq!(matches(text, pattern), want, "{text} {pattern}");
        }
        // Many stars cost little.
        assert!(!matches(&"a".repeat(5_000), &format!("{}b", "*a".repeat(40))));
    }

    #[test]
    fn a_negated_pattern_ends_it() {
        assert_eq!(listed("a", "a,!b", false), Listed::Yes);
        assert_eq!(listed("b", "*,!b", false), Listed::Excluded);
        assert_eq!(listed("c", "!b", false), Listed::No);
        assert_eq!(listed("c", "C", true), Listed::Yes);
        assert!(lists_host("WEB1", "web*"));
    }
}
