//! Reads what apt would do: `Inst`, `Remv` and `Purg` lines, and the names that it leaves as they are.

use super::{
    lines::{complaints, is_name},
    version::is_version,
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{Exact, Package, Simulation, Stays},
};

/// What apt's simulation says, including the names that stay.
#[derive(Debug, Default)]
pub(super) struct Simulated {
    pub simulation: Simulation,
    /// Upgradable, but left out: by phasing, or for another reason.
    pub stays: Vec<(String, Stays)>,
}

/// `apt-get -s -V install` and `purge`.
pub(super) fn read(output: &Output) -> Result<Simulation, Unreadable> {
    if !output.success() {
        return Ok(Simulation { refused: complaints(output), ..Simulation::default() });
    }
    read_lines(output.text().lines()).map(|simulated| simulated.simulation)
}

/// The lines of `apt-get -s -V`. Under `LC_ALL=C` the headings are fixed; names below one are indented by three.
pub(super) fn read_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Simulated, Unreadable> {
    let mut simulated = Simulated::default();
    let mut heading = None;
    for line in lines {
        if let Some(rest) = line.strip_prefix("Inst ") {
            let install = inst(rest).ok_or_else(|| Unreadable::new(format!("not understood: {}", printable(line))))?;
            simulated.simulation.installs.push(install);
        } else if let Some(rest) = line.strip_prefix("Remv ").or_else(|| line.strip_prefix("Purg ")) {
            let name = rest.split(' ').next().unwrap_or_default();
            // apt prints `Remv` first and `Purg` for the same package later, in one simulation.
            if !simulated.simulation.removals.iter().any(|known| known.name == name) {
                simulated.simulation.removals.push(Package::named(name));
            }
        } else if let Some(item) = line.strip_prefix("   ") {
            if let (Some(why), Some((name, _))) = (heading, item.split_once(' '))
                && is_name(name)
            {
                simulated.stays.push((name.to_owned(), why));
            }
        } else {
            heading = match line {
                "The following packages have been kept back:" => Some(Stays::KeptBack),
                "The following upgrades have been deferred due to phasing:" => Some(Stays::Phased),
                _ => None,
            };
        }
    }
    Ok(simulated)
}

/// `NAME [OLD] (NEW ORIGIN:SUITE, ... [ARCH]) ...`; a new package has no `[OLD]`.
fn inst(rest: &str) -> Option<(Exact, Option<String>)> {
    let (name, rest) = rest.split_once(' ')?;
    let (old, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (old, rest) = rest.split_once("] ")?;
            (Some(old.to_owned()), rest)
        }
        None => (None, rest),
    };
    let version = rest.strip_prefix('(')?.split([' ', ')']).next()?;
    let exact = Exact { name: name.to_owned(), version: version.to_owned() };
    (is_name(name) && is_version(version)).then_some((exact, old))
}
