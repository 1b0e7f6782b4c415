//! `Host` and `Match`: their lines, the settings below them ([`Block`]), and whether they hold.

use crate::sshconfig::{
    LocalMachine, Person,
    error::{Place, Problem, SshConfigError},
    matching::{
        facts::{Fact, Facts},
        network::Network,
    },
    read::{
        line::old_word,
        pattern::{self, Listed},
        setting::Setting,
        token::{self, UsedIn},
    },
};

/// When a block applies.
pub(crate) enum Condition {
    Always,
    /// When that block applies; for what follows an `Include`.
    As(usize),
    /// Patterns; true for the negated ones.
    Host(Vec<(bool, String)>),
    Match(Vec<Criterion>),
}

/// One criterion of `Match`.
pub(crate) struct Criterion {
    pub(crate) negated: bool,
    pub(crate) what: What,
}

/// What a criterion tests.
pub(crate) enum What {
    All,
    Final,
    Canonical,
    Host(String),
    OriginalHost(String),
    User(String),
    LocalUser(String),
    Tagged(String),
    LocalNetwork(Vec<Network>),
    SessionType(String),
    Exec(String),
    /// A criterion of newer releases, which we cannot evaluate.
    NotEvaluated(&'static str),
}

/// Settings under one condition.
pub(crate) struct Block {
    /// The block whose `Include` brought this one; it must apply too.
    pub(crate) outer: Option<usize>,
    pub(crate) condition: Condition,
    /// Where the condition is.
    pub(crate) place: Place,
    /// Whether it is in the user's own file, rather than the system's.
    pub(crate) own: bool,
    pub(crate) settings: Vec<Setting>,
    /// The settings that later conditions depend on, in order.
    pub(crate) facts: Vec<Fact>,
}

impl Block {
    pub(crate) fn new(outer: Option<usize>, condition: Condition, place: Place, own: bool) -> Self {
        Self { outer, condition, place, own, settings: Vec::new(), facts: Vec::new() }
    }

    /// Adds a setting, and the fact in it.
    pub(crate) fn add(&mut self, setting: Setting) {
        self.facts.extend(Fact::of(&setting));
        self.settings.push(setting);
    }
}

/// Our sessions, as `Match sessiontype` calls them.
const SESSION: &str = "exec";

/// Reads the patterns of `Host`.
pub(crate) fn host(words: &[String]) -> Result<Condition, String> {
    if words.iter().any(String::is_empty) {
        return Err("Host has an empty pattern".into());
    }
    let pattern = |word: &String| match word.strip_prefix('!') {
        Some(rest) => (true, rest.to_owned()),
        None => (false, word.clone()),
    };
    Ok(Condition::Host(words.iter().map(pattern).collect()))
}

/// Reads the criteria of `Match`.
pub(crate) fn criteria(text: &str) -> Result<Condition, String> {
    let mut rest = Some(text);
    let mut found = Vec::new();
    loop {
        let word = old_word(&mut rest).unwrap_or_default();
        if word.starts_with('#') {
            rest = None;
        }
        if word.is_empty() || word.starts_with('#') {
            break;
        }
        let (negated, name) = match word.strip_prefix('!') {
            Some(name) => (true, name),
            None => (false, word.as_str()),
        };
        let name = name.to_ascii_lowercase();
        if name == "all" {
            let after = old_word(&mut rest).filter(|after| !after.is_empty());
            if found.len() > 1 || after.is_some_and(|after| !after.starts_with('#')) {
                return Err("`all` must be alone, or follow `final` or `canonical`".into());
            }
            found.push(Criterion { negated, what: What::All });
            return Ok(Condition::Match(found));
        }
        let what = match name.as_str() {
            "final" => What::Final,
            "canonical" => What::Canonical,
            _ => {
                let argument = old_word(&mut rest).filter(|word| !word.is_empty() && !word.starts_with('#'));
                let argument = argument.ok_or_else(|| format!("`{name}` needs an argument"))?;
                with_argument(&name, argument)?
            }
        };
        found.push(Criterion { negated, what });
    }
    if found.is_empty() {
        return Err("Match has no criterion".into());
    }
    match rest {
        Some(more) if !more.is_empty() => Err(format!("Match is followed by {more:?}")),
        _ => Ok(Condition::Match(found)),
    }
}

fn with_argument(name: &str, argument: String) -> Result<What, String> {
    Ok(match name {
        "host" => What::Host(argument),
        "originalhost" => What::OriginalHost(argument),
        "user" => What::User(argument),
        "localuser" => What::LocalUser(argument),
        "tagged" => What::Tagged(argument),
        "localnetwork" => What::LocalNetwork(Network::list(&argument)?),
        "sessiontype" => What::SessionType(argument),
        "exec" => What::Exec(argument),
        "command" => What::NotEvaluated("command"),
        "version" => What::NotEvaluated("version"),
        _ => return Err(format!("`{name}` is not a Match criterion")),
    })
}

/// Whether the patterns match a host that is called `name` in this pass.
pub(crate) fn hosts(patterns: &[(bool, String)], name: &str) -> bool {
    let mut found = false;
    for (negated, pattern) in patterns {
        if pattern::matches(name, pattern) {
            if *negated {
                return false;
            }
            found = true;
        }
    }
    found
}

/// Tells whether a `Match` holds.
pub(crate) struct Matcher<'a> {
    pub(crate) person: &'a Person,
    pub(crate) local: &'a dyn LocalMachine,
    /// Whether this is the second pass.
    pub(crate) last_pass: bool,
}

impl Matcher<'_> {
    /// Whether all criteria hold. A command is run only when all before it hold.
    pub(crate) fn all(
        &self,
        criteria: &[Criterion],
        facts: &Facts<'_>,
        place: &Place,
        run: &mut dyn FnMut(&str) -> Result<bool, String>,
    ) -> Result<bool, SshConfigError> {
        let bad = |why: String| SshConfigError::bad(place, format!("Match: {why}"));
        for Criterion { negated, what } in criteria {
            let holds = match what {
                What::All => true,
                What::Final | What::Canonical => self.last_pass,
                What::Host(list) => pattern::lists_host(&facts.host_now().map_err(bad)?, list),
                What::OriginalHost(list) => pattern::lists_host(facts.original, list),
                What::User(list) => pattern::listed(facts.user(self.person), list, false) == Listed::Yes,
                What::LocalUser(list) => pattern::listed(&self.person.name, list, false) == Listed::Yes,
                What::Tagged(list) => {
                    pattern::listed(facts.tag.as_deref().unwrap_or_default(), list, false) == Listed::Yes
                }
                What::LocalNetwork(networks) => {
                    let own = self.local.addresses();
                    own.iter().any(|(_, address)| networks.iter().any(|network| network.has(*address)))
                }
                What::SessionType(list) => pattern::listed(SESSION, list, false) == Listed::Yes,
                What::NotEvaluated(name) => {
                    let message = format!(
                        "Match {name} cannot be evaluated: this program is not a release of OpenSSH, and sends many \
                        commands over one connection"
                    );
                    return Err(SshConfigError::Unsupported(Problem::new(place, message)));
                }
                What::Exec(command) => {
                    let command = facts.expand(command, self.person, None, UsedIn::Shell).map_err(bad)?;
                    run(&command).map_err(|why| bad(format!("exec {command:?}: {why}")))?
                }
            };
            if holds == *negated {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `~` at the beginning of a path.
    pub(crate) fn tilde(&self, text: &str) -> Result<String, String> {
        token::tilde(text, self.person, self.local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_match_takes() {
        for good in [
            "all",
            "final all",
            "!all",
            "host=a,b user root # x",
            "exec \"test a = b\" host a",
            "FINAL host x",
            "host a all",
            "localnetwork 10.0.0.0/8,::/0 sessiontype exec",
            "version OpenSSH_10.*",
        ] {
            assert!(criteria(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "# x",
            "host",
            "host # a",
            "all host a",
            "host a user b all",
            "nonsense x",
            "localnetwork lan",
            "host a \"\" user b",
        ] {
            assert!(criteria(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_negated_host_pattern_ends_it() {
        let of = |words: &[&str]| match host(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()).unwrap() {
            Condition::Host(patterns) => patterns,
            _ => unreachable!("Host makes patterns"),
        };
        assert!(hosts(&of(&["a*", "!ab"]), "ac"));
        assert!(!hosts(&of(&["a*", "!ab"]), "ab"));
        assert!(!hosts(&of(&["!ab"]), "x"));
        assert!(!hosts(&of(&["web"]), "WEB"));
    }
}
