//! The lines of dnf 4 and dnf 5 that name a package while a transaction runs. They count old versions, too.

use super::super::rpm::names::nevra;
use crate::pkg::{
    Advance, Doing,
    advance::{place, placed},
};

/// dnf 4: `(5/8): NEVRA.rpm   1.2 MB/s | …` and `  Upgrading        : NEVRA      5/16`. dnf 5: `[5/8] NEVRA 100% | …`
/// and `[5/16] Upgrading NEVRA 100% | …`, where a long NEVRA is cut.
pub(super) fn read(line: &str) -> Option<Advance> {
    if let Some((of, rest)) = placed(line, '(', ')') {
        return Advance::new(
            Doing::Fetching,
            name(rest.split_whitespace().next()?.trim_end_matches(".rpm"))?,
            Some(of),
        );
    }
    if let Some((of, rest)) = placed(line, '[', ']') {
        let (first, second) = rest.split_once(' ')?;
        return match doing(first) {
            Some(doing) => Advance::new(doing, name(second.trim_start().split(' ').next()?)?, Some(of)),
            None => Advance::new(Doing::Fetching, name(first)?, Some(of)),
        };
    }
    let (verb, rest) = line.trim_start().split_once(':')?;
    let mut words = rest.split_whitespace();
    let (package, of) = (words.next()?, place(words.next()?)?);
    let doing = if verb == "Running scriptlet" { Doing::Script } else { doing(verb.trim_end())? };
    words.next().is_none().then(|| Advance::new(doing, name(package)?, Some(of))).flatten()
}

fn doing(verb: &str) -> Option<Doing> {
    Some(match verb {
        "Upgrading" | "Installing" | "Downgrading" | "Reinstalling" => Doing::Changing,
        "Cleanup" | "Erasing" | "Removing" | "Obsoleting" => Doing::Removing,
        "Verifying" => Doing::Checking,
        _ => return None,
    })
}

/// The name of a NEVRA, which may be cut behind its epoch.
fn name(text: &str) -> Option<&str> {
    let cut = || {
        let (before, _) = text.split_once(':')?;
        let (name, epoch) = before.rsplit_once('-')?;
        epoch.bytes().all(|b| b.is_ascii_digit()).then_some(name)
    };
    cut().or_else(|| nevra(text).map(|(name, ..)| name))
}
