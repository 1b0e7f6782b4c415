//! Reads `apt-state`.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Installed, PackageState,
        answer::{before_end, tagged},
    },
};

pub(super) fn read(output: &Output) -> Result<PackageState, Unreadable> {
    let lines = before_end(output, "end")?;
    let mut state = PackageState::default();
    let mut native = "";
    let mut auto = BTreeSet::new();
    let (mut lists, mut now) = (None, None);
    for line in &lines {
        let (tag, rest) = tagged(line);
        match tag {
            "native" => native = rest,
            "journal" => state.interrupted = true,
            "pkg" => package(rest, native, &mut state)?,
            "auto" => drop(auto.insert(rest)),
            "review" => drop(state.review.insert(printable(rest))),
            "lists" => lists = lists.max(rest.parse::<u64>().ok()),
            "now" => now = rest.parse::<u64>().ok(),
            _ => {}
        }
    }
    if native.is_empty() || state.packages.is_empty() {
        return Err(Unreadable::new("dpkg names no architecture, or no package"));
    }
    for (name, versions) in &mut state.packages {
        versions.iter_mut().for_each(|package| package.auto = auto.contains(name.as_str()));
    }
    state.lists_age = lists.zip(now).map(|(then, now)| Duration::from_secs(now.saturating_sub(then)));
    Ok(state)
}

/// `name version architecture want status error`, divided by tabs: dpkg-query(1), "package fields".
fn package(line: &str, native: &str, state: &mut PackageState) -> Result<(), Unreadable> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, version, architecture, want, status, error] = fields[..] else {
        return Err(Unreadable::new(format!("not a line of dpkg-query: {}", printable(line))));
    };
    let broken = match status {
        "config-files" | "not-installed" if error != "reinstreq" => return Ok(()),
        "installed" if error != "reinstreq" => None,
        "installed" => Some("in need of a reinstallation".to_owned()),
        other if error == "reinstreq" => Some(format!("{}, in need of a reinstallation", printable(other))),
        other => Some(printable(other)),
    };
    let foreign = architecture != native && architecture != "all" && !architecture.is_empty();
    let key = if foreign { format!("{name}:{architecture}") } else { name.to_owned() };
    let installed = Installed { version: version.to_owned(), broken, held: want == "hold", ..Installed::default() };
    state.add(key, installed);
    Ok(())
}
