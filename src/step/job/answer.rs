//! What `start.sh` and `look.sh` say, read into types. Pure; the scripts are beside this file.

use tokio::sync::oneshot;

use crate::{
    command::{Output, Unreadable, printable},
    event::LostLease,
    step::marked,
    transport::{Sink, Stream},
};

const MARK: &str = "patchwave-job ";
/// The line with the boot that says that the job has begun. A start prints it before its answer; a job's wrapper prints
/// it on standard error, where it cannot come into the middle of an answer.
const BEGUN: &str = "patchwave-job begun ";

/// A line of an answer is shorter.
const LINE: usize = 256;
/// How much of standard error is searched for a line.
const LONGEST: usize = 4 << 10;

/// The answer of a start that did not get as far as a look at its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Nothing was started: the lease must be asked for first.
    Ask,
    /// Nothing was started, for this reason.
    Refused(String),
    /// Nothing was started: the host's lease is not this run's any more.
    Lost(LostLease),
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its folder is not there.
    Absent,
    /// It has a folder and has not begun.
    Claimed,
    /// It runs.
    Alive,
    /// It ended with this code.
    Done(u32),
    /// It began, does not run and left no exit code.
    Gone,
    /// It has not begun, and never will.
    Cancelled,
}

/// What a look at a job said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Poll<'a> {
    pub state: State,
    /// The boot in which it began.
    pub began_in: Option<String>,
    /// The boot of now.
    pub boot: Option<String>,
    /// The host's lease is another run's by now.
    pub lost: Option<LostLease>,
    /// Output from the asked offset on, read after the state: all of it, if it is less than was asked for, and the last
    /// of it, if the job is over.
    pub chunk: &'a [u8],
}

/// Reads the answer of `start.sh`.
pub(super) fn start(output: &Output) -> Result<Start, Unreadable> {
    let (word, rest) = marked::line(output, MARK).ok_or_else(|| no_answer(output))?;
    match word.as_str() {
        "ask" => Ok(Start::Ask),
        "refused" => Ok(Start::Refused(printable(&rest))),
        "lost" => Ok(Start::Lost(lost(&rest))),
        _ => Err(no_answer(output)),
    }
}

/// `RUN OWNER`; a run that is not known is `-`.
fn lost(rest: &str) -> LostLease {
    let (run, owner) = rest.split_once(' ').unwrap_or((rest, ""));
    LostLease { run: if run == "-" { String::new() } else { printable(run) }, owner: printable(owner.trim()) }
}

/// Reads what a look at a job said.
pub(super) fn poll(output: &Output) -> Result<Poll<'_>, Unreadable> {
    let bad = || no_answer(output);
    // Of one that was killed on the host, the end may be missing.
    if !output.success() {
        return Err(bad());
    }
    let said = begun(&output.stdout).map_or(&output.stdout[..], |(_, rest)| rest);
    let ([state, code, began_in, boot], chunk) = marked::first_of(said, MARK).ok_or_else(bad)?;
    let state = match state {
        "absent" => State::Absent,
        "claimed" => State::Claimed,
        "alive" => State::Alive,
        "gone" => State::Gone,
        "cancelled" => State::Cancelled,
        "done" => State::Done(code.parse().map_err(|_| bad())?),
        _ => return Err(bad()),
    };
    let given = |text: &str| (text != "-").then(|| text.to_owned());
    let lost = marked::first_of(said, MARK)
        .map(|([.., run, owner], _): ([&str; 6], _)| lost(&format!("{run} {}", owner.replace('~', " "))));
    Ok(Poll { state, lost, began_in: given(began_in), boot: given(boot), chunk })
}

/// Hears, while a start is still at work, that the job has begun.
#[derive(Debug)]
pub(super) struct Ear {
    said: Vec<u8>,
    /// The end of standard error.
    told: Vec<u8>,
    boot: Option<String>,
    tell: Option<oneshot::Sender<()>>,
}

impl Ear {
    /// One that reports to the receiver.
    pub fn new() -> (Self, oneshot::Receiver<()>) {
        let (tell, heard) = oneshot::channel();
        (Self { said: Vec::new(), told: Vec::new(), boot: None, tell: Some(tell) }, heard)
    }

    /// The boot in which it began, once the host has said that it did.
    pub fn begun(&self) -> Option<&str> {
        self.boot.as_deref()
    }

    fn hear(&self) -> Option<&str> {
        let lines = self.told.split_inclusive(|b| *b == b'\n');
        begun(&self.said).or_else(|| lines.into_iter().find_map(begun)).map(|(boot, _)| boot)
    }
}

impl Sink for Ear {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        if self.boot.is_some() {
            return;
        }
        match stream {
            Stream::Stdout if self.said.len() < LINE => self.said.extend_from_slice(&bytes[..bytes.len().min(LINE)]),
            Stream::Stdout => return,
            // Programs on the way, such as sudo, may have said something before.
            Stream::Stderr => {
                self.told.extend_from_slice(bytes);
                self.told.drain(..self.told.len().saturating_sub(LONGEST));
            }
        }
        self.boot = self.hear().map(str::to_owned);
        if self.boot.is_some()
            && let Some(tell) = self.tell.take()
        {
            // The receiver may be gone already.
            let _ = tell.send(());
        }
    }
}

/// The boot in which a job began, if this says that it did, and what follows.
pub(super) fn begun(said: &[u8]) -> Option<(&str, &[u8])> {
    let ([boot], rest) = marked::first_of(said, BEGUN)?;
    Some((boot, rest))
}

fn no_answer(output: &Output) -> Unreadable {
    let said = output.last_lines(1);
    if said.is_empty() {
        Unreadable::new(format!("no answer about the job ({})", output.exit))
    } else {
        Unreadable::new(format!("no answer about the job ({}): {said}", output.exit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn said(stdout: &[u8]) -> Output {
        Output { exit: Exit::Code(0), stdout: stdout.to_vec(), stderr: vec![], dropped: 0 }
    }

    #[test]
    fn a_start_is_read() {
        assert_eq!(start(&said(b"motd\npatchwave-job ask \n")), Ok(Start::Ask));
        assert_eq!(start(&said(b"patchwave-job refused no \x1b[1mroom\n")), Ok(Start::Refused("no [1mroom".into())));
        let by = |run: &str, owner: &str| LostLease { run: run.into(), owner: owner.into() };
        assert_eq!(start(&said(b"patchwave-job lost R2 bob@j 2\n")), Ok(Start::Lost(by("R2", "bob@j 2"))));
        assert_eq!(start(&said(b"patchwave-job lost - \n")), Ok(Start::Lost(by("", ""))));
        // What a job prints behind its state is not an answer.
        let job = b"patchwave-job alive - a a\npatchwave-job refused no\n";
        for bad in [&b""[..], b"patchwave-job", b"patchwave-job maybe\n", b"\xff\xfe", job] {
            assert!(start(&said(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn that_a_job_has_begun_is_heard_on_both_streams() {
        let heard = |pieces: &[(Stream, &str)]| {
            let (mut ear, mut heard) = Ear::new();
            pieces.iter().for_each(|(stream, bytes)| ear.write(*stream, bytes.as_bytes()));
            assert_eq!(heard.try_recv().is_ok(), ear.begun().is_some(), "{pieces:?}");
            ear.begun().map(str::to_owned)
        };
        let (out, err, a) = (Stream::Stdout, Stream::Stderr, Some("a".to_owned()));
        assert_eq!(heard(&[(out, "patchwave-job beg"), (out, "un a\n")]), a);
        assert_eq!(heard(&[(err, "sudo: unable to resolve host\npatchwave-job begun"), (err, " a\n")]), a);
        assert_eq!(heard(&[(err, &"x".repeat(9000)), (err, "\npatchwave-job begun a\n")]), a);
        assert_eq!(heard(&[(out, "patchwave-job done 0 a a\n"), (out, "patchwave-job begun b\n")]), None);
        assert_eq!(heard(&[(err, "no patchwave-job begun a\npatchwave-job begun a")]), None);
    }

    #[test]
    fn a_poll_is_read_and_its_bytes_are_left_alone() {
        let output = said(b"patchwave-job done 3 a-b -\n\0\xff\npatchwave-job ");
        let poll = super::poll(&output).unwrap();
        assert_eq!(poll.state, State::Done(3));
        assert_eq!((poll.began_in.as_deref(), poll.boot), (Some("a-b"), None));
        assert_eq!(poll.chunk, b"\0\xff\npatchwave-job ");
        assert_eq!(poll.lost, None);
        let output = said(b"patchwave-job alive - a a R2 bob@j\n");
        let lost = super::poll(&output).unwrap().lost;
        assert_eq!(lost, Some(LostLease { run: "R2".into(), owner: "bob@j".into() }));
        let output = said(b"patchwave-job begun a\npatchwave-job done 3 a a\nx");
        assert_eq!(super::poll(&output).map(|poll| (poll.state, poll.chunk)), Ok((State::Done(3), &b"x"[..])));
        for bad in [
            "",
            "patchwave-job begun a\n",
            "patchwave-job done - a b\n",
            "patchwave-job ask \n",
            "patchwave-job alive - a\n",
        ] {
            assert!(super::poll(&said(bad.as_bytes())).is_err(), "{bad:?}");
        }
        let killed = Output { exit: Exit::Signal("KILL".into()), ..said(b"patchwave-job done 0 a a\nhalf of i") };
        assert!(super::poll(&killed).is_err());
    }
}
