//! What another run sees while a guard may act on the host: whose guard it is, what it is doing, and how that ends. The
//! line comes from `armed.sh`. Pure.

use std::time::Duration;

use crate::{command::printable, event::StepResult, hint::Hint};

/// A guard of another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::step) struct Held {
    run: String,
    owner: String,
    within: Duration,
    act: Act,
    /// The time limit of its rollback.
    limit: Option<Duration>,
}

/// What it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// It waits for its confirmation.
    Armed,
    /// It will roll back as soon as a job has ended.
    Waits,
    /// It has been rolling back for this long, in this process.
    RollsBack(Option<u32>, Duration),
}

impl Held {
    /// Reads the lines after `guarded`: run, owner, seconds, then `stand process seconds limit`.
    pub(in crate::step) fn read(mut lines: impl Iterator<Item = String>) -> Option<Self> {
        let (run, owner) = (lines.next()?, lines.next()?);
        let within = Duration::from_secs(lines.next()?.parse().ok()?);
        let line = lines.next()?;
        let mut words = line.split(' ');
        let (stand, process, since, limit) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let seconds = |word: &str| word.parse().ok().map(Duration::from_secs);
        let act = match stand {
            "armed" => Act::Armed,
            "held" => Act::Waits,
            "rolling" => Act::RollsBack(process.parse().ok(), seconds(since).unwrap_or_default()),
            _ => return None,
        };
        Some(Self { run, owner, within, act, limit: seconds(limit) })
    }

    /// The refusal of a change.
    pub(in crate::step) fn refusal(&self) -> StepResult {
        let (owner, run) = (printable(&self.owner), printable(&self.run));
        let ask = Hint::words(format!("ask {owner}, or finish that run there with ")).and_command("resume", &[&run]);
        let (summary, help) = match self.act {
            Act::Armed => (
                format!(
                    "a guard of {owner}, run {run}, is armed: unless that run confirms, the host rolls back by itself \
                     within {} s",
                    self.within.as_secs()
                ),
                ask.and(", or wait until it ends"),
            ),
            Act::Waits => (
                format!("a guard of {owner}, run {run}, rolls the host back once a job or an installation there ends"),
                ask.and(", or wait until it ends"),
            ),
            Act::RollsBack(process, since) => {
                let shown = process.map(|process| format!(" (process {process})")).unwrap_or_default();
                let since = since.as_secs();
                let limit = self.limit.map(|limit| format!("; the host ends it after {} s", limit.as_secs()));
                let limit = limit.unwrap_or_default();
                let end = process.map(|process| format!("; on the host `kill -TERM -{process}` ends it"));
                (
                    format!("the host is rolling back a change of {owner}, run {run}, for {since} s now{shown}{limit}"),
                    Hint::words(format!("wait until it has ended{}; ", end.unwrap_or_default())).and_hint(ask),
                )
            }
        };
        StepResult::failed("lease", summary).help(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal_of(last: &str) -> Option<(String, String)> {
        let lines = ["R1", "ann@jump1", "300", last].map(str::to_owned);
        let refusal = Held::read(lines.into_iter())?.refusal();
        assert_eq!(refusal.class, "lease");
        Some((refusal.summary, refusal.help.unwrap_or_default()))
    }

    #[test]
    fn another_run_is_told_what_the_guard_does() {
        for (line, summary, help) in [
            ("armed - 0 600", "is armed: unless that run confirms, the host rolls back by itself within 300 s", "wait"),
            ("held - 0 600", "rolls the host back once a job or an installation there ends", "wait"),
            (
                "rolling 4711 90 600",
                "the host is rolling back a change of ann@jump1, run R1, for 90 s now (process 4711); the host ends it \
                 after 600 s",
                "on the host `kill -TERM -4711` ends it; ask ann@jump1",
            ),
            ("rolling - 90 -", "run R1, for 90 s now", "wait until it has ended; ask"),
        ] {
            let (said, what) = refusal_of(line).expect(line);
            assert!(said.contains(summary), "{line}: {said}");
            assert!(what.contains(help) && what.contains("patchwave resume R1"), "{line}: {what}");
        }
        for bad in ["", "armed", "armed - 0", "asleep - 0 600"] {
            assert_eq!(refusal_of(bad), None, "{bad:?}");
        }
    }
}
