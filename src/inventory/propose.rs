//! What `patchwave` variables hosts may need that have none: environment and risk, guessed from the names of groups.
//! Knows names only, and says for each guess what it comes from. Start at [`Inventory::proposal`].

use std::{collections::BTreeSet, fmt::Write as _};

use super::Inventory;
use crate::{
    host::{HostName, Risk},
    names,
};

/// Words in the name of a group, with the environment that they stand for. The last one is the most careful choice.
const ENVIRONMENTS: [(&str, &[&str]); 3] = [
    ("development", &["dev", "devel", "development", "sandbox", "lab", "playground"]),
    (
        "staging",
        &[
            "stage",
            "staging",
            "stg",
            "test",
            "testing",
            "tst",
            "qa",
            "uat",
            "acceptance",
            "preprod",
            "nonprod",
            "preproduction",
            "integration",
            "ci",
        ],
    ),
    ("production", &["prod", "production", "prd", "live"]),
];

/// Words in the name of a group, with the risk of its hosts.
const RISKS: [(Risk, &[&str]); 4] = [
    (Risk::Low, &["canary", "canaries", "pilot"]),
    (Risk::Medium, &["web", "webserver", "webservers", "www", "frontend", "app", "apps", "worker", "workers", "cache"]),
    (
        Risk::High,
        &[
            "db",
            "dbs",
            "dbserver",
            "dbservers",
            "database",
            "databases",
            "sql",
            "mysql",
            "mariadb",
            "postgres",
            "postgresql",
            "oracle",
            "mongo",
            "mongodb",
            "redis",
            "storage",
            "ceph",
            "nfs",
            "mail",
            "kafka",
        ],
    ),
    (
        Risk::Critical,
        &[
            "bastion",
            "bastions",
            "jump",
            "dns",
            "ldap",
            "kdc",
            "ad",
            "vpn",
            "firewall",
            "firewalls",
            "fw",
            "gateway",
            "gateways",
            "lb",
            "loadbalancer",
            "loadbalancers",
            "haproxy",
            "etcd",
            "master",
            "masters",
            "control",
            "controlplane",
            "hypervisor",
            "hypervisors",
        ],
    ),
];

/// A guess for a group, and the word that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Guess {
    environment: Option<(&'static str, String)>,
    risk: Option<(Risk, String)>,
}

/// What a file would have to say so that every host has an environment and a risk.
#[derive(Debug, Default)]
pub struct Proposal {
    /// Groups, with the numbers of their hosts.
    groups: Vec<(String, usize, Guess)>,
    /// Hosts of several environments, below a group that lists them.
    torn: Vec<(String, Vec<Torn>)>,
    /// Hosts without an environment, and without a risk, after all guesses.
    rest: [Vec<HostName>; 2],
}

/// A host whose groups stand for several environments.
#[derive(Debug)]
struct Torn {
    host: HostName,
    environments: Vec<&'static str>,
}

impl Inventory {
    /// What to add for hosts that have no environment or no risk. It never changes what the inventory says already.
    pub fn proposal(&self) -> Proposal {
        let mut proposal = Proposal::default();
        let named = &self.names[..self.ordered.len()];
        let said: Vec<[bool; 2]> = named.iter().map(|host| self.said(host)).collect();
        // What each host would get.
        let mut environments: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); said.len()];
        let mut risks = vec![None; said.len()];
        let mut order: Vec<usize> = (2..self.groups.len()).collect();
        order.sort_by_key(|group| self.groups[*group].depth);
        for group in order {
            let members: Vec<usize> = self.members(group).into_iter().filter(|host| self.is_explicit(*host)).collect();
            let name = &self.groups[group].name;
            let lacks = |what: usize| !members.is_empty() && members.iter().all(|host| !said[*host][what]);
            let mut guess = Guess { environment: None, risk: None };
            if let Some((at, word)) = environment(name).filter(|_| lacks(0)) {
                let known = members.iter().all(|host| environments[*host].contains(&at));
                for host in &members {
                    environments[*host].insert(at);
                }
                if !known {
                    guess.environment = Some((ENVIRONMENTS[at].0, word));
                }
            }
            // Where nobody works, a failure hurts little.
            let rehearsal = environment(name).filter(|(at, _)| ENVIRONMENTS[*at].0 != "production");
            let risk = risk(name).or(rehearsal.map(|(_, word)| (Risk::Low, word)));
            if let Some((risk, word)) = risk.filter(|_| lacks(1)) {
                let known = members.iter().all(|host| risks[*host] == Some(risk));
                members.iter().for_each(|host| risks[*host] = Some(risk));
                if !known {
                    guess.risk = Some((risk, word));
                }
            }
            if guess.environment.is_some() || guess.risk.is_some() {
                proposal.groups.push((name.clone(), members.len(), guess));
            }
        }
        for (at, host) in named.iter().enumerate() {
            if environments[at].len() > 1 {
                let environments = environments[at].iter().map(|environment| ENVIRONMENTS[*environment].0).collect();
                let listed = self.hosts[at].groups.first().map_or("all", |group| &self.groups[*group].name);
                let torn = Torn { host: host.clone(), environments };
                match proposal.torn.iter_mut().find(|(group, _)| group == listed) {
                    Some((_, hosts)) => hosts.push(torn),
                    None => proposal.torn.push((listed.to_owned(), vec![torn])),
                }
            }
            for (what, guessed) in [!environments[at].is_empty(), risks[at].is_some()].into_iter().enumerate() {
                if !said[at][what] && !guessed {
                    proposal.rest[what].push(host.clone());
                }
            }
        }
        proposal
    }

    /// Whether the inventory says the environment and the risk of a host.
    fn said(&self, host: &HostName) -> [bool; 2] {
        let policy = self.policy(host);
        [policy.environment.is_some(), policy.risk.is_some()]
    }
}

impl Proposal {
    /// Whether the inventory says everything already.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.rest.iter().all(Vec::is_empty)
    }

    /// An inventory that is read after the other one; every guess has a comment with its reason.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let [no_environment, no_risk] = &self.rest;
        if !no_environment.is_empty() || !no_risk.is_empty() {
            text.push_str("all:\n  vars:\n    patchwave:\n");
            for (key, value, hosts) in
                [("environment", "production", no_environment), ("risk", Risk::High.as_str(), no_risk)]
            {
                if !hosts.is_empty() {
                    let line = format!("no group says it for {}; this is the careful choice", some(hosts));
                    let _ = writeln!(text, "      # REVIEW: {line}\n      {key}: {value}");
                }
            }
        }
        for (name, count, guess) in &self.groups {
            let hosts = if *count == 1 { "1 host".to_owned() } else { format!("{count} hosts") };
            let _ = writeln!(text, "{}: # {hosts}\n  vars:\n    patchwave:", quoted(name));
            let environment = guess.environment.as_ref().map(|(value, word)| ("environment", *value, word));
            let risk = guess.risk.as_ref().map(|(value, word)| ("risk", value.as_str(), word));
            for (key, value, word) in [environment, risk].into_iter().flatten() {
                let _ = writeln!(text, "      {key}: {value} # REVIEW: from \"{word}\" in the name");
            }
            let torn = self.torn.iter().find(|(group, _)| group == name);
            text.extend(torn.map(|(_, torn)| hosts_text(torn)));
        }
        for (name, torn) in self.torn.iter().filter(|(name, _)| !self.groups.iter().any(|(group, ..)| group == name)) {
            let _ = write!(text, "{}:\n{}", quoted(name), hosts_text(torn));
        }
        text
    }
}

/// The most careful environment for each of these hosts.
fn hosts_text(torn: &[Torn]) -> String {
    let mut text = "  hosts:\n".to_owned();
    for Torn { host, environments } in torn {
        let careful = environments.last().copied().unwrap_or("production");
        let groups = environments.join(" and of ");
        let _ = writeln!(
            text,
            "    {}: {{ patchwave: {{ environment: {careful} }} }} # REVIEW: in groups of {groups}",
            quoted(host.as_str())
        );
    }
    text
}

/// The environment that a group's name has, as a number in [`ENVIRONMENTS`], and the word.
fn environment(name: &str) -> Option<(usize, String)> {
    let words = words(name);
    (0..ENVIRONMENTS.len()).find_map(|at| {
        let word = words.iter().find(|word| ENVIRONMENTS[at].1.contains(&word.as_str()))?;
        Some((at, word.clone()))
    })
}

/// The risk that a group's name has, and the word: the highest, unless it is a group of canaries.
fn risk(name: &str) -> Option<(Risk, String)> {
    let words = words(name);
    let found = |(risk, known): &(Risk, &[&str])| {
        let word = words.iter().find(|word| known.contains(&word.as_str()))?;
        Some((*risk, word.clone()))
    };
    found(&RISKS[0]).or_else(|| RISKS[1..].iter().rev().find_map(found))
}

/// The words of a name, without the digits at their end; `pre-prod` and `non_prod` are one word.
fn words(name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    let mut words: Vec<String> = Vec::new();
    for word in lower.split(|c: char| !c.is_alphanumeric()) {
        let word = word.trim_matches(|c: char| c.is_ascii_digit());
        match words.last_mut() {
            Some(before) if matches!(before.as_str(), "pre" | "non") => before.push_str(word),
            _ if word.is_empty() => {}
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// The first few of these hosts.
fn some(hosts: &[HostName]) -> String {
    let folded = names::fold(hosts);
    if folded.len() <= 60 {
        return folded;
    }
    format!("{} hosts, {} among them", hosts.len(), hosts[0])
}

/// A key of YAML.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&name.to_lowercase().as_str());
    if plain { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

#[cfg(test)]
#[path = "propose_tests.rs"]
mod tests;
