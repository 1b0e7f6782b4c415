//! The lines of apk that name a package while a transaction runs.

use crate::pkg::{Advance, Doing, advance::placed};

/// `(5/8) Upgrading NAME (1.0-r0 -> 1.1-r0)`, `(1/8) Installing NAME (1.0-r0)`, `(1/1) Purging NAME (1.0-r0)`.
pub(super) fn read(line: &str) -> Option<Advance> {
    let (of, rest) = placed(line, '(', ')')?;
    let mut words = rest.split(' ');
    let (verb, name) = (words.next()?, words.next()?);
    let doing = match verb {
        "Upgrading" | "Installing" | "Downgrading" | "Reinstalling" | "Replacing" => Doing::Changing,
        "Purging" => Doing::Removing,
        _ => return None,
    };
    words.next().filter(|word| word.starts_with('(')).and_then(|_| Advance::new(doing, name, Some(of)))
}
