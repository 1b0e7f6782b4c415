//! A host's lease that went from one run to another: the note of the run that took it (`step_noted`), and the record of
//! the run that lost it (`host_finished`). Knows the records only; who may take a lease is decided in `step`.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which run a lease was taken from, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenLease {
    /// The run that had it.
    pub run: String,
    /// Who was running it: `account@machine (login person)`.
    pub owner: String,
    /// How long ago that run had last reported.
    pub age: Duration,
    /// Why.
    pub ground: Ground,
    /// Jobs that were working on the host when it was taken.
    pub jobs: Vec<String>,
}

/// Why a lease may be taken from another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// `--steal-lease`.
    Stolen,
    /// The ledger says that run has finished with the host.
    LeftBehind,
    /// That run has not reported for so long that its lease has expired.
    Expired,
}

impl Ground {
    const ALL: [Self; 3] = [Self::Stolen, Self::LeftBehind, Self::Expired];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stolen => "stolen",
            Self::LeftBehind => "left_behind",
            Self::Expired => "expired",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Stolen => "lease.stolen",
            Self::LeftBehind => "lease.left_behind",
            Self::Expired => "lease.expired",
        }
    }
}

impl TakenLease {
    /// Key and value of its note.
    pub fn note(&self) -> (&'static str, Value) {
        let mut value = json!({ "run": self.run, "owner": self.owner, "age_s": self.age.as_secs() });
        if !self.jobs.is_empty() {
            value["jobs"] = json!(self.jobs);
        }
        (self.ground.key(), value)
    }

    /// Adds the lease to `known` if the note is about one.
    pub(super) fn keep(known: &mut Vec<Self>, key: &str, value: &Value) {
        // A controller that took over between the note and the taking writes the note again.
        if let Some(lease) = Self::read(key, value).filter(|lease| known.iter().all(|known| known.run != lease.run)) {
            known.push(lease);
        }
    }

    /// Reads a note; `None`: it is about something else.
    pub fn read(key: &str, value: &Value) -> Option<Self> {
        let ground = Ground::ALL.into_iter().find(|ground| ground.key() == key)?;
        let text = |key: &str| value[key].as_str().unwrap_or("?").to_owned();
        let age = Duration::from_secs(value["age_s"].as_u64().unwrap_or(0));
        let jobs = value["jobs"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Some(Self { run: text("run"), owner: text("owner"), age, ground, jobs: jobs.collect() })
    }
}

impl fmt::Display for TakenLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, owner, age, ground, jobs } = self;
        let why = match ground {
            Ground::Stolen => "--steal-lease",
            Ground::LeftBehind => "this ledger says that run has finished with the host",
            Ground::Expired => "that run had not reported for two hours",
        };
        write!(f, "its lease was taken from run {run}")?;
        if !owner.is_empty() {
            write!(f, " of {owner}")?;
        }
        write!(f, ", {} min after that run last reported ({why})", age.as_secs() / 60)?;
        match &jobs[..] {
            [] => Ok(()),
            [one] => write!(f, ", while its job {one} was still working on the host"),
            many => write!(f, ", while these jobs were still working on the host: {}", many.join(", ")),
        }
    }
}

/// A lease that another run took from this run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostLease {
    /// The run that took it. Empty: not known, the lease is gone.
    pub run: String,
    /// Who is running it: `user@machine`.
    pub owner: String,
}

impl fmt::Display for LostLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, owner } = self;
        match (run.is_empty(), owner.is_empty()) {
            (true, _) => f.write_str("this run's lease of the host is gone (its file on the host was removed)"),
            (_, true) => write!(f, "run {run} took the host's lease from this run"),
            _ => write!(f, "run {run} of {owner} took the host's lease from this run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_another_is_none() {
        for (ground, jobs) in [
            (Ground::Stolen, vec![]),
            (Ground::Stolen, vec!["R1.a.s1.1.command".to_owned()]),
            (Ground::LeftBehind, vec![]),
            (Ground::Expired, vec![]),
        ] {
            let (run, owner) = ("R1".to_owned(), "bob@jump2".to_owned());
            let lease = TakenLease { run, owner, age: Duration::from_secs(3660), ground, jobs };
            let (key, value) = lease.note();
            assert_eq!(TakenLease::read(key, &value), Some(lease));
        }
        assert_eq!(TakenLease::read("lease", &json!({ "run": "R1" })), None);
        let said = |value| TakenLease::read("lease.stolen", &value).map(|lease| lease.to_string()).unwrap_or_default();
        let poor = "its lease was taken from run ? of ?, 0 min after that run last reported (--steal-lease)";
        assert_eq!(said(json!(7)), poor);
        let working = format!("{poor}, while its job J was still working on the host");
        assert_eq!(said(json!({ "jobs": ["J", 7] })), working);
    }
}
