//! Reads `apt-pending`: simulation, sources and version tables in one answer.

use std::collections::HashMap;

use super::{
    kernel::is_kernel,
    lines::{complaints, is_name},
    policy::{Sources, Table, tables},
    simulation::{Simulated, read_lines},
    version::is_version,
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{Pending, Security, Stays, Update, answer::before_end},
};

pub(super) fn read(output: &Output) -> Result<Pending, Unreadable> {
    if !output.success() {
        return Ok(Pending { refused: complaints(output), ..Pending::default() });
    }
    let lines = before_end(output, "== end")?;
    let section = |from: &str, to: &str| -> Result<&[String], Unreadable> {
        let find = |mark: &str| lines.iter().position(|line| line == mark);
        let missing = || Unreadable::new(format!("part {from:?} is missing"));
        let start = find(from).ok_or_else(missing)? + 1;
        let end = if to.is_empty() { lines.len() } else { find(to).ok_or_else(missing)? };
        lines.get(start..end).ok_or_else(missing)
    };
    let text = |lines: &[String]| lines.join("\n");
    let back = lines.iter().map_while(|line| line.strip_prefix("back ")).map(back).collect::<Result<Vec<_>, _>>()?;
    let simulated = read_lines(text(section("== simulation", "== sources")?).lines())?;
    let sources = Sources::read(text(section("== sources", "== versions")?).lines());
    let tables = tables(text(section("== versions", "")?).lines(), &sources);
    combine(simulated, back, &tables, sources.any_security())
}

/// `NAME INSTALLED OLDER`: a package that a pin would downgrade.
fn back(line: &str) -> Result<(String, String, String), Unreadable> {
    match line.split(' ').collect::<Vec<_>>()[..] {
        [name, from, to] if is_name(name) && is_version(from) && is_version(to) => {
            Ok((name.to_owned(), from.to_owned(), to.to_owned()))
        }
        _ => Err(Unreadable::new(format!("not understood: back {}", printable(line)))),
    }
}

fn combine(
    simulated: Simulated,
    back: Vec<(String, String, String)>,
    tables: &HashMap<String, Table>,
    knows_security: bool,
) -> Result<Pending, Unreadable> {
    let table =
        |name: &str| tables.get(name).ok_or_else(|| Unreadable::new(format!("apt-cache policy does not know {name}")));
    let security = |table: &Table, version: &str, fix: Option<String>| match fix {
        // What a third party publishes may be a fix or not: it does not say.
        None if !table.is_judged(version) => Security::Unknown,
        fix => Security::known(fix),
    };
    let update = |name: String, from: Option<String>, to: String| {
        let offers_from = from.as_ref().and_then(|from| Some(tables.get(&name)?.offers(from)));
        Update { kernel: is_kernel(&name), offers_from, ..Update::new(name, from, to) }
    };
    let mut updates = Vec::new();
    for (exact, from) in simulated.simulation.installs {
        let table = table(&exact.name)?;
        let security = security(table, &exact.version, table.security(from.as_deref(), &exact.version));
        updates.push(Update { security, ..update(exact.name, from, exact.version) });
    }
    for (name, why) in simulated.stays {
        let table = table(&name)?;
        let (Some(from), Some(to)) = (table.installed.clone(), table.candidate.clone()) else { continue };
        if !is_name(&name) || !is_version(&to) {
            return Err(Unreadable::new(format!("apt-cache policy has no usable version of {name}")));
        }
        // Before apt 2.5 a phased update is listed among those kept back.
        let why = if table.candidate_is_phased() { Stays::Phased } else { why };
        let security = security(table, &to, table.security(Some(&from), &to));
        updates.push(Update { security, stays: Some(why), ..update(name, Some(from), to) });
    }
    for (name, from, to) in back {
        // Also a fix that is newer than what is installed: the pin keeps it from the host.
        let table = table(&name)?;
        let security = security(table, &to, table.security_above(&from));
        updates.push(Update { security, stays: Some(Stays::PinnedBack), ..update(name, Some(from), to) });
    }
    updates.sort_by(|a, b| a.name.cmp(&b.name));
    updates.dedup_by(|a, b| a.name == b.name);
    Ok(Pending { updates, removals: simulated.simulation.removals, knows_security, refused: Vec::new() })
}
