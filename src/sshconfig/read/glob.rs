//! File names with wildcards, as glob(3) expands them for `Include`.

use std::path::{Path, PathBuf};

use crate::sshconfig::LocalMachine;

/// The existing paths that match an absolute `pattern`, sorted.
pub(crate) fn expand(pattern: &str, local: &dyn LocalMachine) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[', '\\']) {
        let path = PathBuf::from(pattern);
        return if local.exists(&path) { vec![path] } else { Vec::new() };
    }
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = if part.contains(['*', '?', '[', '\\']) {
            found.iter().flat_map(|folder| within(folder, part, local)).collect()
        } else {
            found.iter().map(|folder| folder.join(part)).filter(|path| local.exists(path)).collect()
        };
    }
    found
}

fn within(folder: &Path, part: &str, local: &dyn LocalMachine) -> Vec<PathBuf> {
    let mut names = local.list(folder);
    // A wildcard never matches a leading dot.
    names.retain(|name| (part.starts_with('.') || !name.starts_with('.')) && fits(name, part));
    names.sort_unstable();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// One name against one part of the pattern.
fn fits(name: &str, part: &str) -> bool {
    let (name, pieces) = (name.chars().collect::<Vec<_>>(), pieces(part));
    let (mut n, mut p) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pieces.get(p) {
            Some(Piece::Any) => {
                star = Some((p, n));
                p += 1;
            }
            Some(piece) if piece.takes(name[n]) => {
                n += 1;
                p += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    (n, p) = (swallowed + 1, at + 1);
                }
                None => return false,
            },
        }
    }
    pieces[p..].iter().all(|piece| matches!(piece, Piece::Any))
}

enum Piece {
    Any,
    One,
    Is(char),
    In { ranges: Vec<(char, char)>, not: bool },
}

impl Piece {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Is(own) => *own == c,
            Self::In { ranges, not } => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *not,
        }
    }
}

fn pieces(part: &str) -> Vec<Piece> {
    let chars: Vec<char> = part.chars().collect();
    let mut found = Vec::new();
    let mut i = 0;
    while let Some(&c) = chars.get(i) {
        i += 1;
        found.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '\\' => {
                let escaped = chars.get(i).copied();
                i += usize::from(escaped.is_some());
                Piece::Is(escaped.unwrap_or('\\'))
            }
            '[' => match set(&chars, i) {
                Some((piece, after)) => {
                    i = after;
                    piece
                }
                None => Piece::Is('['),
            },
            c => Piece::Is(c),
        });
    }
    found
}

/// `[…]` after its first bracket; a first `]` is a member, `!` and `^` negate.
fn set(chars: &[char], mut i: usize) -> Option<(Piece, usize)> {
    let not = matches!(chars.get(i), Some('!' | '^'));
    i += usize::from(not);
    let mut ranges = Vec::new();
    loop {
        let from = *chars.get(i)?;
        if from == ']' && !ranges.is_empty() {
            return Some((Piece::In { ranges, not }, i + 1));
        }
        match (chars.get(i + 1), chars.get(i + 2)) {
            (Some('-'), Some(&to)) if to != ']' => {
                ranges.push((from, to));
                i += 3;
            }
            _ => {
                ranges.push((from, from));
                i += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, part, want) in [
            ("10-a.conf", "*.conf", true),
            ("10-a.conf", "[0-9]*", true),
            ("x", "[!a-c]", true),
            ("b", "[!a-c]", false),
            ("]", "[]]", true),
            ("a*", "a\\*", true),
            ("ab", "a\\*", false),
            ("[", "[", true),
            ("abc", "a?c", true),
        ] {
            assert_eq!(fits(name, part), want, "{name} {part}");
        }
    }
}
