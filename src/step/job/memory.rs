//! What a step remembers of its jobs across the end of a controller, as a note: which job, whether it began,
//! how it ended. The note is written before the job starts, so that `resume` finds it. How far its output was
//! followed is not here: the log knows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::step::{Interrupted, StepCx, StepJournal};

/// The note `job.NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The job's id on the host; also the name of its unit, after `patchwave-`.
    pub id: String,
    /// The attempt that started it.
    pub attempt: u32,
    /// Whether the host said that it has begun. Then it is never started again, even if its folder is gone.
    #[serde(default)]
    pub begun: bool,
    /// Its exit code, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// It is an earlier controller's: it may have been started, whatever else is noted.
    #[serde(skip)]
    pub recalled: bool,
}

impl Memory {
    /// The job that this attempt goes on with, or a new one.
    pub fn recall(cx: &StepCx<'_>, name: &str) -> Self {
        let fresh =
            || Self { id: cx.named_attempt(name), attempt: cx.attempt, begun: false, code: None, recalled: false };
        if !cx.resumed {
            return fresh();
        }
        match cx.notes.get(&key(name)).cloned().map(serde_json::from_value::<Self>) {
            // A finished job of an earlier attempt does not count: this attempt is a new one.
            Some(Ok(memory)) if memory.attempt == cx.attempt || memory.code.is_none() => {
                Self { recalled: true, ..memory }
            }
            _ => fresh(),
        }
    }

    /// Writes the note; durable when it returns.
    pub async fn keep(&self, cx: &mut StepCx<'_>, name: &str) -> Result<(), Interrupted> {
        self.write(cx.journal, name).await
    }

    /// [`Memory::keep`], for a caller that uses the rest of the context.
    pub async fn write(&self, journal: &mut dyn StepJournal, name: &str) -> Result<(), Interrupted> {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        journal.note(&key(name), value).await
    }
}

/// How the notes of jobs begin.
pub(super) const PREFIX: &str = "job.";

fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}
