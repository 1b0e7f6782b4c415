//! Which hosts a pattern means: Ansible's pattern language, stricter where a mistake would touch other hosts.
//!
//! Ansible takes an empty pattern or file for all hosts and only warns about names that it does not know. Here both are
//! errors, and so is an empty selection. An expression after `!` that matches nothing is an error too: if it is
//! misspelt, the hosts that it was meant to spare would be patched.

use std::{path::Path, sync::Arc};

use super::{
    Inventory,
    group::IMPLICIT,
    order::ALL,
    pattern::{self, Join, Matcher, Reference},
};
use crate::{
    hint::Hint,
    host::HostName,
    names,
    yaml::{Problem, Problems, Source, Span, nearest},
};

/// The most files that a selection reads.
const MOST_FILES: usize = 100;

/// The most unknown names for which the nearest known one is looked up.
const MOST_GUESSES: usize = 50;

/// The runs that `@failed` and the other outcome selectors look up.
pub trait PastRuns {
    /// Hosts with `outcome` (`failed`, `unreachable`, `unknown`, `rolled_back`, `paused`, `not_started`, or
    /// `unfinished` for all) in `run`; `None` is the last run.
    ///
    /// # Errors
    /// A text for people: there is no such run.
    fn hosts(&self, run: Option<&str>, outcome: &str) -> Result<Vec<String>, String>;
}

/// No run can be looked up.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRuns;

impl PastRuns for NoRuns {
    fn hosts(&self, _run: Option<&str>, _outcome: &str) -> Result<Vec<String>, String> {
        Err("there is no earlier run".to_owned())
    }
}

/// Why a pattern selects nothing: all that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problems}")]
pub struct SelectError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What is wrong; places are in `@file`s.
    pub problems: Problems,
}

impl Inventory {
    /// The hosts that `pattern` means, in Ansible's order: term by term, and group by group within a term; never none.
    ///
    /// # Errors
    /// Unknown names, bad expressions, unreadable or empty files, and an empty selection.
    pub fn select(&self, pattern: &str, past: &dyn PastRuns) -> Result<Vec<HostName>, SelectError> {
        let mut selection = Selection { inventory: self, past, problems: Problems::default(), files: 0 };
        let terms: Vec<Term> = pattern::split(pattern).into_iter().map(|text| Term { text, span: None }).collect();
        if terms.is_empty() {
            let problem = selection.problems.nowhere("this host pattern is empty");
            problem.help("`all` means every host");
        }
        let chosen = selection.evaluate(terms);
        let mut problems = selection.problems;
        let hosts: Vec<HostName> = chosen.iter().map(|at| self.names[*at].clone()).collect();
        if hosts.is_empty() && problems.is_empty() {
            let problem = problems.nowhere(format!("the pattern `{pattern}` selects no host"));
            problem.help(graph(" shows the groups and their hosts"));
        }
        if problems.is_empty() { Ok(hosts) } else { Err(SelectError { pattern: pattern.to_owned(), problems }) }
    }
}

impl Inventory {
    /// The number of a host that a file names.
    fn host_at(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied().filter(|at| self.is_explicit(*at))
    }

    /// The host that a name of this machine means, although no file has that name: another name of it that a file has,
    /// or an implicit one.
    fn this_machine(&self, name: &str) -> Option<usize> {
        let known = || IMPLICIT.iter().filter_map(|name| self.index.get(*name)).min();
        IMPLICIT.contains(&name).then(|| self.index.get(name).or_else(known)).flatten().copied()
    }
}

/// One term, and its place if it comes from a file.
struct Term {
    text: String,
    span: Option<Span>,
}

struct Selection<'a> {
    inventory: &'a Inventory,
    past: &'a dyn PastRuns,
    problems: Problems,
    files: usize,
}

impl Selection<'_> {
    /// Unions, then intersections, then exclusions; without a union, it starts from all hosts.
    fn evaluate(&mut self, terms: Vec<Term>) -> Vec<usize> {
        let mut terms = self.with_files(terms);
        terms.sort_by_key(|term| pattern::join(&term.text).0);
        let only_narrowing = terms.first().is_some_and(|term| pattern::join(&term.text).0 != Join::Union);
        let mut chosen = if only_narrowing { self.inventory.members(ALL) } else { Vec::new() };
        let mut is_chosen = vec![only_narrowing; self.inventory.hosts.len()];
        for term in &terms {
            let (join, _) = pattern::join(&term.text);
            let hosts = self.hosts(term);
            if join == Join::Union {
                chosen.extend(hosts.into_iter().filter(|host| !std::mem::replace(&mut is_chosen[*host], true)));
                continue;
            }
            let mut named = vec![false; is_chosen.len()];
            hosts.iter().for_each(|host| named[*host] = true);
            chosen.retain(|host| named[*host] == (join == Join::Intersection));
        }
        chosen
    }

    /// A plain `@file` is replaced by its lines, so that a `!` in it excludes from the whole selection.
    fn with_files(&mut self, terms: Vec<Term>) -> Vec<Term> {
        let mut all = Vec::with_capacity(terms.len());
        for term in terms {
            match term.text.strip_prefix('@').map(pattern::reference) {
                Some(Reference::File(path)) => {
                    let lines = self.file(path, term.span.as_ref());
                    all.extend(lines);
                }
                _ => all.push(term),
            }
        }
        all
    }

    /// The terms of a file: one pattern per line, blank lines and `#` comments left out.
    fn file(&mut self, path: &str, inside: Option<&Span>) -> Vec<Term> {
        self.files += 1;
        if let Some(span) = inside {
            self.problems.at(span, "a file of hosts cannot name another one");
            return Vec::new();
        }
        if path.is_empty() || self.files > MOST_FILES {
            let why =
                if path.is_empty() { "`@` needs a file or an outcome after it" } else { "too many files of hosts" };
            self.problems.nowhere(why).help("like `@failed` or `@hosts.txt`");
            return Vec::new();
        }
        let Some(source) = Source::load(Path::new(path)).map_err(|problem| self.no_file(path, problem)).ok() else {
            return Vec::new();
        };
        let terms = lines(&source);
        if terms.is_empty() {
            self.problems.nowhere(format!("{path}: this file of hosts is empty")).help("it takes one host per line");
        }
        terms
    }

    fn no_file(&mut self, path: &str, mut problem: Problem) {
        match nearest(path, pattern::OUTCOMES) {
            Some(near) => problem.help(format!("for hosts of the last run write `@{near}`")),
            // It was meant to be a file.
            None if path.contains(['.', '/']) => {}
            None => problem.help(format!(
                "`@` takes a file of hosts, or a word for hosts of the last run: {}; of another run `@RUN:failed`",
                pattern::OUTCOMES.join(", ")
            )),
        }
        self.problems.0.push(problem);
    }

    fn hosts(&mut self, term: &Term) -> Vec<usize> {
        let (join, text) = pattern::join(&term.text);
        let found = match text.strip_prefix('@').map(pattern::reference) {
            Some(Reference::Run(run, outcome)) => self.of_run(run, outcome, join),
            Some(Reference::File(path)) => {
                let terms = self.file(path, term.span.as_ref());
                Ok(if terms.is_empty() { Vec::new() } else { self.evaluate(terms) })
            }
            // As in Ansible: a name that is a host's means this host, even if a group has the same name.
            None if join == Join::Union && self.inventory.host_at(text).is_some() => {
                Ok(self.inventory.host_at(text).into_iter().collect())
            }
            None => self.matching(text),
        };
        found.unwrap_or_else(|mut problem| {
            problem.span.clone_from(&term.span);
            self.problems.0.push(problem);
            Vec::new()
        })
    }

    fn of_run(&self, run: Option<&str>, outcome: &str, join: Join) -> Result<Vec<usize>, Problem> {
        let words = run.map_or("the last run".to_owned(), |run| format!("run {run}"));
        let hosts = self.past.hosts(run, outcome).map_err(|why| problem(format!("`@{outcome}`: {why}"), None))?;
        if hosts.is_empty() && join != Join::Exclusion {
            let help = "there is nothing to run again".to_owned();
            return Err(problem(format!("no host of {words} is `{outcome}`"), Some(help)));
        }
        let mut found = Vec::new();
        let mut gone = Vec::new();
        for host in &hosts {
            match self.inventory.index.get(host.as_str()) {
                Some(at) => found.push(*at),
                None => gone.extend(HostName::new(host)),
            }
        }
        if gone.is_empty() || join == Join::Exclusion {
            return Ok(found);
        }
        let message = format!("hosts of {words} are not in this inventory: {}", names::fold(&gone));
        Err(problem(
            message,
            Some("check `-i`, or write the hosts you mean into a file: `--limit @./hosts.txt`".into()),
        ))
    }

    /// Groups first; hosts too when no group matches or the term is an expression.
    fn matching(&self, term: &str) -> Result<Vec<usize>, Problem> {
        if pattern::folded(term) {
            return self.listed(term);
        }
        let (base, subscript) = pattern::subscript(term);
        let matcher = pattern::matcher(base).map_err(|why| problem(why, None))?;
        let inventory = self.inventory;
        let (groups, mut found): (Vec<usize>, Vec<usize>) = match &matcher {
            Matcher::Name => {
                let group = inventory.group_index.get(base).copied();
                // A name with a dot is looked up among the hosts as well, as Ansible does.
                let host = inventory.host_at(base).filter(|_| group.is_none() || base.contains('.'));
                (group.into_iter().collect(), host.into_iter().collect())
            }
            Matcher::Glob(regex) | Matcher::Regex(regex) => {
                let groups = inventory.groups.iter().enumerate().filter(|(_, group)| regex.is_match(&group.name));
                let explicit = inventory.names.iter().take(inventory.ordered.len()).enumerate();
                let hosts = explicit.filter(|(_, name)| regex.is_match(name.as_str()));
                (groups.map(|(at, _)| at).collect(), hosts.map(|(at, _)| at).collect())
            }
        };
        if groups.is_empty() && found.is_empty() {
            if let Some(this_machine) = inventory.this_machine(base) {
                return Ok(vec![this_machine]);
            }
            let mut unknown = self.unknown(base, &matcher);
            let by_name = term.replace(':', "-");
            if subscript.is_some() && pattern::folded(&by_name) && self.listed(&by_name).is_ok() {
                let message = format!("there is no group `{base}`, whose hosts `{term}` would count");
                unknown = problem(message, Some(format!("for hosts by their names write `{by_name}`")));
            }
            return Err(unknown);
        }
        let mut members: Vec<usize> = groups.iter().flat_map(|group| inventory.members(*group)).collect();
        members.append(&mut found);
        let mut seen = vec![false; inventory.hosts.len()];
        members.retain(|host| !std::mem::replace(&mut seen[*host], true));
        match subscript {
            _ if members.is_empty() => Ok(members),
            None => Ok(members),
            Some((first, last)) => slice(&members, first, last).ok_or_else(|| {
                let help = format!("`{base}` has {} hosts, counted from 0", members.len());
                problem(format!("`{term}` selects no host"), Some(help))
            }),
        }
    }

    /// Hosts as patchwave lists them, `web[01-20,23].x`: each by its name, and all of them must exist.
    fn listed(&self, term: &str) -> Result<Vec<usize>, Problem> {
        let listed = names::expand(term).map_err(|why| problem(format!("`{term}`: {why}"), None))?;
        let index = &self.inventory.index;
        let (known, unknown): (Vec<&String>, Vec<&String>) =
            listed.iter().partition(|name| index.contains_key(name.as_str()));
        if unknown.is_empty() {
            return Ok(known.into_iter().filter_map(|name| index.get(name.as_str()).copied()).collect());
        }
        let missing: Vec<HostName> = unknown.into_iter().filter_map(|name| HostName::new(name).ok()).collect();
        let base = term.split('[').next().unwrap_or_default();
        let help = match term.ends_with(']') && self.inventory.group_index.contains_key(base) {
            true => format!("for positions in the group write a colon: `{}`", term.replace('-', ":")),
            false => graph(" shows all hosts").into(),
        };
        Err(problem(format!("`{term}` lists hosts that do not exist: {}", names::fold(&missing)), Some(help)))
    }

    fn unknown(&self, term: &str, matcher: &Matcher) -> Problem {
        let shown: String = term.chars().take(80).collect();
        if !matches!(matcher, Matcher::Name) {
            return problem(format!("`{shown}` matches no host and no group"), None);
        }
        let groups = self.inventory.groups.iter().map(|group| group.name.as_str());
        let known = groups.chain(self.inventory.ordered.iter().map(HostName::as_str));
        let message = format!("there is no host and no group `{shown}`");
        // Looking at every name for every line of a wrong file would take minutes.
        let near = if self.problems.0.len() < MOST_GUESSES { nearest(term, known) } else { None };
        match near {
            Some(near) => problem(format!("{message}; did you mean `{near}`?"), None),
            None => problem(message, Some(graph(" shows all of them").into())),
        }
    }
}

/// Where to see which hosts and groups there are.
fn graph(shows: &str) -> Hint {
    Hint::command("inventory", &["graph"]).and(shows)
}

fn lines(source: &Arc<Source>) -> Vec<Term> {
    let mut terms = Vec::new();
    let mut start = 0;
    for (number, line) in source.text.split_inclusive('\n').enumerate() {
        let text = line.trim();
        if !text.is_empty() && !text.starts_with('#') {
            let lead = line.len() - line.trim_start().len();
            let span = Span {
                source: Arc::clone(source),
                line: u32::try_from(number + 1).unwrap_or(u32::MAX),
                column: u32::try_from(line[..lead].chars().count() + 1).unwrap_or(u32::MAX),
                start: start + lead,
                end: start + lead + text.len(),
            };
            terms.extend(pattern::split(text).into_iter().map(|text| Term { text, span: Some(span.clone()) }));
        }
        start += line.len();
    }
    terms
}

/// Both ends included; negative ones count from the end.
fn slice(hosts: &[usize], first: i64, last: i64) -> Option<Vec<usize>> {
    let place = |n: i64| if n < 0 { n + hosts.len() as i64 } else { n };
    let first = usize::try_from(place(first)).ok().filter(|n| *n < hosts.len())?;
    let last = usize::try_from(place(last)).ok()?.min(hosts.len().checked_sub(1)?);
    (first <= last).then(|| hosts[first..=last].to_vec())
}

fn problem(message: String, help: Option<String>) -> Problem {
    Problem { span: None, message, help }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
