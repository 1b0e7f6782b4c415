//! Reads what dnf would do. Version 4 says it in lines for each package when it is asked to talk (`-d 3`); its table
//! breaks long names, and is read only for what replaces what. dnf5 has only a table, which breaks nothing.

use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Exact, Simulation,
        answer::before_end,
        rpm::{
            names,
            present::Present,
            state::Rpm,
            version::{is_version, without_zero},
        },
    },
};

/// What a transaction would do.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// What it would bring, and from which source, if that is said.
    pub brings: Vec<(Rpm, Option<String>)>,
    /// What would be gone, and nothing of the same name in its place.
    pub removes: Vec<Rpm>,
    /// The name of a package that it would bring, and what that replaces under another name.
    pub replaces: Vec<(String, Rpm)>,
}

/// The parts of an answer, by the mark in front of each; the first part has none.
pub(super) fn parts(output: &Output) -> Result<Vec<(String, Vec<String>)>, Unreadable> {
    let mut parts = vec![(String::new(), Vec::new())];
    for line in before_end(output, "== end")? {
        match (line.strip_prefix("== "), parts.last_mut()) {
            (Some(mark), _) => parts.push((mark.trim_end().to_owned(), Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    Ok(parts)
}

/// The lines of a part.
pub(super) fn part<'a>(parts: &'a [(String, Vec<String>)], mark: &str) -> Result<&'a [String], Unreadable> {
    let found = parts.iter().find(|(name, _)| name == mark).map(|(_, lines)| lines.as_slice());
    found.ok_or_else(|| Unreadable::new(format!("part {mark:?} is missing")))
}

/// Whether the answer is one of dnf5.
pub(super) fn is_five(parts: &[(String, Vec<String>)]) -> bool {
    parts.iter().any(|(name, _)| name == "resolved 5")
}

/// The part that says what would be done.
pub(super) fn resolved(parts: &[(String, Vec<String>)], present: &Present) -> Result<Resolved, Unreadable> {
    if is_five(parts) { five(part(parts, "resolved 5")?, present) } else { four(part(parts, "resolved")?, present) }
}

/// Reads `dnf-simulate`.
pub(super) fn simulation(output: &Output) -> Result<Simulation, Unreadable> {
    if !output.success() {
        return Ok(Simulation { refused: super::trouble::complaints(output), ..Simulation::default() });
    }
    let parts = parts(output)?;
    let present = Present::read(part(&parts, "")?.iter())?;
    let Resolved { brings, removes, .. } = resolved(&parts, &present)?;
    let install = |(rpm, _): (Rpm, Option<String>)| {
        let name = present.key(&rpm);
        let from = present.newest(&name).map(str::to_owned);
        (Exact { name, version: rpm.version }, from)
    };
    Ok(Simulation {
        installs: brings.into_iter().map(install).collect(),
        removals: removes.iter().map(|rpm| present.package(rpm)).collect(),
        refused: Vec::new(),
    })
}

fn rpm(name: &str, version: &str, arch: &str, line: &str) -> Result<Rpm, Unreadable> {
    let version = without_zero(version);
    if !names::is_name(name) || !is_version(version) || !names::is_name(arch) {
        return Err(Unreadable::new(format!("not understood: {}", printable(line))));
    }
    Ok(Rpm { name: name.to_owned(), version: version.to_owned(), arch: arch.to_owned() })
}

/// `---> Package NAME.ARCH VERSION will be …`, and of the table the lines `     replacing  NAME.ARCH VERSION`.
fn four(lines: &[String], present: &Present) -> Result<Resolved, Unreadable> {
    let mut resolved = Resolved::default();
    let mut row = "";
    for line in lines {
        if let Some(rest) = line.strip_prefix("---> Package ") {
            let fields: Vec<&str> = rest.splitn(3, ' ').collect();
            let [full, version, what] = fields[..] else {
                return Err(Unreadable::new(format!("not understood: {}", printable(line))));
            };
            let (name, arch) = full.rsplit_once('.').unwrap_or((full, ""));
            let rpm = rpm(name, version, arch, line)?;
            match what.strip_prefix("will be ").unwrap_or_default() {
                "installed" | "an upgrade" | "a downgrade" | "obsoleting" => resolved.brings.push((rpm, None)),
                // What another version replaces is said with that version.
                "upgraded" | "downgraded" | "reinstalled" => {}
                "erased" | "obsoleted" => resolved.removes.push(rpm),
                _ => return Err(Unreadable::new(format!("not understood: {}", printable(line)))),
            }
        } else if let Some(old) = line.trim_start().strip_prefix("replacing  ").filter(|_| line.starts_with("     ")) {
            let (full, version) = old.trim().split_once(' ').unwrap_or_default();
            let (name, arch) = full.rsplit_once('.').unwrap_or((full, ""));
            resolved.replaces.push((row.to_owned(), rpm(name, version.trim(), arch, line)?));
        } else if line.starts_with(' ') && !line.starts_with("  ") {
            row = line.split_whitespace().next().unwrap_or_default();
        }
    }
    resolved.settle(present);
    Ok(resolved)
}

/// The table of dnf5: headings, below them ` NAME ARCH VERSION SOURCE SIZE`, below these `   replacing NAME ARCH …`.
fn five(lines: &[String], present: &Present) -> Result<Resolved, Unreadable> {
    let mut resolved = Resolved::default();
    let table = lines.iter().skip_while(|line| !line.starts_with("Package ")).skip(1);
    let mut heading = "";
    let mut row = String::new();
    for line in table.take_while(|line| !line.starts_with("Transaction Summary")) {
        if line.trim().is_empty() {
            continue;
        }
        if !line.starts_with(' ') {
            heading = line;
            continue;
        }
        if heading.starts_with("Skipping ") {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), heading.split([' ', ':']).next()) {
            (["replacing", name, arch, version, ..], _) => {
                let old = rpm(name, version, arch, line)?;
                resolved.removes.push(old.clone());
                resolved.replaces.push((row.clone(), old));
            }
            ([name, arch, version, ..], Some("Removing")) => resolved.removes.push(rpm(name, version, arch, line)?),
            ([name, arch, version, source, ..], Some("Installing" | "Upgrading" | "Downgrading" | "Reinstalling")) => {
                (*name).clone_into(&mut row);
                resolved.brings.push((rpm(name, version, arch, line)?, Some(printable(source))));
            }
            _ => return Err(Unreadable::new(format!("not understood: {}", printable(line)))),
        }
    }
    resolved.settle(present);
    Ok(resolved)
}

impl Resolved {
    /// Leaves in the removals what no other version replaces, and in the replacements those of other names.
    fn settle(&mut self, present: &Present) {
        let keys: Vec<String> = self.brings.iter().map(|(rpm, _)| present.key(rpm)).collect();
        self.replaces.retain(|(by, old)| *by != old.name);
        let replaced = |old: &Rpm| self.replaces.iter().any(|(_, other)| other == old);
        let side_by_side = |old: &Rpm| present.of(&present.key(old)).len() > 1;
        self.removes.retain(|old| replaced(old) || side_by_side(old) || !keys.contains(&present.key(old)));
        self.removes.sort_by(|a, b| (&a.name, &a.arch, &a.version).cmp(&(&b.name, &b.arch, &b.version)));
        self.removes.dedup();
    }
}
