//! Reads `dnf-state`.

use super::excluded::{Excluded, covers};
use crate::{
    command::{Output, Unreadable},
    pkg::{
        PackageState,
        answer::{before_end, tagged},
        rpm::{
            names::nevra,
            state::{Rpm, Seen},
            version::without_zero,
        },
    },
};

pub(super) fn read(output: &Output) -> Result<PackageState, Unreadable> {
    let mut seen = Seen::default();
    let mut excluded = Excluded::default();
    let mut history = History::default();
    for line in before_end(output, "end")? {
        let (tag, rest) = tagged(&line);
        if tag == "history" {
            history.take(rest);
        } else if !excluded.take(tag, rest) {
            seen.take(tag, rest)?;
        }
    }
    let excludes = excluded.set();
    // A transaction that was cut off before it brought anything has changed nothing.
    let interrupted = history.is_open && history.brought.iter().any(|rpm| seen.has(rpm));
    let state = seen.state(|rpm| covers(&excludes, rpm))?;
    Ok(PackageState { interrupted, ..state })
}

/// The last transaction that dnf knows of.
#[derive(Debug, Default)]
struct History {
    /// It has no time at which it ended, which is printed as the first second that there is.
    is_open: bool,
    brought: Vec<Rpm>,
}

impl History {
    fn take(&mut self, line: &str) {
        if let Some(end) = line.strip_prefix("End time") {
            self.is_open = end.contains("1970");
        }
        let mut words = line.trim_start_matches([' ', '*']).split_whitespace();
        let action = words.next().unwrap_or_default();
        if ["Install", "Dep-Install", "Upgrade", "Downgrade", "Reinstall", "Obsoleting"].contains(&action)
            && let Some((name, version, arch)) = words.next().and_then(nevra)
        {
            let version = without_zero(version).to_owned();
            self.brought.push(Rpm { name: name.to_owned(), version, arch: arch.to_owned() });
        }
    }
}
