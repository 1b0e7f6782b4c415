//! ssh_config laid under the inventory: what the inventory says wins, as in Ansible, which hands it to `ssh` as
//! options.

use std::{collections::HashMap, net::IpAddr, path::Path, sync::Arc};

use super::Failure;
use crate::{
    host::HostName,
    names,
    sshconfig::{self as conf, AddressFamily, AgentSocket, HostKeyChecking, Problem, Query, Resolved, SshConfig},
    target::{AgentChoice, Family, HostKeyPolicy, JumpHop, Proxy, SshSettings, Target, Without},
};

/// Bastions in front of bastions.
const LONGEST_CHAIN: usize = 8;
/// Where the words come from.
const WORDS: &str = "ansible_ssh_common_args";

/// Targets with what ssh_config adds. `trust_given`: the command line names the trusted host keys itself.
///
/// # Errors
/// All hosts that cannot be reached as it says; hosts with the same problem share a message.
pub(super) fn under(config: &SshConfig, targets: Vec<Target>, trust_given: bool) -> Result<Vec<Target>, Failure> {
    let mut reach = Reach { config, trust_given, shared: HashMap::new() };
    let mut done = Vec::with_capacity(targets.len());
    let mut wrong: Vec<(String, Vec<HostName>)> = Vec::new();
    for target in targets {
        let name = target.name.clone();
        match reach.one(target) {
            Ok(target) => done.push(target),
            Err(why) => match wrong.iter_mut().find(|(known, _)| *known == why) {
                Some((_, hosts)) => hosts.push(name),
                None => wrong.push((why, vec![name])),
            },
        }
    }
    if wrong.is_empty() {
        return Ok(done);
    }
    let told: Vec<String> = wrong.iter().map(|(why, hosts)| format!("{}: {why}", names::fold(hosts))).collect();
    Err(Failure::usage(told.join("\n")).help(
        "patchwave does not guess how to reach a host; `patchwave ssh-config HOST` shows what is said of one, \
         `-F none` reads no ssh_config",
    ))
}

struct Reach<'a> {
    config: &'a SshConfig,
    trust_given: bool,
    /// Equal settings are held once.
    shared: HashMap<SshSettings, Arc<SshSettings>>,
}

impl Reach<'_> {
    fn one(&mut self, mut target: Target) -> Result<Target, String> {
        let mut query = Query {
            host: target.address.clone(),
            user: target.user.clone(),
            port: target.port,
            source: WORDS.to_owned(),
            ..Query::default()
        };
        query.options.extend(target.host_keys.map(|policy| format!("StrictHostKeyChecking={}", word(policy))));
        options(&std::mem::take(&mut target.ssh_args), &mut query)?;
        let found = self.resolve(&query)?;
        if let Some(problem) = self.refusal(&found) {
            return Err(problem);
        }
        // The name is only replaced where one is said: what the inventory wrote stays as it is.
        if !found.host_name.eq_ignore_ascii_case(&target.address) {
            target.address.clone_from(&found.host_name);
        }
        target.port = found.port;
        target.user.clone_from(&found.user);
        target.host_keys = target.host_keys.or(policy(&found));
        // Zero stands for no limit of OpenSSH's own; ours stays.
        target.limits.connect = found.connect_timeout.filter(|limit| !limit.is_zero()).unwrap_or(target.limits.connect);
        if let Some(interval) = found.alive_interval.filter(|interval| !interval.is_zero()) {
            target.limits.silence = interval.saturating_mul(found.alive_count.saturating_add(1));
        }
        target.proxy = self.proxy(target.proxy.take(), &found)?;
        target.ssh = self.settings(&found)?;
        Ok(target)
    }

    fn resolve(&self, query: &Query) -> Result<Resolved, String> {
        let found = self.config.resolve(query).map_err(|error| error.to_string())?;
        found.connectable().map_err(Problem::to_string)?;
        Ok(found)
    }

    fn refusal(&self, found: &Resolved) -> Option<String> {
        if self.trust_given {
            return None;
        }
        let records = found.host_key_checking == Some(HostKeyChecking::AcceptNew);
        let first = found.user_known_hosts.as_ref().and_then(|files| files.first());
        (records && first.is_some_and(|file| file == Path::new("/dev/null"))).then(|| {
            "UserKnownHostsFile /dev/null with StrictHostKeyChecking accept-new would believe any key".to_owned()
        })
    }

    /// What the inventory says of the way, else what ssh_config says; each bastion with what is said of itself.
    fn proxy(&mut self, own: Option<Proxy>, found: &Resolved) -> Result<Option<Proxy>, String> {
        match own {
            Some(Proxy::Jump(hops)) => self.chain(hops, LONGEST_CHAIN).map(Proxy::Jump).map(Some),
            Some(own) => Ok(Some(own)),
            None => self.way(found, LONGEST_CHAIN),
        }
    }

    fn way(&mut self, found: &Resolved, left: usize) -> Result<Option<Proxy>, String> {
        Ok(match &found.proxy {
            conf::Proxy::Direct => None,
            // The transport would replace tokens once more.
            conf::Proxy::Command(command) => Some(Proxy::Command(command.replace('%', "%%"))),
            conf::Proxy::Jump(hops) => {
                let hop = |hop: &conf::Hop| JumpHop {
                    user: hop.user.clone(),
                    host: hop.host.clone(),
                    port: hop.port,
                    ssh: Arc::default(),
                };
                Some(Proxy::Jump(self.chain(hops.iter().map(hop).collect(), left)?))
            }
        })
    }

    /// Bastions by their own sections; only the first may have bastions before it.
    fn chain(&mut self, hops: Vec<JumpHop>, left: usize) -> Result<Vec<JumpHop>, String> {
        let mut chain = Vec::with_capacity(hops.len());
        for (at, hop) in hops.into_iter().enumerate() {
            let query = Query { host: hop.host.clone(), user: hop.user, port: hop.port, ..Query::default() };
            let found = self.resolve(&query).map_err(|why| format!("bastion {}: {why}", hop.host))?;
            if at == 0 {
                let left = left.checked_sub(1).ok_or_else(|| {
                    format!(
                        "bastion {}: more than {LONGEST_CHAIN} bastions stand before it; is there a loop?",
                        hop.host
                    )
                })?;
                match self.way(&found, left)? {
                    Some(Proxy::Jump(before)) => chain.extend(before),
                    Some(Proxy::Command(_)) => {
                        return Err(format!("bastion {}: a ProxyCommand for a bastion is not supported", hop.host));
                    }
                    Some(Proxy::None) | None => {}
                }
            }
            let ssh = self.settings(&found).map_err(|why| format!("bastion {}: {why}", hop.host))?;
            chain.push(JumpHop { user: found.user.clone(), host: found.host_name.clone(), port: found.port, ssh });
        }
        Ok(chain)
    }

    fn settings(&mut self, found: &Resolved) -> Result<Arc<SshSettings>, String> {
        if let Some(certificate) = found.certificate_files.first() {
            return Err(format!("CertificateFile {} is not supported; an agent can hold it", certificate.written));
        }
        let bind = match &found.bind_address {
            None => None,
            Some(text) => Some(
                text.parse::<IpAddr>()
                    .map_err(|_| format!("BindAddress {text} is a name; only addresses are supported"))?,
            ),
        };
        let spec = |list: &Option<conf::AlgorithmList>| list.as_ref().map(|list| list.as_str().to_owned());
        let preferred = |method: &str| {
            found.preferred_authentications.as_ref().is_none_or(|methods| methods.iter().any(|known| known == method))
        };
        let settings = SshSettings {
            identity_files: found.identity_files.iter().map(|key| key.path.clone()).collect(),
            identities_only: found.identities_only,
            agent: match &found.agent {
                AgentSocket::Environment => AgentChoice::Usual,
                AgentSocket::None => AgentChoice::None,
                AgentSocket::Path(path) => AgentChoice::Socket(path.clone()),
            },
            user_known_hosts: found.user_known_hosts.clone().filter(|_| !self.trust_given),
            global_known_hosts: found.global_known_hosts.clone().filter(|_| !self.trust_given),
            host_key_alias: found.host_key_alias.clone(),
            family: match found.family {
                AddressFamily::Any => Family::Any,
                AddressFamily::Inet => Family::V4,
                AddressFamily::Inet6 => Family::V6,
            },
            bind,
            kex: spec(&found.kex),
            ciphers: spec(&found.ciphers),
            macs: spec(&found.macs),
            host_keys: spec(&found.host_keys),
            without: Without {
                keys: !found.pubkey_authentication || !preferred("publickey"),
                password: !found.password_authentication || !preferred("password"),
                interactive: !found.interactive_authentication || !preferred("keyboard-interactive"),
            },
        };
        let shared = self.shared.entry(settings).or_insert_with_key(|settings| Arc::new(settings.clone()));
        Ok(Arc::clone(shared))
    }
}

/// What the inventory says, in ssh's words.
fn word(policy: HostKeyPolicy) -> &'static str {
    match policy {
        HostKeyPolicy::Strict => "yes",
        HostKeyPolicy::AcceptNew => "accept-new",
        HostKeyPolicy::Ask => "ask",
    }
}

/// `ask` leaves the choice to the command line, as saying nothing does.
fn policy(found: &Resolved) -> Option<HostKeyPolicy> {
    match found.host_key_checking? {
        HostKeyChecking::Yes => Some(HostKeyPolicy::Strict),
        HostKeyChecking::AcceptNew => Some(HostKeyPolicy::AcceptNew),
        HostKeyChecking::Ask | HostKeyChecking::No => None,
    }
}

/// ssh's options in words: into the query, as far as they say how to connect.
fn options(words: &[String], query: &mut Query) -> Result<(), String> {
    let refuse = |word: &str| format!("`{word}` in {WORDS} is not understood");
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some((flag, glued)) = word.strip_prefix('-').and_then(|rest| Some((rest.get(..1)?, rest.get(1..)?))) else {
            return Err(refuse(word));
        };
        match flag {
            "o" | "p" | "l" | "i" => {
                let value = if glued.is_empty() { words.next().ok_or_else(|| refuse(word))?.as_str() } else { glued };
                query.options.push(match flag {
                    "p" => format!("Port={value}"),
                    "l" => format!("User={value}"),
                    "i" => {
                        query.identities.push(value.to_owned());
                        continue;
                    }
                    _ => value.to_owned(),
                });
            }
            "4" | "6" if glued.is_empty() => {
                query.options.push(format!("AddressFamily={}", if flag == "4" { "inet" } else { "inet6" }));
            }
            // Compression, quiet, no agent, no X11, no terminal: nothing of where or how we connect.
            "C" | "q" | "a" | "x" | "T" if glued.is_empty() => {}
            _ => return Err(refuse(word)),
        }
    }
    Ok(())
}
