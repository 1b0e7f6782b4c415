//! Jump hosts that are patched themselves: while one reboots, every host behind it is out of reach. A plan may have one
//! only after all hosts that go through it, and alone in its wave.

use std::collections::HashMap;

use super::Plan;
use crate::{
    host::HostName,
    names,
    target::{JumpHop, Proxy, SSH_PORT, Target},
    yaml::Problems,
};

/// The jump hosts in the plan that would cut off other hosts of the plan while they are patched. `targets` are the
/// plan's hosts.
///
/// Jump hosts inside a `ProxyCommand` are not found.
pub fn jump_hosts_in_use<'t>(plan: &Plan, targets: impl IntoIterator<Item = &'t Target>) -> Problems {
    let targets: Vec<&Target> = targets.into_iter().collect();
    let known = Known::new(&targets);
    let mut behind: HashMap<&HostName, Vec<&HostName>> = HashMap::new();
    for target in &targets {
        let Some(Proxy::Jump(hops)) = &target.proxy else { continue };
        for bastion in hops.iter().flat_map(|hop| known.hosts(hop)).filter(|name| **name != target.name) {
            let hosts = behind.entry(bastion).or_default();
            if hosts.last() != Some(&&target.name) {
                hosts.push(&target.name);
            }
        }
    }
    let mut problems = Problems::default();
    if behind.is_empty() {
        return problems;
    }
    let waves: HashMap<&HostName, (usize, usize)> =
        plan.hosts().map(|(host, stage, wave)| (&host.name, (stage, wave))).collect();
    for (bastion, stage, wave) in plan.hosts() {
        let Some(hosts) = behind.get(&bastion.name) else { continue };
        let alone = plan.stages[stage].waves[wave].hosts.len() == 1;
        let last = hosts.iter().all(|host| waves.get(*host).is_none_or(|at| *at < (stage, wave)));
        if !(alone && last) {
            report(&mut problems, &bastion.name, hosts);
        }
    }
    problems
}

fn report(problems: &mut Problems, bastion: &HostName, hosts: &[&HostName]) {
    let behind: Vec<HostName> = hosts.iter().map(|host| (*host).clone()).collect();
    problems
        .nowhere(format!(
            "{bastion} is the jump host for {} of this plan ({}), which would be cut off while it is patched",
            if behind.len() == 1 { "a host".to_owned() } else { format!("{} hosts", behind.len()) },
            names::fold(&behind)
        ))
        .help(format!(
            "leave it out (`--limit 'all:!{bastion}'`) and patch it in a separate run, or give it its own last stage \
             in the playbook: `- {{ hosts: {bastion}, batch: 1 }}`"
        ));
}

/// The targets under the names and addresses that a hop may use for them.
struct Known<'t> {
    names: HashMap<String, &'t HostName>,
    addresses: HashMap<(String, u16), Vec<&'t HostName>>,
}

impl<'t> Known<'t> {
    fn new(targets: &[&'t Target]) -> Self {
        let mut known = Self { names: HashMap::new(), addresses: HashMap::new() };
        for target in targets {
            known.names.insert(target.name.as_str().to_ascii_lowercase(), &target.name);
            // One address with several ports means several machines.
            let place = (target.address.to_ascii_lowercase(), target.port.unwrap_or(SSH_PORT));
            known.addresses.entry(place).or_default().push(&target.name);
        }
        known
    }

    fn hosts(&self, hop: &JumpHop) -> Vec<&'t HostName> {
        let name = hop.host.to_ascii_lowercase();
        let mut found: Vec<&HostName> = self.names.get(&name).copied().into_iter().collect();
        for host in self.addresses.get(&(name, hop.port.unwrap_or(SSH_PORT))).into_iter().flatten() {
            if !found.contains(host) {
                found.push(host);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{inventory::Inventory, inventory::NoRuns, plan::build, playbook::load_text};

    const FLEET: &str = "
all:
  vars: { patchwave: { environment: production, risk: low } }
  children:
    ways:
      hosts:
        b1: { ansible_host: 10.0.0.1 }
        b2: { ansible_host: 10.0.0.2, ansible_ssh_common_args: -J ops@b1 }
    inside:
      vars: { ansible_ssh_common_args: -o ProxyJump=10.0.0.1 }
      hosts: { 'web[1:4]': }
    deep:
      vars: { ansible_ssh_common_args: '-J b1,B2:22' }
      hosts: { db1: }
    elsewhere:
      vars: { ansible_ssh_common_args: '-J 10.0.0.1:2222' }
      hosts: { x1: }
";

    /// The jump hosts to report, each with how many hosts are behind it.
    fn check(rollout: &str, pattern: &str, expected: &[&str]) {
        let inventory = Inventory::from_text("inv.yml", FLEET).unwrap_or_else(|problems| panic!("{problems}"));
        let text = format!("name: p\nsteps: [pause: 1s]\nrollout: {rollout}\n");
        let playbook =
            load_text(Path::new("/nonexistent/p.yml"), &text).unwrap_or_else(|problems| panic!("{problems}"));
        let selected = inventory.select(pattern, &NoRuns).unwrap();
        let plan = build(&inventory, &playbook, &selected).unwrap_or_else(|problems| panic!("{problems}"));
        let targets = inventory.targets(&selected).unwrap_or_else(|problems| panic!("{problems}"));
        let problems = jump_hosts_in_use(&plan, &targets);
        let reported: Vec<String> =
            problems.0.iter().map(|p| p.message.split(" of this").next().unwrap().to_owned()).collect();
        assert_eq!(reported, expected, "{rollout} {pattern}");
    }

    #[test]
    fn a_jump_host_among_its_hosts_is_reported() {
        check("{}", "inside:elsewhere", &[]);
        check("{}", "ways:!b2", &[]);
        check("{}", "b1:x1", &[]);
        check("{}", "b1:inside", &["b1 is the jump host for 4 hosts"]);
        check("{}", "b1:b2", &["b1 is the jump host for a host"]);
        check("{}", "all", &["b1 is the jump host for 6 hosts", "b2 is the jump host for a host"]);
    }

    #[test]
    fn last_and_alone_is_fine() {
        check("{stages: [{hosts: 'all:!ways'}, {hosts: b2, batch: 1}, {hosts: b1, batch: 1}]}", "all", &[]);
        check("{stages: [{hosts: 'all:!b1'}, {hosts: b1}]}", "all", &["b2 is the jump host for a host"]);
        check("{stages: [{hosts: b1}, {hosts: inside}]}", "b1:inside", &["b1 is the jump host for 4 hosts"]);
        check(
            "{stages: [{hosts: inside}, {hosts: 'b1:x1', batch: 2}]}",
            "b1:inside:x1",
            &["b1 is the jump host for 4 hosts"],
        );
        check("{stages: [{hosts: inside}, {hosts: 'b1:x1', batch: 1}]}", "b1:inside:x1", &[]);
    }
}
