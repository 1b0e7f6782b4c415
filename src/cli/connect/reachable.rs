//! What `run` and `exec` would refuse about how hosts are reached, for `inventory check` and `plan`: everything at
//! once, for all hosts. Opens no connection. Start at [`look`].

use std::collections::HashSet;

use crate::{
    cli::{Failure, World, connect::ssh_config},
    hint::Hint,
    host::HostName,
    inventory::{Inventory, fold},
    names,
    plan::{SkippedHost, skipped_lines},
    reach::{ssh_config::under, words},
    sshconfig::SshConfig,
    yaml::Problems,
};

/// What was found.
pub(in crate::cli) struct Reachable {
    /// These hosts are refused, however they are reached.
    pub(in crate::cli) refused: Problems,
    /// Probable typos, and what `run` refuses unless its options name other trusted keys or another ssh_config.
    pub(in crate::cli) warnings: Problems,
}

/// Looks at these hosts as a `run` without connection options would.
pub(in crate::cli) fn look(
    inventory: &Inventory,
    hosts: &[HostName],
    program: &str,
    world: &World,
) -> Result<Reachable, Failure> {
    let mut warnings = inventory.cautions(hosts);
    let left_out = |host: &HostName| Some(SkippedHost { name: host.clone(), reason: inventory.not_by_ssh(host)? });
    let skipped: Vec<SkippedHost> = hosts.iter().filter_map(left_out).collect();
    skipped_lines(&skipped).into_iter().for_each(|line| {
        warnings.nowhere(line);
    });
    let skipped: HashSet<&HostName> = skipped.iter().map(|host| &host.name).collect();
    let hosts: Vec<HostName> = hosts.iter().filter(|host| !skipped.contains(host)).cloned().collect();
    let hosts = hosts.as_slice();
    let mut refused = inventory.targets(hosts).err().unwrap_or_default();
    // With a transport of a test, no ssh_config is read.
    if world.transport.is_none() {
        let (plain, config) = (plain(world)?, ssh_config::load(None, world));
        by_ssh(inventory, hosts, (&plain, config), program, (&mut refused, &mut warnings));
    }
    Ok(Reachable { refused, warnings })
}

/// What is refused by the inventory's own options for ssh, and then by `config`.
fn by_ssh(
    inventory: &Inventory,
    hosts: &[HostName],
    (plain, config): (&SshConfig, Result<SshConfig, Failure>),
    program: &str,
    (refused, warnings): (&mut Problems, &mut Problems),
) {
    let wrong = words::refused(plain, inventory, hosts);
    let accepting = words::accepting_any_key(plain, inventory, hosts);
    let known: HashSet<&HostName> = wrong.iter().chain(&accepting).map(|(host, _)| host).collect();
    let fine = hosts.iter().filter(|host| !known.contains(host));
    let targets = fine.filter_map(|host| inventory.target(host).ok()).collect();
    let by_config = config
        .map_err(|failure| vec![failure.message])
        .and_then(|config| under(&config, targets, false).map(drop).map_err(|refused| sentences(refused.0)));
    for why in by_config.err().unwrap_or_default() {
        let see = Hint::command("ssh-config", &["HOST"]).and(" shows what is said of one").render(program);
        warnings.nowhere(format!("with the ssh_config of this account, `run` refuses {why}")).help(see);
    }
    refused.extend(fold(wrong));
    warnings.extend(fold(accepting.into_iter().map(|(host, mut problem)| {
        problem.message.push_str("; `run` refuses that");
        (host, problem)
    })));
}

fn sentences(refused: Vec<(String, Vec<HostName>)>) -> Vec<String> {
    refused.into_iter().map(|(why, hosts)| format!("{}: {why}", names::fold(&hosts))).collect()
}

/// An ssh_config without any file.
pub(in crate::cli) fn plain(world: &World) -> Result<SshConfig, Failure> {
    ssh_config::load(Some("none"), world)
}

/// What `run` and `exec` refuse whatever ssh_config says. `trust_given`: the command line names the trusted keys.
pub(in crate::cli) fn refused(
    plain: &SshConfig,
    inventory: &Inventory,
    hosts: &[HostName],
    trust_given: bool,
) -> Problems {
    let mut found = words::refused(plain, inventory, hosts);
    if !trust_given {
        found.extend(words::accepting_any_key(plain, inventory, hosts));
    }
    fold(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_of_ssh_says_is_a_warning_unless_the_inventory_is_wrong_itself() {
        let text = "all: {hosts: {web1: , web2: , db1: {ansible_ssh_extra_args: -o Port=x}}}";
        let inventory = Inventory::from_text("inv.yml", text).unwrap_or_else(|problems| panic!("{problems}"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, "Host *\n  ProxyJump a\n").unwrap();
        let world = World::real();
        let config = ssh_config::load(Some(&file.display().to_string()), &world);
        let (mut refused, mut warnings) = (Problems::default(), Problems::default());
        let configs = (&plain(&world).unwrap(), config);
        by_ssh(&inventory, inventory.hosts(), configs, "patchwave", (&mut refused, &mut warnings));
        let (refused, warnings) = (refused.to_string(), warnings.to_string());
        assert!(refused.contains("host db1: `ansible_ssh_extra_args`: port: "), "{refused}");
        assert!(
            warnings.starts_with("with the ssh_config of this account, `run` refuses web[1-2]: bastion a: "),
            "{warnings}"
        );
        assert!(warnings.ends_with("`patchwave ssh-config HOST` shows what is said of one"), "{warnings}");
    }
}
