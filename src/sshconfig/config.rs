//! [`SshConfig`]: read once, queried for each host.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    LocalMachine, Person, Resolved, Sources, SshConfigError,
    error::{Place, Problem},
    load::{self, ParsedLine},
    matching::{
        condition::Block,
        evaluate::{Evaluation, evaluate},
        facts::{Fact, Facts},
    },
    read::{
        jump,
        keyword::{Named, named},
        line,
        setting::{Setting, Value},
    },
    resolve::{gathered::Gathered, host},
};
use crate::target::syntax;

/// The query for one host: what an `ssh` command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The host as it is named: an alias, a name or an address.
    pub host: String,
    /// `-l`.
    pub user: Option<String>,
    /// `-p`.
    pub port: Option<u16>,
    /// `-i`: files that must exist.
    pub identities: Vec<String>,
    /// `-J`.
    pub jumps: Option<String>,
    /// `-o`: each a line of a configuration.
    pub options: Vec<String>,
    /// Where `options` and `jumps` come from, for messages; `command-line` when empty.
    pub source: String,
}

impl Query {
    /// Where its options come from.
    fn place(&self) -> Place {
        let source = if self.source.is_empty() { "command-line" } else { &self.source };
        Place { path: source.into(), line: 0 }
    }
}

/// A configuration.
pub struct SshConfig {
    pub(super) blocks: Vec<Block>,
    pub(super) person: Person,
    pub(super) local: Arc<dyn LocalMachine>,
    /// Whether some `Match final` needs a second pass.
    pub(super) two_passes: bool,
    /// Settings, by the options and blocks that they come from: most hosts of a fleet share them.
    gathered: Mutex<HashMap<CacheKey, Arc<Gathered>>>,
    /// The results of `Match exec`, by command.
    pub(super) answers: Mutex<HashMap<String, Result<bool, String>>>,
}

/// The options of a query, and the blocks that apply.
type CacheKey = (Given, Vec<usize>);

/// The options of a query, which come before the files.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Given {
    identities: Vec<String>,
    jumps: Option<String>,
    options: Vec<String>,
    source: String,
}

impl SshConfig {
    /// Reads the files.
    ///
    /// # Errors
    /// All lines that OpenSSH would refuse; files that it would not read.
    pub fn load(sources: &Sources, person: Person, local: Arc<dyn LocalMachine>) -> Result<Self, SshConfigError> {
        let blocks = load::load(sources, &person, &*local)?;
        let two_passes = super::matching::evaluate::asks_for_two_passes(&blocks);
        Ok(Self { blocks, person, local, two_passes, gathered: Mutex::default(), answers: Mutex::default() })
    }

    /// The settings for a host.
    ///
    /// # Errors
    /// Bad options, a `Match exec` that cannot be run, an unknown keyword; a keyword that OpenSSH honours and we do
    /// not, by name.
    pub fn resolve(&self, query: &Query) -> Result<Resolved, SshConfigError> {
        let settings = self.options(query)?;
        let mut facts = Facts { original: &query.host, ..Facts::default() };
        facts.user.clone_from(&query.user);
        facts.port = query.port;
        for said in &settings {
            match said {
                ParsedLine::Setting(setting) => {
                    if let Some(fact) = Fact::of(setting) {
                        facts.take(&fact);
                    }
                }
                ParsedLine::Unknown(fact) => known(fact, &facts)?,
                ParsedLine::Nothing => {}
            }
        }
        // Checked before any condition, because a command of `Match exec` may contain both.
        self.check_names(query, &facts)?;
        let evaluation = evaluate(self, facts)?;
        let gathered = self.gather(query, &settings, &evaluation)?;
        host::resolve(self, evaluation.facts, gathered)
    }

    /// Refuses a host or login that OpenSSH would not accept on its command line.
    fn check_names(&self, query: &Query, facts: &Facts<'_>) -> Result<(), SshConfigError> {
        let bad = |what: &str, text: &str, why: &str| {
            Err(SshConfigError::bad(&query.place(), format!("the {what} {text:?} {why}")))
        };
        if let Err(why) = syntax::address(&query.host) {
            return bad("host", &query.host, why);
        }
        let user = facts.user(&self.person);
        syntax::login(user).or_else(|why| bad("login", user, why))
    }

    /// The query's options, parsed.
    fn options(&self, query: &Query) -> Result<Vec<ParsedLine>, SshConfigError> {
        let place = query.place();
        let mut settings = Vec::new();
        if let Some(jumps) = &query.jumps {
            let bad = |why| SshConfigError::bad(&place, format!("-J: {why}"));
            let jumps = jump::parse(jumps).map_err(bad)?;
            jumps.hops.iter().try_for_each(jump::Hop::check).map_err(bad)?;
            settings.push(ParsedLine::Setting(Setting {
                keyword: own_keyword("proxyjump"),
                value: Value::Jumps(jumps),
                place: place.clone(),
            }));
        }
        for path in &query.identities {
            let path = super::read::token::tilde(path, &self.person, &*self.local);
            let path = path.map_err(|why| SshConfigError::bad(&place, format!("-i: {why}")))?;
            // OpenSSH warns about a missing file, and continues without it.
            if self.local.exists(&self.person.home.join(&path)) {
                settings.push(ParsedLine::Setting(Setting {
                    keyword: own_keyword("identityfile"),
                    value: Value::Text(path),
                    place: place.clone(),
                }));
            }
        }
        for option in &query.options {
            match line::split(option) {
                Ok(Some(line)) => {
                    settings
                        .push(load::setting(&line, &place, &self.person).map_err(|p| SshConfigError::Bad(vec![p]))?);
                }
                Ok(None) => {}
                Err(why) => return Err(SshConfigError::bad(&place, format!("`{option}`: {why}"))),
            }
        }
        Ok(settings)
    }

    /// The settings of the query and of the active blocks; the first value wins.
    fn gather(
        &self,
        query: &Query,
        settings: &[ParsedLine],
        evaluation: &Evaluation<'_>,
    ) -> Result<Arc<Gathered>, SshConfigError> {
        let given = Given {
            identities: query.identities.clone(),
            jumps: query.jumps.clone(),
            options: query.options.clone(),
            source: query.source.clone(),
        };
        let key = (given, evaluation.active.clone());
        if let Some(known) = self.gathered.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(known));
        }
        let mut gathered = Gathered::default();
        let problem = |problem: Problem| SshConfigError::Bad(vec![problem]);
        for said in settings {
            if let ParsedLine::Setting(setting) = said {
                gathered.take(setting, true).map_err(problem)?;
            }
        }
        for block in key.1.iter().map(|&at| &self.blocks[at]) {
            for setting in &block.settings {
                gathered.take(setting, block.own).map_err(problem)?;
            }
        }
        let gathered = Arc::new(gathered);
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&gathered));
        Ok(gathered)
    }
}

/// Refuses an unknown keyword, unless `IgnoreUnknown` covers it.
pub(super) fn known(fact: &Fact, facts: &Facts<'_>) -> Result<(), SshConfigError> {
    let Fact::Unknown { keyword, place } = fact else { return Ok(()) };
    let ignored = facts.ignore_unknown.as_deref();
    if ignored
        .is_some_and(|list| super::read::pattern::listed(keyword, list, true) == super::read::pattern::Listed::Yes)
    {
        return Ok(());
    }
    let mut problem = Problem::new(place, format!("{keyword} is not an ssh_config keyword"));
    problem.help = super::read::keyword::nearest(keyword).map(|near| format!("did you mean {near}?"));
    Err(SshConfigError::Bad(vec![problem]))
}

fn own_keyword(name: &str) -> &'static super::read::keyword::Keyword {
    match named(name) {
        Some(Named::Keyword(keyword)) => keyword,
        _ => unreachable!("the name is one of the table's"),
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
