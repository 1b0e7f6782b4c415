//! The answers of `arm.sh` and `settle.sh`, parsed into types. Pure; the scripts are beside this file.

use crate::{
    command::{Output, Unreadable, printable},
    step::marked,
};

const MARK: &str = "patchwave-guard ";

/// How the arming went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arming {
    /// Its watchdog is alive.
    Armed,
    /// It already had its verdict.
    Over,
    /// It was armed before, and its watchdog is gone for good, for this reason.
    Lost(String),
    /// It was not armed, for this reason.
    Refused(String),
}

/// The state of a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The host has no such guard.
    Absent,
    /// It has no verdict, and its watchdog is alive.
    Armed,
    /// Its watchdog is not alive, and it has no verdict, or one that has not been carried out.
    Dead,
    /// It was disabled because its watchdog is gone: it will never roll back.
    Lost,
    /// It is confirmed.
    Confirmed,
    /// It would roll back now, but waits for one of our jobs to end.
    Held,
    /// It is rolling back.
    Rolling,
    /// It rolled back, with this exit code.
    RolledBack(u32),
    /// The host ended the rollback because it took too long.
    Ended,
    /// Its rollback was cut off in the middle.
    Cut,
}

/// One answer of `settle.sh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled<'a> {
    pub state: State,
    /// The process, and process group, of a rollback that is running. If the rollback could not be ended, a process
    /// that is left of it.
    pub process: Option<u32>,
    /// How many bytes the rollback printed, once it is over.
    pub size: u64,
    /// Those bytes, from the requested offset on.
    pub chunk: &'a [u8],
}

/// Reads the answer of `arm.sh`.
pub(super) fn arming(output: &Output) -> Result<Arming, Unreadable> {
    let (word, rest) = marked::last(output, MARK).ok_or_else(|| no_answer(output))?;
    match word.as_str() {
        "armed" => Ok(Arming::Armed),
        "over" => Ok(Arming::Over),
        "lost" => Ok(Arming::Lost(printable(&rest))),
        "refused" => Ok(Arming::Refused(printable(&rest))),
        _ => Err(no_answer(output)),
    }
}

/// Reads the answer of `settle.sh`.
pub(super) fn settled(output: &Output) -> Result<Settled<'_>, Unreadable> {
    let bad = || no_answer(output);
    let ([state, code, size, process], chunk) = marked::first(output, MARK).ok_or_else(bad)?;
    let state = match state {
        "absent" => State::Absent,
        "armed" => State::Armed,
        "dead" => State::Dead,
        "lost" => State::Lost,
        "confirmed" => State::Confirmed,
        "held" => State::Held,
        "rolling" => State::Rolling,
        "rolled-back" => State::RolledBack(code.parse().map_err(|_| bad())?),
        "ended" => State::Ended,
        "cut" => State::Cut,
        _ => return Err(bad()),
    };
    let process = match process {
        "-" => None,
        process => Some(process.parse().map_err(|_| bad())?),
    };
    Ok(Settled { state, process, size: size.parse().map_err(|_| bad())?, chunk })
}

fn no_answer(output: &Output) -> Unreadable {
    Unreadable::new(format!("no answer about the guard ({}) {}", output.exit, output.last_lines(1)))
}

/// How many of the readers of the guard scripts' answers understand this output.
#[cfg(feature = "testing")]
pub(in crate::step) fn answers_understood(output: &Output) -> usize {
    usize::from(arming(output).is_ok()) + usize::from(settled(output).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn said(stdout: &[u8]) -> Output {
        Output { exit: Exit::Code(0), stdout: stdout.to_vec(), stderr: vec![], dropped: 0 }
    }

    #[test]
    fn an_arming_is_read() {
        assert_eq!(arming(&said(b"motd\npatchwave-guard armed \n")), Ok(Arming::Armed));
        assert_eq!(arming(&said(b"patchwave-guard over \n")), Ok(Arming::Over));
        assert_eq!(arming(&said(b"patchwave-guard lost no bus\n")), Ok(Arming::Lost("no bus".into())));
        assert_eq!(
            arming(&said(b"patchwave-guard refused no \x1b[1mroom\n")),
            Ok(Arming::Refused("no [1mroom".into()))
        );
        for bad in [&b""[..], b"patchwave-guard", b"patchwave-guard maybe\n", b"\xff\xfe"] {
            assert!(arming(&said(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_stand_is_read_and_its_bytes_are_left_alone() {
        let output = said(b"patchwave-guard rolled-back 3   9 -\n\0\xff\npatchwave-guard ");
        let read = settled(&output).unwrap();
        assert_eq!((read.state, read.size), (State::RolledBack(3), 9));
        assert_eq!(read.chunk, b"\0\xff\npatchwave-guard ");
        for (word, state) in [
            ("absent", State::Absent),
            ("armed", State::Armed),
            ("held", State::Held),
            ("dead", State::Dead),
            ("lost", State::Lost),
            ("cut", State::Cut),
            ("ended", State::Ended),
        ] {
            assert_eq!(settled(&said(format!("patchwave-guard {word} - 0 -\n").as_bytes())).unwrap().state, state);
        }
        let output = said(b"patchwave-guard rolling - 0 4711\n");
        let rolling = settled(&output).unwrap();
        assert_eq!((rolling.state, rolling.process), (State::Rolling, Some(4711)));
        for bad in [
            "",
            "patchwave-guard rolled-back - 9 -\n",
            "patchwave-guard armed - x -\n",
            "patchwave-guard armed - 0\n",
            "patchwave-guard rolling - 0 many\n",
        ] {
            assert!(settled(&said(bad.as_bytes())).is_err(), "{bad:?}");
        }
    }
}
