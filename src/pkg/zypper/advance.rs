//! The lines of zypper that name a package while a transaction runs.

use super::super::rpm::names::nevra;
use crate::pkg::{
    Advance, Doing,
    advance::{place, placed},
};

/// `( 5/8) Installing: NEVRA [...done]`, `(1/8) Removing: NEVRA`, `Retrieving package NEVRA (5/8), 6.1 KiB`,
/// `Retrieving: NEVRA (SOURCE) (5/8), 6.1 KiB`.
pub(super) fn read(line: &str) -> Option<Advance> {
    let name = |text: &str| nevra(text).map(|(name, ..)| name.to_owned());
    let fetched = line.strip_prefix("Retrieving package ").or_else(|| line.strip_prefix("Retrieving: "));
    if let Some(rest) = fetched {
        let (package, rest) = rest.split_once(' ')?;
        let of = rest.split('(').find_map(|part| place(part.split_once(')')?.0))?;
        return Advance::new(Doing::Fetching, &name(package)?, Some(of));
    }
    let (of, rest) = placed(line, '(', ')')?;
    let (verb, rest) = rest.split_once(": ")?;
    let doing = match verb {
        "Installing" => Doing::Changing,
        "Removing" => Doing::Removing,
        _ => return None,
    };
    Advance::new(doing, &name(rest.split_whitespace().next()?)?, Some(of))
}
