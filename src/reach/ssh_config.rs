//! Adds ssh_config to the targets of an inventory. The inventory wins, as in Ansible, which passes its settings to
//! `ssh` as options.

use std::{collections::HashMap, fmt, path::Path, sync::Arc, time::Duration};

use crate::{
    host::HostName,
    names,
    sshconfig::{self as conf, AddressFamily, AgentSocket, HostKeyChecking, Problem, Query, Resolved, SshConfig},
    target::{AgentChoice, Family, HostKeyPolicy, JumpHop, Proxy, SshSettings, Target},
};

/// The longest chain of bastions.
const LONGEST_CHAIN: usize = 8;
/// The variable that the words come from.
const WORDS: &str = "ansible_ssh_common_args";

/// The targets with what ssh_config adds. `trust_given`: the command line names the trusted host keys itself.
///
/// # Errors
/// All hosts that cannot be reached as ssh_config says; hosts with the same problem share a message.
pub fn under(config: &SshConfig, targets: Vec<Target>, trust_given: bool) -> Result<Vec<Target>, Refused> {
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
    Err(Refused(wrong))
}

/// Hosts that cannot be reached as ssh_config says: each reason, with its hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub Vec<(String, Vec<HostName>)>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.0.iter().map(|(why, hosts)| format!("{}: {why}", names::fold(hosts))).collect();
        f.write_str(&told.join("\n"))
    }
}

struct Reach<'a> {
    config: &'a SshConfig,
    trust_given: bool,
    /// Equal settings are stored once.
    shared: HashMap<SshSettings, Arc<SshSettings>>,
}

impl Reach<'_> {
    fn one(&mut self, mut target: Target) -> Result<Target, String> {
        let words = std::mem::take(&mut target.ssh_args);
        let query = query(&target, &words).map_err(|word| format!("`{word}` in {WORDS} is not understood"))?;
        let found = self.resolve(&query)?;
        if let Some(problem) = self.accepts_any_key(&found) {
            return Err(problem);
        }
        // The name is replaced only if ssh_config sets one; otherwise it stays as the inventory wrote it.
        if !found.host_name.eq_ignore_ascii_case(&target.address) {
            target.address.clone_from(&found.host_name);
        }
        target.port = found.port;
        target.user.clone_from(&found.user);
        target.host_keys = target.host_keys.or(policy(&found));
        target.limits = target.limits.connecting_within(connect_timeout(&found));
        target.limits.silence = silence(&found).unwrap_or(target.limits.silence);
        target.proxy = self.proxy(target.proxy.take(), &found)?;
        target.ssh = self.settings(&found);
        Ok(target)
    }

    fn resolve(&self, query: &Query) -> Result<Resolved, String> {
        let found = self.config.resolve(query).map_err(|error| error.to_string())?;
        found.connectable().map_err(Problem::to_string)?;
        Ok(found)
    }

    fn accepts_any_key(&self, found: &Resolved) -> Option<String> {
        if self.trust_given { None } else { accepts_any_key(found) }
    }

    /// The inventory's proxy, else that of ssh_config; each bastion with what ssh_config says about it.
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
            conf::Proxy::Command(command) => Some(Proxy::Command(plain(command))),
            conf::Proxy::Jump(hops) => {
                let hop = |hop: &conf::Hop| JumpHop {
                    user: hop.user.clone(),
                    host: hop.host.clone(),
                    port: hop.port,
                    ..JumpHop::default()
                };
                Some(Proxy::Jump(self.chain(hops.iter().map(hop).collect(), left)?))
            }
        })
    }

    /// Looks up each bastion in ssh_config; only the first may have bastions in front of it.
    fn chain(&mut self, hops: Vec<JumpHop>, left: usize) -> Result<Vec<JumpHop>, String> {
        let mut chain = Vec::with_capacity(hops.len());
        for (at, hop) in hops.into_iter().enumerate() {
            let query = Query { host: hop.host.clone(), user: hop.user, port: hop.port, ..Query::default() };
            let found = self.resolve(&query).map_err(|why| format!("bastion {}: {why}", hop.host))?;
            let mut command = None;
            if at == 0 {
                let left = left.checked_sub(1).ok_or_else(|| {
                    format!(
                        "bastion {}: more than {LONGEST_CHAIN} bastions are in front of it; is there a loop?",
                        hop.host
                    )
                })?;
                match self.way(&found, left)? {
                    Some(Proxy::Jump(before)) => chain.extend(before),
                    Some(Proxy::Command(line)) => command = Some(line),
                    Some(Proxy::None) | None => {}
                }
            }
            if let Some(problem) = self.accepts_any_key(&found) {
                return Err(format!("bastion {}: {problem}", hop.host));
            }
            chain.push(JumpHop {
                user: found.user.clone(),
                host: found.host_name.clone(),
                port: found.port,
                ssh: self.settings(&found),
                command,
                host_keys: policy(&found),
                connect: connect_timeout(&found),
                silence: silence(&found),
                ..JumpHop::default()
            });
        }
        Ok(chain)
    }

    fn settings(&mut self, found: &Resolved) -> Arc<SshSettings> {
        let spec = |list: &Option<conf::AlgorithmList>| list.as_ref().map(|list| list.as_str().to_owned());
        let settings = SshSettings {
            identity_files: found.identity_files.iter().map(|key| key.path.clone()).collect(),
            certificate_files: found.certificate_files.iter().map(|file| file.path.clone()).collect(),
            agent: match &found.agent {
                AgentSocket::Environment => AgentChoice::Usual,
                AgentSocket::None => AgentChoice::None,
                AgentSocket::Path(path) => AgentChoice::Socket(path.clone()),
            },
            user_known_hosts: found.user_known_hosts.clone().filter(|_| !self.trust_given),
            global_known_hosts: found.global_known_hosts.clone().filter(|_| !self.trust_given),
            revoked: found.revoked_host_keys.clone(),
            hash_names: found.hash_known_hosts,
            host_key_alias: found.host_key_alias.clone(),
            family: match found.family {
                AddressFamily::Any => Family::Any,
                AddressFamily::Inet => Family::V4,
                AddressFamily::Inet6 => Family::V6,
            },
            bind: found.bind.clone(),
            attempts: Some(found.connection_attempts).filter(|attempts| *attempts > 1),
            no_tcp_keepalive: !found.tcp_keep_alive,
            kex: spec(&found.kex),
            ciphers: spec(&found.ciphers),
            macs: spec(&found.macs),
            host_keys: spec(&found.host_keys),
            authorities: found.authorities.clone(),
            least_rsa: found.required_rsa_size,
            login: found.login.clone(),
            variables: found.environment.clone(),
        };
        let shared = self.shared.entry(settings).or_insert_with_key(|settings| Arc::new(settings.clone()));
        Arc::clone(shared)
    }
}

/// Why the host's keys would not be checked at all: unknown keys are recorded, but in a file that keeps nothing.
pub(super) fn accepts_any_key(found: &Resolved) -> Option<String> {
    let records = found.host_key_checking == Some(HostKeyChecking::AcceptNew);
    let files = found.user_known_hosts.as_ref().filter(|_| records)?;
    let forgets = match files.first() {
        None => "none",
        Some(file) if file == Path::new("/dev/null") => "/dev/null",
        Some(_) => return None,
    };
    Some(format!("UserKnownHostsFile {forgets} with StrictHostKeyChecking accept-new would accept any key, every time"))
}

/// The query to ssh_config for a target, with these options of ssh.
///
/// # Errors
/// The word that is not understood.
pub(super) fn query(target: &Target, words: &[String]) -> Result<Query, String> {
    let mut query = Query {
        host: target.address.clone(),
        user: target.user.clone(),
        port: target.port,
        source: WORDS.to_owned(),
        ..Query::default()
    };
    query.options.extend(target.host_keys.map(|policy| format!("StrictHostKeyChecking={}", word(policy))));
    options(words, &mut query)?;
    Ok(query)
}

/// Escapes a command whose tokens are replaced, because the transport replaces tokens again.
fn plain(command: &str) -> String {
    command.replace('%', "%%")
}

/// `ConnectTimeout`. Zero means no limit in OpenSSH; our own limit stays.
fn connect_timeout(found: &Resolved) -> Option<Duration> {
    found.connect_timeout.filter(|limit| !limit.is_zero())
}

/// The longest silence that `ServerAlive…` tolerates.
fn silence(found: &Resolved) -> Option<Duration> {
    let interval = found.alive_interval.filter(|interval| !interval.is_zero())?;
    Some(interval.saturating_mul(found.alive_count.saturating_add(1)))
}

/// The inventory's setting in ssh's words.
fn word(policy: HostKeyPolicy) -> &'static str {
    match policy {
        HostKeyPolicy::Strict => "yes",
        HostKeyPolicy::AcceptNew => "accept-new",
        HostKeyPolicy::Ask => "ask",
    }
}

/// `ask` leaves the choice to the command line, as if nothing were set.
fn policy(found: &Resolved) -> Option<HostKeyPolicy> {
    match found.host_key_checking? {
        HostKeyChecking::Yes => Some(HostKeyPolicy::Strict),
        HostKeyChecking::AcceptNew => Some(HostKeyPolicy::AcceptNew),
        HostKeyChecking::Ask | HostKeyChecking::No => None,
    }
}

/// Puts ssh's options into the query, as far as they say how to connect.
///
/// # Errors
/// The first word that is not understood; those before it are in the query.
pub(super) fn options(words: &[String], query: &mut Query) -> Result<(), String> {
    let refuse = |word: &str| word.to_owned();
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
            // Compression, quiet, no agent, no X11, no terminal: these do not change where or how we connect.
            "C" | "q" | "a" | "x" | "T" if glued.is_empty() => {}
            _ => return Err(refuse(word)),
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "ssh_config_tests.rs"]
mod tests;
