//! What an operator types on a host whose packages are not in order. Each condition needs its own commands: finishing
//! an interrupted run does not help a half-installed package, and `apt-get -f install` would remove it.

use super::lines::is_name;
use crate::pkg::{Class, Health};

/// Finishes an interrupted run.
pub(super) const REPAIR: &str = "dpkg --configure -a && apt-get -f install";

/// For the condition that dpkg reports.
pub(super) fn how_to_repair(health: &Health) -> String {
    let half_there = |status: &str| status.contains("half-installed") || status.contains("reinstallation");
    let again: Vec<&str> = health
        .broken
        .iter()
        .filter(|(name, status)| half_there(status) && is_name(name))
        .map(|(name, _)| name.as_str())
        .collect();
    if again.is_empty() {
        return REPAIR.to_owned();
    }
    let rest =
        if again.len() < health.broken.len() || health.interrupted { format!(" && {REPAIR}") } else { String::new() };
    format!("{}{rest}", reinstall(&again.join(" ")))
}

fn reinstall(names: &str) -> String {
    format!(
        "apt-get install --reinstall {names} (a package that no source has any more: dpkg --remove \
         --force-remove-reinstreq NAME)"
    )
}

/// For what apt prints when it refuses to compute an upgrade.
pub(super) fn refusal(lines: &[String]) -> (Class, String) {
    let says = |text: &str| lines.iter().any(|line| line.contains(text));
    let named =
        lines.iter().find_map(|line| line.split_once("E: The package ")?.1.split_once(" needs to be reinstalled"));
    if let Some((name, _)) = named.filter(|(name, _)| is_name(name)) {
        return (Class::Broken, format!("on the host: {}", reinstall(name)));
    }
    if says("dpkg was interrupted") {
        return (Class::Broken, format!("on the host: {REPAIR}"));
    }
    if says("Unmet dependencies") || says("unmet dependencies") {
        let help = "on the host: apt-get -f install; first check what that would remove: apt-get -s -f install";
        return (Class::Broken, help.to_owned());
    }
    let help = "no package is broken: the problem is in sources, pins or holds; check on the host: apt-get -s upgrade, apt-cache policy";
    (Class::Refused, help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_of_dpkg_has_the_command_that_repairs_it() {
        let again = "apt-get install --reinstall a (a package that no source has any more: dpkg --remove \
                     --force-remove-reinstreq NAME)";
        let both = format!("{again} && {REPAIR}");
        for (broken, interrupted, expected) in [
            (vec![("a", "half-configured")], false, REPAIR),
            (vec![("a", "unpacked"), ("b", "triggers-awaited")], false, REPAIR),
            (vec![], true, REPAIR),
            (vec![("a", "half-installed")], false, again),
            (vec![("a", "in need of a reinstallation")], false, again),
            (vec![("a", "half-installed, in need of a reinstallation")], false, again),
            (vec![("a", "half-installed"), ("b", "unpacked")], false, both.as_str()),
            (vec![("a", "half-installed")], true, both.as_str()),
            // An invalid name is not put into a command line.
            (vec![("a; rm -r /", "half-installed")], false, REPAIR),
        ] {
            let owned = broken.iter().map(|(name, status)| ((*name).to_owned(), (*status).to_owned())).collect();
            assert_eq!(how_to_repair(&Health { broken: owned, interrupted }), expected, "{broken:?}");
        }
    }

    /// apt 2.6.1's own words.
    #[test]
    fn what_apt_refuses_is_broken_only_where_something_is() {
        for (line, class, help) in [
            (
                "E: The package lab-gone needs to be reinstalled, but I can't find an archive for it.",
                Class::Broken,
                "apt-get install --reinstall lab-gone",
            ),
            (
                "E: Unmet dependencies. Try 'apt --fix-broken install' with no packages (or specify a solution).",
                Class::Broken,
                "apt-get -f install",
            ),
            (
                "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ",
                Class::Broken,
                "dpkg --configure -a",
            ),
            (
                "E: Packages were downgraded and -y was used without --allow-downgrades.",
                Class::Refused,
                "pins or holds",
            ),
            ("E: Unable to correct problems, you have held broken packages.", Class::Refused, "pins or holds"),
            ("E: Malformed entry 1 in list file /etc/apt/sources.list (Suite)", Class::Refused, "sources"),
        ] {
            let (is, said) = refusal(&[line.to_owned()]);
            assert_eq!(is, class, "{line}");
            assert!(said.contains(help), "{line}: {said}");
        }
    }
}
