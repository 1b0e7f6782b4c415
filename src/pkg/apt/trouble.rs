//! Reads the end of a failed transaction's output: which package, and what kind of trouble.

use super::lines::is_name;
use crate::{
    command::printable,
    pkg::{Class, Trouble},
};

/// The first cause, not the last line: after a failing script apt goes on and reports other things.
pub(super) fn read(output: &str) -> Option<Trouble> {
    let line_with = |text: &str| output.lines().find(|line| line.contains(text)).map(|line| printable(line.trim()));
    let trouble = |class, package, summary| Some(Trouble { class, package, summary });
    let package = failed_package(output);
    if let Some(line) = line_with("No space left on device").or_else(|| line_with("You don't have enough free space")) {
        return trouble(Class::Disk, package, line);
    }
    if let Some(name) = package {
        let why = reason(output, &name).unwrap_or_else(|| "its installation failed".to_owned());
        return trouble(Class::Failed, Some(name), why);
    }
    let lock = line_with("E: Could not get lock").or_else(|| line_with("frontend lock was locked by another"));
    if let Some(line) = lock.or_else(|| line_with("E: Unable to acquire the dpkg frontend lock")) {
        return trouble(Class::Lock, None, line);
    }
    if let Some(line) = line_with("E: Failed to fetch").or_else(|| line_with("E: Unable to fetch some archives")) {
        return trouble(Class::Fetch, None, line);
    }
    let first = output.lines().find(|line| line.starts_with("E: "))?;
    trouble(Class::Manager, None, printable(first))
}

/// `dpkg: error processing package NAME (--configure):` or `… archive /path/NAME_VERSION_ARCH.deb (--unpack):`.
fn failed_package(output: &str) -> Option<String> {
    let line = output.lines().find_map(|line| line.trim_start().strip_prefix("dpkg: error processing "))?;
    let name = match line.split_once(' ')? {
        ("package", rest) => rest.split(' ').next()?,
        ("archive", rest) => archive(rest.split(' ').next()?)?,
        _ => return None,
    };
    is_name(name).then(|| name.to_owned())
}

/// The package of an archive's path. In a folder of its own (`/tmp/apt-dpkg-install-X/7-NAME_…`) apt numbers them.
fn archive(path: &str) -> Option<&str> {
    let file = path.rsplit('/').next()?.split('_').next()?;
    let numbered = path.contains("/apt-dpkg-install-").then(|| file.split_once('-')).flatten();
    match numbered {
        Some((number, name)) if number.bytes().all(|byte| byte.is_ascii_digit()) => Some(name),
        _ => Some(file),
    }
}

/// The line below, which says what the package's script did.
fn reason(output: &str, name: &str) -> Option<String> {
    let mut lines = output.lines().skip_while(|line| !(line.contains("dpkg: error processing") && line.contains(name)));
    let why = lines.nth(1)?.trim();
    (!why.is_empty()).then(|| printable(why))
}
