//! The inventory of a fleet, as a person would write it: Ansible's YAML, with a `patchwave` key.
//! Text only; the loader of inventories is not needed to make it.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    fleet::{Fleet, Host},
    spec::Role,
};

/// Groups in the order of the file: environment, then role.
type Groups<'a> = Vec<(&'static str, BTreeMap<Role, Vec<Host<'a>>>)>;

impl Fleet {
    /// The inventory of the fleet. It names the login key and the `known_hosts` file, so that it works on its own.
    pub fn inventory(&self) -> String {
        let mut text = String::from(
            "# SIMULATED hosts: SSH and the shell are real; packages, services and reboots are imitated.\nall:\n  vars:\n",
        );
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    ansible_host: 127.0.0.1\n    ansible_user: {}", self.user());
        let _ = writeln!(text, "    ansible_ssh_private_key_file: {}", quoted(&self.key_file().display().to_string()));
        let known = format!("-o UserKnownHostsFile={}", self.known_hosts().display());
        let _ = writeln!(text, "    ansible_ssh_common_args: {}\n  children:", quoted(&known));
        for (environment, roles) in self.groups() {
            let _ = writeln!(
                text,
                "    {environment}:\n      vars:\n        patchwave:\n          environment: {environment}"
            );
            text.push_str(environment_policy(environment));
            text.push_str("      children:\n");
            for (role, hosts) in roles {
                write_group(&mut text, environment, role, &hosts);
            }
        }
        text
    }

    fn groups(&self) -> Groups<'_> {
        let mut groups: Groups<'_> = Vec::new();
        for host in self.hosts() {
            let spec = host.spec();
            let at = groups.iter().position(|group| group.0 == spec.environment).unwrap_or_else(|| {
                groups.push((spec.environment, BTreeMap::new()));
                groups.len() - 1
            });
            groups[at].1.entry(spec.role).or_default().push(host);
        }
        groups
    }
}

fn write_group(text: &mut String, environment: &str, role: Role, hosts: &[Host<'_>]) {
    let group = format!("{environment}_{}", role.as_str());
    let _ = writeln!(text, "        {group}:\n          vars:\n            services: [ssh, {}]", role.service());
    if environment == "production" {
        text.push_str(role_policy(role));
    }
    text.push_str("          hosts:\n");
    for host in hosts {
        let _ = writeln!(text, "            {}: {{ ansible_port: {} }}", host.name(), host.port());
    }
}

/// The `patchwave` settings of an environment; production sets the rest by role.
fn environment_policy(environment: &str) -> &'static str {
    match environment {
        "development" => "          risk: low\n          batch: 100%\n",
        "staging" => "          risk: medium\n          canary: 1\n          batch: 100%\n",
        _ => "",
    }
}

/// The settings of production, by the risk of the role.
fn role_policy(role: Role) -> &'static str {
    match role {
        Role::Edge => "            patchwave: { risk: low, canary: 1, batch: 100% }\n",
        Role::Web | Role::App => "            patchwave: { risk: medium, canary: 1, batch: [50%, 100%] }\n",
        Role::Db => "            patchwave: { risk: critical, canary: 1, batch: 100%, max_failures: 0 }\n",
    }
}

/// A YAML scalar in single quotes: a temporary folder may be called anything.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
