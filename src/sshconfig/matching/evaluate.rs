//! Which blocks apply to a host: one pass over the conditions, or two where `Match final` needs it.

use std::{net::IpAddr, sync::PoisonError};

use crate::sshconfig::{
    SshConfig, SshConfigError,
    config::known,
    error::Place,
    matching::{
        condition::{self, Block, Condition, Matcher, What},
        facts::Facts,
    },
};

/// The result of all passes.
pub(crate) struct Evaluation<'a> {
    /// Blocks whose settings apply, in order; those of the second pass after those of the first.
    pub(crate) active: Vec<usize>,
    /// What is known in the end, the name to connect to included.
    pub(crate) facts: Facts<'a>,
}

/// Whether there is a criterion `final` anywhere, even in a block that cannot apply.
pub(crate) fn asks_for_two_passes(blocks: &[Block]) -> bool {
    blocks.iter().any(|block| match &block.condition {
        Condition::Match(criteria) => criteria.iter().any(|criterion| matches!(criterion.what, What::Final)),
        _ => false,
    })
}

/// Goes through the blocks, starting with the facts of the command line.
pub(crate) fn evaluate<'a>(config: &SshConfig, mut facts: Facts<'a>) -> Result<Evaluation<'a>, SshConfigError> {
    let mut active = Vec::new();
    pass(config, &mut facts, &mut active, false)?;
    let name = facts.host_now().map_err(|why| {
        let place = Place { path: format!("HostName of {}", facts.original).into(), line: 0 };
        SshConfigError::bad(&place, why)
    })?;
    facts.renamed = Some(canonical(&name));
    if config.two_passes {
        pass(config, &mut facts, &mut active, true)?;
    }
    Ok(Evaluation { active, facts })
}

fn pass(
    config: &SshConfig,
    facts: &mut Facts<'_>,
    active: &mut Vec<usize>,
    last_pass: bool,
) -> Result<(), SshConfigError> {
    let matcher = Matcher { person: &config.person, local: &*config.local, last_pass };
    let mut run = |command: &str| exec(config, command);
    let mut holds = vec![false; config.blocks.len()];
    for (at, block) in config.blocks.iter().enumerate() {
        let reached = block.outer.is_none_or(|outer| holds[outer]);
        holds[at] = reached
            && match &block.condition {
                Condition::Always => true,
                Condition::As(other) => holds[*other],
                Condition::Host(patterns) => match &facts.renamed {
                    Some(name) => condition::hosts(patterns, name),
                    None => condition::hosts(patterns, facts.original),
                },
                Condition::Match(criteria) => matcher.all(criteria, facts, &block.place, &mut run)?,
            };
        for fact in &block.facts {
            known(fact, facts)?;
            if holds[at] {
                facts.take(fact);
            }
        }
        if holds[at] && !block.settings.is_empty() {
            active.push(at);
        }
    }
    Ok(())
}

/// Runs a command once, however many hosts ask for it.
fn exec(config: &SshConfig, command: &str) -> Result<bool, String> {
    if let Some(known) = config.answers.lock().unwrap_or_else(PoisonError::into_inner).get(command) {
        return known.clone();
    }
    let answer = config.local.succeeds(command);
    config.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(command.to_owned(), answer.clone());
    answer
}

/// An address in its usual form, a name in lower case.
fn canonical(name: &str) -> String {
    match name.parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) => short_address(name).map_or_else(|| name.to_ascii_lowercase(), |ip| ip.to_string()),
    }
}

/// `127.1`, `0x7f000001` and the like, as inet_aton(3) reads them.
fn short_address(name: &str) -> Option<std::net::Ipv4Addr> {
    let parts: Vec<&str> = name.split('.').collect();
    let (last, first) = parts.split_last().filter(|(_, first)| first.len() <= 3)?;
    let number = |text: &str| match (text.strip_prefix("0x").or(text.strip_prefix("0X")), text.strip_prefix('0')) {
        (Some(hex), _) => u32::from_str_radix(hex, 16).ok(),
        (None, Some(octal)) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    let mut value: u32 = 0;
    for part in first {
        value = value << 8 | number(part).filter(|part| *part <= 255)?;
    }
    let bits = 8 * (4 - u32::try_from(first.len()).ok()?);
    let last = number(last)?;
    if bits < 32 && last >> bits != 0 {
        return None;
    }
    Some(std::net::Ipv4Addr::from(if bits == 32 { last } else { value << bits | last }))
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn addresses_have_one_form() {
        for (name, want) in [
            ("Web1.Example.COM", "web1.example.com"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("127.1", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("10.0.256", "10.0.1.0"),
            ("1.2.3.4.5", "1.2.3.4.5"),
            ("010.0.0.1", "8.0.0.1"),
            ("web.1", "web.1"),
            ("1.2.3.999", "1.2.3.999"),
        ] {
            assert_eq!(canonical(name), want);
        }
    }
}
