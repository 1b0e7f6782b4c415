//! The lines of pacman that name a package while a transaction runs. Without a terminal it counts only its hooks.

use crate::pkg::{Advance, Doing, advance::placed};

/// ` NAME-VERSION-ARCH downloading...`, `upgrading NAME...`, `installing NAME...`, `removing NAME...`, and of hooks
/// `(1/3) Updating linux initcpios...`.
pub(super) fn read(line: &str) -> Option<Advance> {
    let line = line.trim_end().strip_suffix("...")?;
    if let Some((of, rest)) = placed(line, '(', ')') {
        return Advance::new(Doing::Script, rest, Some(of));
    }
    if let Some(archive) = line.trim_start().strip_suffix(" downloading") {
        let mut parts = archive.rsplitn(4, '-').skip(3);
        return parts.next().and_then(|name| Advance::new(Doing::Fetching, name, None));
    }
    let (verb, name) = line.split_once(' ')?;
    let doing = match verb {
        "upgrading" | "installing" | "reinstalling" | "downgrading" => Doing::Changing,
        "removing" => Doing::Removing,
        _ => return None,
    };
    (!name.contains(' ')).then(|| Advance::new(doing, name, None)).flatten()
}
