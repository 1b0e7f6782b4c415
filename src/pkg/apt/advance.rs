//! The lines of apt and dpkg that name a package while a transaction runs. They count only what is fetched.

use crate::pkg::{Advance, Doing};

/// `Get:5 URI SUITE/COMPONENT ARCH NAME ARCH VERSION [SIZE]` (a flat source has only `./ NAME VERSION` behind the URI),
/// `Unpacking NAME:ARCH (…) …`, `Setting up NAME:ARCH (…) …`, `Removing NAME …`, `Processing triggers for NAME (…) …`.
pub(super) fn read(line: &str) -> Option<Advance> {
    if let Some(rest) = line.strip_prefix("Get:") {
        let words: Vec<&str> = rest.split(" [").next()?.split_whitespace().skip(2).collect();
        let name = match words[..] {
            [_, _, name, _, _] => name,
            [_, name, _] => name,
            _ => return None,
        };
        return Advance::new(Doing::Fetching, name, None);
    }
    let starts = [
        ("Unpacking ", Doing::Unpacking),
        ("Setting up ", Doing::Changing),
        ("Removing ", Doing::Removing),
        ("Purging configuration files for ", Doing::Removing),
        ("Processing triggers for ", Doing::Script),
    ];
    let (doing, rest) = starts.iter().find_map(|(start, doing)| Some((*doing, line.strip_prefix(start)?)))?;
    let (name, rest) = rest.split_once(' ')?;
    // Both programs end such a line with dots; a script that begins a sentence so does not.
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    (rest.starts_with('(') && rest.ends_with("...")).then(|| Advance::new(doing, name, None)).flatten()
}
