//! Which of the inventory's own options for ssh (`ansible_ssh_common_args` and the like) are refused, whatever
//! ssh_config says: all of them at once, each with its place. Reads no file. Start at [`refused`] and
//! [`accepting_any_key`].

use std::collections::{HashMap, HashSet};

use super::ssh_config::{accepts_any_key, options, query};
use crate::{
    command::printable,
    host::HostName,
    inventory::{Inventory, SshWords},
    sshconfig::{Problem as Why, Query, SshConfig, SshConfigError},
    yaml::Problem,
};

/// A host with what is wrong.
type Found = Vec<(HostName, Problem)>;

/// A reason, and what to do about it.
type Told = (String, Option<String>);

/// Everything that is refused. `plain` is an ssh_config without any file.
pub fn refused(plain: &SshConfig, inventory: &Inventory, hosts: &[HostName]) -> Found {
    // Most hosts of a fleet have the same words.
    let mut known: HashMap<Vec<Vec<String>>, Vec<(usize, Told)>> = HashMap::new();
    let mut found = Vec::new();
    for host in hosts {
        let all = inventory.ssh_words(host);
        let words = all.iter().map(|written| written.words.clone()).collect();
        let alone = known.entry(words).or_insert_with(|| each(plain, &all));
        found.extend(alone.iter().map(|(at, why)| (host.clone(), problem(why, &all[*at]))));
        // Options that are only refused together. If one of them is refused alone, this is not looked at.
        let target = inventory.target(host).ok().filter(|_| alone.is_empty());
        let together = target.and_then(|target| query(&target, &target.ssh_args).ok()).map(|query| whys(plain, &query));
        for why in together.unwrap_or_default() {
            let wrong = match all.last() {
                Some(written) => problem(&why, written),
                None => Problem { span: None, message: why.0, help: why.1 },
            };
            found.push((host.clone(), wrong));
        }
    }
    found
}

fn problem((why, help): &Told, written: &SshWords) -> Problem {
    let mut message = format!("`{}`: {why}", written.name);
    written.secrets.hide_in(&mut message);
    Problem { span: Some(written.span.clone()), message, help: help.clone() }
}

/// Tries each option alone, so that one does not hide another. Returns the variable that it is in, and why.
fn each(plain: &SshConfig, all: &[SshWords]) -> Vec<(usize, Told)> {
    let mut told = Vec::new();
    // Of several, ssh uses the first.
    let mut set: HashSet<String> = HashSet::new();
    for (at, written) in all.iter().enumerate() {
        let mut read = Query::default();
        let unknown = options(&written.words, &mut read).err();
        let one = Query { host: "host".to_owned(), source: written.name.to_owned(), ..Query::default() };
        for option in read.options {
            let name = option.trim_start().split(|c: char| c == '=' || c.is_whitespace()).next().unwrap_or_default();
            let counts = set.insert(name.to_ascii_lowercase());
            let query = Query { options: vec![option], ..one.clone() };
            if counts || matches!(plain.resolve(&query), Err(SshConfigError::Bad(_))) {
                told.extend(whys(plain, &query).into_iter().map(|why| (at, why)));
            }
        }
        let keys = read.identities.into_iter().map(|key| Query { identities: vec![key], ..one.clone() });
        told.extend(keys.flat_map(|query| whys(plain, &query)).map(|why| (at, why)));
        told.extend(unknown.map(|word| (at, (format!("`{}` is not understood", printable(&word)), None))));
    }
    told
}

/// Why a query is refused.
fn whys(plain: &SshConfig, query: &Query) -> Vec<Told> {
    let told = |why: &Why| (printable(&why.message), why.help.clone());
    match plain.resolve(query) {
        Ok(found) => found.refusals().map(told).collect(),
        Err(SshConfigError::Bad(bad)) => bad.iter().map(told).collect(),
        Err(SshConfigError::Unsupported(why)) => vec![told(&why)],
        Err(error @ SshConfigError::Unreadable { .. }) => vec![(error.to_string(), None)],
    }
}

/// Hosts whose keys would not be checked, unless the command line names the trusted keys. `plain` is an ssh_config
/// without any file.
pub fn accepting_any_key(plain: &SshConfig, inventory: &Inventory, hosts: &[HostName]) -> Found {
    let mut found = Vec::new();
    for host in hosts {
        let Ok(target) = inventory.target(host) else { continue };
        let names_files = |written: &SshWords| {
            written.words.iter().any(|word| word.to_ascii_lowercase().contains("userknownhostsfile"))
        };
        let Some(written) = inventory.ssh_words(host).into_iter().find(names_files) else { continue };
        let resolved = query(&target, &target.ssh_args).ok().and_then(|query| plain.resolve(&query).ok());
        let Some(why) = resolved.as_ref().and_then(accepts_any_key) else { continue };
        let help = "remove `UserKnownHostsFile`: the keys of new hosts are then recorded, and changed ones refused; or name \
                    the trusted keys with `--known-hosts FILE`";
        let message = format!("`{}`: {why}", written.name);
        found.push((host.clone(), Problem { span: Some(written.span), message, help: Some(help.to_owned()) }));
    }
    found
}
