//! What `arm.sh` and `settle.sh` say, read into types. Pure; the scripts are beside this file.

use crate::{
    command::{Output, Unreadable, printable},
    step::marked,
};

const MARK: &str = "patchwave-guard ";

/// How an arming went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arming {
    /// Its watchdog lives.
    Armed,
    /// It had its verdict before.
    Over,
    /// It was armed before, and its watchdog is gone for good, for this reason.
    Lost(String),
    /// It was not armed, for this reason.
    Refused(String),
}

/// The state of a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// The host knows nothing of it.
    Absent,
    /// It has no verdict, and its watchdog lives.
    Armed,
    /// It has no verdict, or one that nobody carries out: its watchdog does not live.
    Dead,
    /// It was put out of action because of that: it will never roll back.
    Lost,
    /// It is confirmed.
    Confirmed,
    /// It would roll back now, and waits for a job of ours to end.
    Held,
    /// It rolls back.
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
    pub stand: Stand,
    /// The process, and process group, of a rollback that runs; of one that could not be ended, what is left of it.
    pub process: Option<u32>,
    /// Bytes that the rollback printed, once it is over.
    pub size: u64,
    /// Those from the asked offset on.
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
    let ([stand, code, size, process], chunk) = marked::first(output, MARK).ok_or_else(bad)?;
    let stand = match stand {
        "absent" => Stand::Absent,
        "armed" => Stand::Armed,
        "dead" => Stand::Dead,
        "lost" => Stand::Lost,
        "confirmed" => Stand::Confirmed,
        "held" => Stand::Held,
        "rolling" => Stand::Rolling,
        "rolled-back" => Stand::RolledBack(code.parse().map_err(|_| bad())?),
        "ended" => Stand::Ended,
        "cut" => Stand::Cut,
        _ => return Err(bad()),
    };
    let process = match process {
        "-" => None,
        process => Some(process.parse().map_err(|_| bad())?),
    };
    Ok(Settled { stand, process, size: size.parse().map_err(|_| bad())?, chunk })
}

fn no_answer(output: &Output) -> Unreadable {
    Unreadable::new(format!("no answer about the guard ({}) {}", output.exit, output.last_lines(1)))
}

/// How many readers of the guard scripts' answers understand this output.
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
        assert_eq!((read.stand, read.size), (Stand::RolledBack(3), 9));
        assert_eq!(read.chunk, b"\0\xff\npatchwave-guard ");
        for (word, stand) in [
            ("absent", Stand::Absent),
            ("armed", Stand::Armed),
            ("held", Stand::Held),
            ("dead", Stand::Dead),
            ("lost", Stand::Lost),
            ("cut", Stand::Cut),
            ("ended", Stand::Ended),
        ] {
            assert_eq!(settled(&said(format!("patchwave-guard {word} - 0 -\n").as_bytes())).unwrap().stand, stand);
        }
        let output = said(b"patchwave-guard rolling - 0 4711\n");
        let rolling = settled(&output).unwrap();
        assert_eq!((rolling.stand, rolling.process), (Stand::Rolling, Some(4711)));
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
