//! Names that are nearly those of Ansible's connection variables. Ansible ignores such a variable without a message,
//! and then reaches the host in another way than the inventory seems to say. Knows names, not values. Start at
//! [`Inventory::near_misses`].

use std::{collections::HashSet, sync::Arc};

use indexmap::IndexMap;

use super::{
    aliases::{self, REFUSED},
    group::{Inventory, Layer},
};
use crate::{
    host::HostName,
    target::Method,
    yaml::{Problem, Problems, Span, Value, nearest_within},
};

/// Names that change how a host is reached and are in no list of [`aliases`].
const OTHERS: [&str; 6] = [
    "ansible_connection",
    "ansible_become",
    "ansible_become_method",
    "ansible_shell_type",
    "ansible_ssh_password_mechanism",
    "ansible_group_priority",
];

/// Names of Ansible's own that are near to one of those and change nothing here.
const HARMLESS: [&str; 6] = [
    "ansible_scp_executable",
    "ansible_scp_extra_args",
    "ansible_sftp_extra_args",
    "ansible_sftp_executable",
    "ansible_ssh_retries",
    "ansible_forks",
];

/// After `ansible_`: other connection and become plugins of Ansible, whose variables change nothing here.
const PLUGINS: [&str; 12] = [
    "ksu_",
    "sesu_",
    "dzdo_",
    "pbrun_",
    "pmrun_",
    "pfexec_",
    "runas_",
    "sudosu_",
    "winrm_",
    "psrp_",
    "libssh_",
    "paramiko_",
];

/// After `ansible_`: names of this length or more may have two typos.
const LONG: usize = 8;

impl Inventory {
    /// What a person should know before these hosts are reached: what Ansible only warns about, and
    /// [near misses](Self::near_misses).
    pub fn cautions(&self, hosts: &[HostName]) -> Problems {
        let mut cautions = self.warnings.clone();
        cautions.extend(self.near_misses(hosts));
        cautions
    }

    /// Variables of these hosts whose names are nearly those of connection variables: each name once, at its first
    /// place.
    pub fn near_misses(&self, hosts: &[HostName]) -> Problems {
        let known = known();
        let mut seen: HashSet<*const Layer> = HashSet::new();
        let mut found: IndexMap<&str, (&str, &Span, usize)> = IndexMap::new();
        let of_hosts = hosts.iter().filter_map(|name| self.host(name));
        let layers = of_hosts.flat_map(|host| self.sets[host.set].layers.iter().chain(&host.layers)).map(Arc::as_ref);
        for layer in std::iter::once(&self.extra).chain(layers).filter(|layer| seen.insert(*layer)) {
            for (key, node) in &layer.vars {
                // Connection variables are never lists or mappings, so this one is not a typo.
                if matches!(node.value, Value::Map(_) | Value::Seq(_)) {
                    continue;
                }
                if let Some(near) = near_miss(&key.text, &known) {
                    found.entry(&key.text).or_insert((near, &key.span, 0)).2 += 1;
                }
            }
        }
        let problem = |(name, (near, span, places)): (&str, (&str, &Span, usize))| Problem {
            span: Some(span.clone()),
            message: format!("`{name}` does not change how a host is reached; did you mean `{near}`?"),
            help: (places > 1).then(|| format!("it is in {places} places; this is the first")),
        };
        Problems(found.into_iter().map(problem).collect())
    }
}

/// Every name that changes how a host is reached.
fn known() -> Vec<&'static str> {
    let lists = [
        aliases::ADDRESS,
        aliases::PORT,
        aliases::USER,
        aliases::PASSWORD,
        aliases::KEY_FILE,
        aliases::HOST_KEY_CHECKING,
        aliases::CONNECT_TIMEOUT,
        &aliases::SSH_ARGS,
        &OTHERS,
    ];
    let methods = [Method::Sudo, Method::Su, Method::Doas].map(aliases::of_method);
    let of_methods = methods.iter().flat_map(|method| {
        let refused = method.refused.iter().map(|(name, _)| *name);
        method.user.iter().chain(method.password).copied().chain(refused)
    });
    let refused = REFUSED.iter().map(|(name, _)| *name);
    lists.into_iter().flatten().copied().chain(of_methods).chain(refused).collect()
}

/// The name that `name` nearly is.
fn near_miss(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let own = name.strip_prefix("ansible_").unwrap_or_default();
    if known.contains(&name) || HARMLESS.contains(&name) || PLUGINS.iter().any(|plugin| own.starts_with(plugin)) {
        return None;
    }
    let typos = |candidate: &str| if candidate.len() - "ansible_".len() < LONG { 1 } else { 2 };
    nearest_within(name, known.iter().copied(), typos)
}

#[cfg(test)]
#[path = "near_misses_tests.rs"]
mod tests;
