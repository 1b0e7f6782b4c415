//! Where a command's own output begins: after a random marker, which follows everything that the login shell prints.
//! A shell that ends before the marker (`exit` in a `.bashrc`, `nologin`, a forced command) has not run the command,
//! whatever its exit code. Start at [`OutputMarker`]; `login_shell` makes the line that prints the marker.

use std::borrow::Cow;

use super::{
    super::Stream,
    login_shell::{self, MANGLED, REDIRECTED},
};
use crate::command::{Unquotable, printable};

/// Output of a login shell beyond this is dropped.
const LONGEST: usize = 16 << 10;

/// Finds the beginning of one command's output.
pub(super) struct OutputMarker {
    /// Two random halves. The line that is sent keeps them apart, so that echoing it does not print the marker.
    halves: [String; 2],
    /// The output so far; `None` once the marker has come.
    stdout: Option<Vec<u8>>,
    stderr: Option<Vec<u8>>,
    unfit: Option<Unfit>,
}

/// Why the login shell's /bin/sh did not run the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Its arguments are not those that were sent.
    Mangled,
    /// Its output is redirected, or its two streams are merged.
    Redirected,
}

/// How far the login shell got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// It did not reach the command.
    No,
    /// The command runs, but one of its streams does not arrive.
    Half,
    /// The command runs.
    Yes,
}

impl OutputMarker {
    /// A new random marker.
    pub(super) fn new() -> Self {
        let halves = [(); 2].map(|()| format!("{:016x}", fastrand::u64(..)));
        Self { halves, stdout: Some(Vec::new()), stderr: Some(Vec::new()), unfit: None }
    }

    /// The command line for the login shell.
    pub(super) fn line(&self, words: &[String]) -> Result<String, Unquotable> {
        login_shell::line(&self.halves, words)
    }

    /// Takes a piece of output and returns the part that is the command's.
    pub(super) fn observe<'a>(&mut self, stream: Stream, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let [first, second] = &self.halves;
        let (seen, word) = match stream {
            Stream::Stdout => (&mut self.stdout, format!("\n{first}{second}")),
            Stream::Stderr => (&mut self.stderr, format!("\n{second}{first}")),
        };
        let Some(noise) = seen else { return bytes.into() };
        noise.extend_from_slice(bytes);
        for (after, unfit) in [("\n", None), (MANGLED, Some(Unfit::Mangled)), (REDIRECTED, Some(Unfit::Redirected))] {
            let line = format!("{word}{after}");
            let Some(at) = noise.windows(line.len()).position(|window| window == line.as_bytes()) else { continue };
            let rest = noise.split_off(at + line.len());
            if unfit.is_none() {
                *seen = None;
                return rest.into();
            }
            self.unfit = unfit;
            return Cow::default();
        }
        let beyond = noise.len().saturating_sub(LONGEST);
        noise.drain(..beyond);
        Cow::default()
    }

    /// Why the command was not run, once the shell has reported it.
    pub(super) fn unfit(&self) -> Option<Unfit> {
        self.unfit
    }

    /// Whether the login shell has reached the command.
    pub(super) fn reached(&self) -> Reached {
        match (&self.stdout, &self.stderr) {
            (None, None) => Reached::Yes,
            (Some(_), Some(_)) => Reached::No,
            _ => Reached::Half,
        }
    }

    /// The last line that the login shell itself printed, for people; empty when there is none.
    pub(super) fn said(&self) -> String {
        let noise = [&self.stderr, &self.stdout].map(|seen| seen.as_deref().unwrap_or_default()).concat();
        let text = String::from_utf8_lossy(&noise).into_owned();
        last_words(&text, &self.halves[0])
    }
}

/// The last line that helps. Lines that repeat what was sent (they contain `ours`) and lines of punctuation are used
/// only when there is no other.
pub(super) fn last_words(text: &str, ours: &str) -> String {
    let lines = || text.lines().filter(|line| line.chars().any(char::is_alphanumeric));
    let own = lines().rfind(|line| !line.contains(ours));
    let line = own.or_else(|| lines().next_back()).or_else(|| text.lines().rfind(|line| !line.trim().is_empty()));
    line.map(printable).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_noise_of_a_login_shell_is_not_the_commands() {
        for noise in ["", "WELCOME\n", "no end of line", "set -x\n", "\n\n"] {
            let mut marker = OutputMarker::new();
            let trace = if noise.starts_with("set") { "set -x" } else { "true" };
            let line = marker.line(&words(&["printf", "%s", "the answer"])).unwrap();
            let line = format!("printf %s '{noise}'; {trace}; {line}");
            let said = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
            let mut answer = Vec::new();
            for byte in &said.stdout {
                answer.extend_from_slice(&marker.observe(Stream::Stdout, &[*byte]));
            }
            assert_eq!(String::from_utf8(answer).unwrap(), "the answer", "{noise:?}");
            assert_eq!(marker.reached(), Reached::Half);
            assert!(marker.observe(Stream::Stderr, &said.stderr).is_empty(), "{noise:?}");
            assert_eq!(marker.reached(), Reached::Yes);
        }
    }

    #[test]
    fn a_shell_that_ends_early_has_not_begun() {
        let mut marker = OutputMarker::new();
        let (line, word) = (marker.line(&words(&["true"])).unwrap(), marker.halves.concat());
        let pieces =
            ["This account is \x1b[1mnot available.\n", &line, &format!("echo {word}\n"), &"x".repeat(1 << 20)];
        for piece in pieces {
            for stream in [Stream::Stdout, Stream::Stderr] {
                assert!(marker.observe(stream, piece.as_bytes()).is_empty());
            }
        }
        assert_eq!(marker.reached(), Reached::No);
        assert!(marker.stdout.as_ref().is_some_and(|seen| seen.len() <= LONGEST));
        marker.observe(Stream::Stdout, b"\ngo away\n\n");
        assert_eq!(marker.said(), "go away");
    }

    #[test]
    fn a_shell_that_may_not_run_it_is_heard() {
        for (verdict, unfit) in [(MANGLED, Unfit::Mangled), (REDIRECTED, Unfit::Redirected)] {
            let mut marker = OutputMarker::new();
            let [first, second] = marker.halves.clone();
            assert!(marker.observe(Stream::Stdout, format!("noise\n{first}{second}{verdict}\n").as_bytes()).is_empty());
            assert_eq!((marker.reached(), marker.unfit()), (Reached::No, Some(unfit)));
        }
    }

    #[test]
    fn a_shells_own_sentence_is_its_last_without_ours() {
        for (text, sentence) in [
            ("", ""),
            ("a\nb\n", "b"),
            ("no such word\nexec /bin/sh -c x TOKEN y\n     ^\n", "no such word"),
            ("cannot read: TOKEN\n", "cannot read: TOKEN"),
            ("   ^^^\n\n", "   ^^^"),
        ] {
            assert_eq!(last_words(text, "TOKEN"), sentence, "{text:?}");
        }
    }
}
