//! A host's lease that was another run's and was taken from it, as a step notes it (`step_noted`) and as it is read
//! back. Knows the note only; who may take a lease is decided where it is taken.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

/// From whom a lease was taken, and on what ground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenLease {
    /// The run that had it.
    pub run: String,
    /// Who drove that run: `user@machine`.
    pub owner: String,
    /// How long before that run had last given a sign of life.
    pub age: Duration,
    /// Why.
    pub ground: Ground,
}

/// Why a lease may be taken from another run before it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// `--steal-lease`.
    Stolen,
    /// The ledger knows that run as one that is done with the host.
    LeftBehind,
}

impl Ground {
    fn key(self) -> &'static str {
        match self {
            Self::Stolen => "lease.stolen",
            Self::LeftBehind => "lease.left_behind",
        }
    }
}

impl TakenLease {
    /// Key and value of its note.
    pub fn note(&self) -> (&'static str, Value) {
        let value = json!({ "run": self.run, "owner": self.owner, "age_s": self.age.as_secs() });
        (self.ground.key(), value)
    }

    /// Adds what a note says, if it is one of these, to those that are known.
    pub(super) fn keep(known: &mut Vec<Self>, key: &str, value: &Value) {
        // A controller that took over between the note and the taking notes it again.
        if let Some(lease) = Self::read(key, value).filter(|lease| known.iter().all(|known| known.run != lease.run)) {
            known.push(lease);
        }
    }

    /// Reads a note; `None`: it is about something else.
    pub fn read(key: &str, value: &Value) -> Option<Self> {
        let ground = [Ground::Stolen, Ground::LeftBehind].into_iter().find(|ground| ground.key() == key)?;
        let text = |key: &str| value[key].as_str().unwrap_or("?").to_owned();
        let age = Duration::from_secs(value["age_s"].as_u64().unwrap_or(0));
        Some(Self { run: text("run"), owner: text("owner"), age, ground })
    }
}

impl fmt::Display for TakenLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, owner, age, ground } = self;
        let why = match ground {
            Ground::Stolen => "--steal-lease",
            Ground::LeftBehind => "this ledger knows that run as done with the host",
        };
        write!(
            f,
            "its lease was taken from run {run} of {owner}, {} min after its last sign of life ({why})",
            age.as_secs() / 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_another_is_none() {
        for ground in [Ground::Stolen, Ground::LeftBehind] {
            let lease =
                TakenLease { run: "R1".into(), owner: "bob@jump2".into(), age: Duration::from_secs(3660), ground };
            let (key, value) = lease.note();
            assert_eq!(TakenLease::read(key, &value), Some(lease));
        }
        assert_eq!(TakenLease::read("lease", &json!({ "run": "R1" })), None);
        let poor = TakenLease::read("lease.stolen", &json!(7)).map(|lease| lease.to_string());
        let said = "its lease was taken from run ? of ?, 0 min after its last sign of life (--steal-lease)";
        assert_eq!(poor.as_deref(), Some(said));
    }
}
