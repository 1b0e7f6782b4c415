//! Machines that a plan has under two names. They would be patched twice, by two walks that know nothing of each other:
//! one could reboot the machine while the other upgrades it.

use std::collections::HashMap;

use crate::{
    host::HostName,
    names,
    target::{Proxy, SSH_PORT, Target},
    yaml::Problems,
};

/// Hosts of the plan with the same address, port, login and jump hosts. The login counts because a gateway in front of
/// many machines selects one by the login. `targets` are the plan's hosts.
///
/// A machine with several addresses, or several names in the DNS, is not found.
pub fn duplicates<'t>(targets: impl IntoIterator<Item = &'t Target>) -> Problems {
    let mut places: HashMap<_, Vec<HostName>> = HashMap::new();
    for target in targets {
        // One address with several ports means several machines. So does one address in two networks.
        let way = target.proxy.as_ref().filter(|proxy| **proxy != Proxy::None);
        let place = (target.address.to_ascii_lowercase(), target.port.unwrap_or(SSH_PORT), &target.user, way);
        places.entry(place).or_default().push(target.name.clone());
    }
    let mut shared: Vec<_> = places.into_iter().filter(|(_, hosts)| hosts.len() > 1).collect();
    shared.sort_by(|(_, a), (_, b)| a.cmp(b));
    let mut problems = Problems::default();
    for ((address, port, ..), hosts) in shared {
        let others: String = hosts[1..].iter().map(|host| format!(":!{host}")).collect();
        problems
            .nowhere(format!(
                "{} are the same machine ({address}, port {port}), which this plan would patch {}",
                names::fold(&hosts),
                if hosts.len() == 2 { "twice".to_owned() } else { format!("{} times", hosts.len()) }
            ))
            .help(match hosts.len() {
                2..=4 => format!("leave all names but one out: `--limit 'all{others}'`"),
                _ => "leave all names but one out, in the inventory or with --limit".to_owned(),
            });
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Inventory;

    #[test]
    fn a_machine_with_two_names_is_reported_once() {
        let text = "
all:
  hosts:
    web1: { ansible_host: 10.0.0.1 }
    old-web1: { ansible_host: 10.0.0.1, ansible_port: 22 }
    nat1: { ansible_host: gate, ansible_port: 2201 }
    nat2: { ansible_host: gate, ansible_port: 2202 }
    psm-a: { ansible_host: gate, ansible_user: root@a }
    psm-b: { ansible_host: gate, ansible_user: root@b }
    here: { ansible_host: 192.168.0.1, ansible_ssh_common_args: -J b1 }
    there: { ansible_host: 192.168.0.1, ansible_ssh_common_args: -J b2 }
    db1.example.com:
    DB1: { ansible_host: DB1.example.com }
    DB2: { ansible_host: db1.example.com, ansible_ssh_common_args: -o ProxyJump=none }
";
        let inventory = Inventory::from_text("inv.yml", text).unwrap_or_else(|problems| panic!("{problems}"));
        let targets = inventory.targets(inventory.hosts()).unwrap_or_else(|problems| panic!("{problems}"));
        let problems = duplicates(&targets);
        let told: Vec<(&str, &str)> =
            problems.0.iter().map(|p| (p.message.as_str(), p.help.as_deref().unwrap_or_default())).collect();
        assert_eq!(
            told,
            [
                (
                    "db1.example.com,DB[1-2] are the same machine (db1.example.com, port 22), which this plan would patch 3 times",
                    "leave all names but one out: `--limit 'all:!DB1:!DB2'`",
                ),
                (
                    "web1,old-web1 are the same machine (10.0.0.1, port 22), which this plan would patch twice",
                    "leave all names but one out: `--limit 'all:!old-web1'`",
                ),
            ]
        );
    }
}
