//! What `lease.sh`, `release.sh` and `lost.sh` say, read into types. Pure; nothing here knows the host.

use std::time::Duration;

use crate::{
    command::{Output, Unreadable, printable},
    event::LostLease,
    step::guard::held::Held,
};

/// The answer of a host whose lease was requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is this run's.
    Ours {
        /// The line with the machine's id, where the host says it.
        machine: Option<String>,
        /// It was not before.
        taken: bool,
    },
    /// Another run has it, or a job that is not of this step works on the host.
    Other(Other),
    /// It was this run's, and another run took it.
    Lost {
        by: LostLease,
        /// Jobs that work on the host, of whatever run; known where the lease is asked for.
        jobs: Vec<String>,
    },
    /// A guard of another run may change the host.
    Guarded(Held),
    /// It cannot be taken, for this reason.
    Refused(String),
}

/// Who has the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Other {
    /// The run that has the lease, or, if no run has it, the run of the first job.
    pub run: String,
    /// Empty: no run has the lease.
    pub owner: String,
    /// Since that run last reported.
    pub age: Duration,
    /// Jobs that work on the host, of whatever run.
    pub jobs: Vec<String>,
}

pub(super) fn answer(output: &Output) -> Result<Answer, Unreadable> {
    let text = output.text();
    let bad = || Unreadable::new(format!("no answer about the lease ({}) {}", output.exit, output.last_lines(1)));
    let mut lines = text.lines().skip_while(|line| *line != "patchwave-lease").skip(1).map(printable);
    let word = lines.next().ok_or_else(bad)?;
    match word.as_str() {
        word @ ("taken" | "held") => Ok(Answer::Ours { machine: lines.next(), taken: word == "taken" }),
        "other" => {
            let (run, owner) = (lines.next().ok_or_else(bad)?, lines.next().ok_or_else(bad)?);
            let age: u64 = lines.next().and_then(|age| age.parse().ok()).ok_or_else(bad)?;
            Ok(Answer::Other(Other { run, owner, age: Duration::from_secs(age), jobs: jobs(lines) }))
        }
        "lost" => {
            let (run, owner) = (lines.next().ok_or_else(bad)?, lines.next().unwrap_or_default());
            Ok(Answer::Lost { by: LostLease { run, owner }, jobs: jobs(lines) })
        }
        "guarded" => Held::read(lines).map(Answer::Guarded).ok_or_else(bad),
        word => word.strip_prefix("refused ").map(|why| Answer::Refused(why.to_owned())).ok_or_else(bad),
    }
}

fn jobs(lines: impl Iterator<Item = String>) -> Vec<String> {
    lines.filter(|job| !job.is_empty()).take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let said = |text: &str| {
            answer(&Output {
                exit: crate::command::Exit::Code(0),
                stdout: text.as_bytes().to_vec(),
                stderr: vec![],
                dropped: 0,
            })
        };
        let text = |text: &str| text.to_owned();
        assert_eq!(said("motd\npatchwave-lease\ntaken\n"), Ok(Answer::Ours { machine: None, taken: true }));
        assert_eq!(said("patchwave-lease\nheld\n11\n"), Ok(Answer::Ours { machine: Some(text("11")), taken: false }));
        let age = Duration::from_secs(60);
        let other = |jobs: &[&str]| Other {
            run: text("R"),
            owner: text("bob@j"),
            age,
            jobs: jobs.iter().map(|job| text(job)).collect(),
        };
        assert_eq!(said("patchwave-lease\nother\nR\nbob@j\x1b\n60\n\n"), Ok(Answer::Other(other(&[]))));
        assert_eq!(said("patchwave-lease\nother\nR\nbob@j\n60\nj1\nj2\n"), Ok(Answer::Other(other(&["j1", "j2"]))));
        let lost = LostLease { run: text("R2"), owner: text("bob@j") };
        let told = |jobs: &[&str]| Answer::Lost { by: lost.clone(), jobs: jobs.iter().map(|job| text(job)).collect() };
        assert_eq!(said("patchwave-lease\nlost\nR2\nbob@j\n"), Ok(told(&[])));
        assert_eq!(said("patchwave-lease\nlost\nR2\nbob@j\nj1\n"), Ok(told(&["j1"])));
        for bad in [
            "",
            "taken",
            "patchwave-lease\n",
            "patchwave-lease\nother\nR\n",
            "patchwave-lease\nhm\n",
            "patchwave-lease\nlost",
        ] {
            assert!(said(bad).is_err(), "{bad:?}");
        }
    }
}
