//! `SetEnv` and `SendEnv`: the variables that are said before a command.

use std::collections::BTreeMap;

use super::{Problem, gather::Gathered, pattern, refuse::at};
use crate::target::Variables;

/// The locale would change the language in which a host answers, and its answers are read by programs.
const LOCALE: [&str; 15] = [
    "LANG",
    "LANGUAGE",
    "LC_ADDRESS",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_IDENTIFICATION",
    "LC_MEASUREMENT",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NAME",
    "LC_NUMERIC",
    "LC_PAPER",
    "LC_TELEPHONE",
    "LC_TIME",
];
/// Names and values together, in bytes: each command carries them.
const MOST: usize = 8 << 10;

/// The variables for one host: those of the environment that are to be sent, then those that are set. As in OpenSSH, a
/// name may come twice; the host keeps the last.
///
/// # Errors
/// They are too many.
pub(super) fn variables(gathered: &Gathered, env: &BTreeMap<String, String>) -> Result<Variables, Problem> {
    let sent = gathered.sent();
    let wanted = |name: &str| sent.iter().any(|wanted| pattern::matches(name, wanted));
    let mut found: Vec<(String, String)> = Vec::new();
    if !sent.is_empty() {
        found.extend(env.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.clone(), value.clone())));
    }
    let set = gathered.list("setenv").into_iter().flatten().filter_map(|pair| pair.split_once('='));
    found.extend(set.map(|(name, value)| (name.to_owned(), value.to_owned())));
    found.retain(|(name, _)| !LOCALE.contains(&name.as_str()));
    let size: usize = found.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MOST {
        let message = format!("sendenv and setenv stand for {size} bytes of variables; {MOST} is the most");
        return Err(at(gathered, "setenv", message));
    }
    Ok(Variables(found))
}
