//! How far a transaction is, from its output while it runs. For the screen only: no decision comes from it.

use serde::Serialize;

/// What one line of a transaction's output says about how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advance {
    /// What is being done.
    pub doing: Doing,
    /// The package, or what a manager's hook says that it does.
    pub name: String,
    /// Its place, from 1, and how many there are; `None` if the manager does not count.
    pub of: Option<(usize, usize)>,
}

/// What is being done with a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Its archive is fetched.
    Fetching,
    /// Its files are unpacked; it is set up later.
    Unpacking,
    /// It becomes what the transaction is for: installed, upgraded, downgraded.
    Changing,
    /// It, or its old version, is removed.
    Removing,
    /// One of its scripts runs, or a hook of the manager.
    Script,
    /// It is looked at again.
    Checking,
}

/// The longest name.
const LONGEST: usize = 100;

impl Advance {
    /// Checked: a name is short and has no control characters, and a place is one of those that there are.
    pub(in crate::pkg) fn new(doing: Doing, name: &str, of: Option<(usize, usize)>) -> Option<Self> {
        let name = name.trim();
        let fine = !name.is_empty() && name.chars().count() <= LONGEST && name.chars().all(crate::command::shows);
        let counts = of.is_none_or(|(n, all)| 0 < n && n <= all);
        (fine && counts).then(|| Self { doing, name: name.to_owned(), of })
    }
}

/// `5/8`, ` 5/8`.
pub(in crate::pkg) fn place(text: &str) -> Option<(usize, usize)> {
    let (n, all) = text.trim().split_once('/')?;
    Some((n.trim().parse().ok()?, all.parse().ok()?))
}

/// The place in brackets at the beginning of a line, as in `( 5/8) Upgrading x`, and the rest of the line.
pub(in crate::pkg) fn placed(line: &str, open: char, close: char) -> Option<((usize, usize), &str)> {
    let (inside, rest) = line.strip_prefix(open)?.split_once(close)?;
    Some((place(inside)?, rest.trim_start_matches(':').trim_start()))
}
