//! Scripts of packages that failed: rpm itself says so, whichever manager runs it.

use super::names::nevra;
use crate::{command::printable, pkg::FailedScript};

/// `%post(NAME-VERSION-RELEASE.ARCH) scriptlet failed, exit status 1`, each package once. `again`: the command that
/// installs a package again, without its name.
pub(in crate::pkg) fn failed(output: &str, again: &str) -> Vec<FailedScript> {
    let mut failed: Vec<FailedScript> = Vec::new();
    for line in output.lines().filter(|line| line.contains(" scriptlet failed")) {
        let Some((script, rest)) = line.split_once('%').and_then(|(_, rest)| rest.split_once('(')) else { continue };
        let Some((full, how)) = rest.split_once(')') else { continue };
        let Some((name, _, _)) = nevra(full) else { continue };
        let how = how.split_once(", ").map_or("failed", |(_, how)| how);
        let summary = printable(&format!("its %{script} script failed ({how})"));
        if !failed.iter().any(|known| known.package == name) {
            failed.push(FailedScript { package: name.to_owned(), summary, again: format!("{again} {name}") });
        }
    }
    failed
}
