//! Reads what zypper would do: the summary of a transaction, and the parts of an answer that it is one of.

use super::{
    trouble::complaints,
    xml::{Element, elements},
};
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Exact, Package, Simulation,
        rpm::{
            names::is_name,
            present::Present,
            state::Rpm,
            version::{is_version, without_zero},
        },
    },
};

/// The parts of an answer by name; the first one has none.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<(String, String)>);

impl Parts {
    /// The first line is the mark of the parts. The last part is called `end`.
    ///
    /// # Errors
    /// The answer is cut.
    pub(super) fn read(output: &Output) -> Result<Self, Unreadable> {
        let text = output.text();
        let mut lines = text.lines();
        let mark = lines.next().filter(|mark| mark.starts_with("== ")).unwrap_or("== ?");
        let mut parts = vec![(String::new(), String::new())];
        for line in lines {
            if let Some(name) = line.strip_prefix(mark).and_then(|rest| rest.strip_prefix(' ')) {
                parts.push((name.to_owned(), String::new()));
            } else if let Some((_, part)) = parts.last_mut() {
                part.push_str(line);
                part.push('\n');
            }
        }
        match parts.last() {
            Some((last, _)) if last == "end" => Ok(Self(parts)),
            _ => Err(Unreadable::new(format!("the answer is incomplete ({}): {}", output.exit, output.last_lines(3)))),
        }
    }

    /// # Errors
    /// There is no such part.
    pub(super) fn text(&self, name: &str) -> Result<&str, Unreadable> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.as_str()).ok_or_else(|| Unreadable::new(format!("the answer has no part {name:?}")))
    }

    /// The part before the last one: what was refused.
    pub(super) fn before_end(&self) -> Option<&str> {
        let (_, text) = self.0.iter().rev().nth(1)?;
        Some(text)
    }

    /// # Errors
    /// There is no such part, or it is not XML.
    pub(super) fn elements(&self, name: &str) -> Result<Vec<Element>, Unreadable> {
        elements(self.text(name)?)
    }

    /// The installed packages, from the first part.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn present(&self) -> Result<Present, Unreadable> {
        let lines: Vec<String> = self.text("")?.lines().map(str::to_owned).collect();
        Present::read(lines.iter())
    }
}

/// What a transaction would bring and remove.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub brings: Vec<Rpm>,
    pub removes: Vec<Rpm>,
}

/// Reads the summary of a transaction.
///
/// # Errors
/// A package in it cannot be read.
pub(super) fn resolved(elements: &[Element]) -> Result<Resolved, Unreadable> {
    let mut resolved = Resolved::default();
    for element in elements.iter().filter(|one| one.name == "solvable" && one.get("type") == "package") {
        let list = if element.is_in("to-remove") {
            &mut resolved.removes
        } else if element.is_in("to-") {
            &mut resolved.brings
        } else {
            continue;
        };
        // An upgrade that changes the vendor or the architecture is in two lists.
        let rpm = rpm(element, "edition")?;
        if !list.contains(&rpm) {
            list.push(rpm);
        }
    }
    Ok(resolved)
}

/// The package that an element describes.
///
/// # Errors
/// Its name or version is none.
pub(super) fn rpm(element: &Element, edition: &str) -> Result<Rpm, Unreadable> {
    let (name, version, arch) = (element.get("name"), without_zero(element.get(edition)), element.get("arch"));
    if !is_name(name) || !is_version(version) || !is_name(arch) {
        return Err(Unreadable::new(format!("not a package: {}", printable(&format!("{name} {version} {arch}")))));
    }
    Ok(Rpm { name: name.to_owned(), version: version.to_owned(), arch: arch.to_owned() })
}

/// Reads `zypper-simulate`.
pub(super) fn simulation(output: &Output) -> Result<Simulation, Unreadable> {
    if !output.success() {
        return Ok(Simulation { refused: complaints(output), ..Simulation::default() });
    }
    let parts = Parts::read(output)?;
    let present = parts.present()?;
    let would = resolved(&parts.elements("transaction")?)?;
    let install = |rpm: &Rpm| {
        let name = present.key(rpm);
        let from = present.newest(&name).map(str::to_owned);
        (Exact { name, version: rpm.version.clone() }, from)
    };
    let removals: Vec<Package> = would.removes.iter().map(|rpm| present.package(rpm)).collect();
    Ok(Simulation { installs: would.brings.iter().map(install).collect(), removals, refused: Vec::new() })
}
