//! Where a command's own output begins: after a word of ours, which comes after all that a login shell prints by itself.
//! A shell that ends before the word (`exit` in a `.bashrc`, `nologin`, a forced command) has not run the command,
//! whatever its exit code says. Start at [`Beginning`]; the line that says the words is made in `login_shell`.

use std::borrow::Cow;

use super::{
    super::Stream,
    login_shell::{self, MANGLED, REDIRECTED},
};
use crate::command::{Unquotable, printable};

/// What a login shell says beyond this is dropped.
const LONGEST: usize = 16 << 10;

/// The beginning of one command.
pub(super) struct Beginning {
    /// Two halves of a word that nobody can guess. The line that is sent holds them apart from each other.
    halves: [String; 2],
    /// Heard so far; `None` once the word has come.
    stdout: Option<Vec<u8>>,
    stderr: Option<Vec<u8>>,
    unfit: Option<Unfit>,
}

/// Why the login shell's /bin/sh did not run the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It was given other arguments than were sent.
    Mangled,
    /// Its two streams do not lead here, or not apart from each other.
    Redirected,
}

/// How far the login shell came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// It did not come to the command.
    No,
    /// The command runs, but one of its streams does not arrive.
    Half,
    /// The command runs.
    Yes,
}

impl Beginning {
    /// With a word that nobody can guess.
    pub(super) fn new() -> Self {
        let halves = [(); 2].map(|()| format!("{:016x}", fastrand::u64(..)));
        Self { halves, stdout: Some(Vec::new()), stderr: Some(Vec::new()), unfit: None }
    }

    /// The line for the login shell.
    pub(super) fn line(&self, words: &[String]) -> Result<String, Unquotable> {
        login_shell::line(&self.halves, words)
    }

    /// Takes a piece; what is left of it is the command's.
    pub(super) fn hear<'a>(&mut self, stream: Stream, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let [first, second] = &self.halves;
        let (heard, word) = match stream {
            Stream::Stdout => (&mut self.stdout, format!("\n{first}{second}")),
            Stream::Stderr => (&mut self.stderr, format!("\n{second}{first}")),
        };
        let Some(noise) = heard else { return bytes.into() };
        noise.extend_from_slice(bytes);
        for (after, unfit) in [("\n", None), (MANGLED, Some(Unfit::Mangled)), (REDIRECTED, Some(Unfit::Redirected))] {
            let line = format!("{word}{after}");
            let Some(at) = noise.windows(line.len()).position(|window| window == line.as_bytes()) else { continue };
            let rest = noise.split_off(at + line.len());
            if unfit.is_none() {
                *heard = None;
                return rest.into();
            }
            self.unfit = unfit;
            return Cow::default();
        }
        let beyond = noise.len().saturating_sub(LONGEST);
        noise.drain(..beyond);
        Cow::default()
    }

    /// Why the command was not run, once the shell has said so.
    pub(super) fn unfit(&self) -> Option<Unfit> {
        self.unfit
    }

    /// Whether the login shell came as far as the command.
    pub(super) fn begun(&self) -> Begun {
        match (&self.stdout, &self.stderr) {
            (None, None) => Begun::Yes,
            (Some(_), Some(_)) => Begun::No,
            _ => Begun::Half,
        }
    }

    /// The last line that the login shell said by itself, for people; empty when it said nothing.
    pub(super) fn said(&self) -> String {
        let noise = [&self.stderr, &self.stdout].map(|heard| heard.as_deref().unwrap_or_default()).concat();
        let text = String::from_utf8_lossy(&noise).into_owned();
        last_words(&text, &self.halves[0])
    }
}

/// The last line that says something. A line that repeats what was sent, which holds `ours`, and one of marks alone say
/// less than those around them.
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
            let mut beginning = Beginning::new();
            let trace = if noise.starts_with("set") { "set -x" } else { "true" };
            let line = beginning.line(&words(&["printf", "%s", "the answer"])).unwrap();
            let line = format!("printf %s '{noise}'; {trace}; {line}");
            let said = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
            let mut answer = Vec::new();
            for byte in &said.stdout {
                answer.extend_from_slice(&beginning.hear(Stream::Stdout, &[*byte]));
            }
            assert_eq!(String::from_utf8(answer).unwrap(), "the answer", "{noise:?}");
            assert_eq!(beginning.begun(), Begun::Half);
            assert!(beginning.hear(Stream::Stderr, &said.stderr).is_empty(), "{noise:?}");
            assert_eq!(beginning.begun(), Begun::Yes);
        }
    }

    #[test]
    fn a_shell_that_ends_early_has_not_begun() {
        let mut beginning = Beginning::new();
        let (line, word) = (beginning.line(&words(&["true"])).unwrap(), beginning.halves.concat());
        let pieces =
            ["This account is \x1b[1mnot available.\n", &line, &format!("echo {word}\n"), &"x".repeat(1 << 20)];
        for piece in pieces {
            for stream in [Stream::Stdout, Stream::Stderr] {
                assert!(beginning.hear(stream, piece.as_bytes()).is_empty());
            }
        }
        assert_eq!(beginning.begun(), Begun::No);
        assert!(beginning.stdout.as_ref().is_some_and(|heard| heard.len() <= LONGEST));
        beginning.hear(Stream::Stdout, b"\ngo away\n\n");
        assert_eq!(beginning.said(), "go away");
    }

    #[test]
    fn a_shell_that_may_not_run_it_is_heard() {
        for (verdict, unfit) in [(MANGLED, Unfit::Mangled), (REDIRECTED, Unfit::Redirected)] {
            let mut beginning = Beginning::new();
            let [first, second] = beginning.halves.clone();
            assert!(beginning.hear(Stream::Stdout, format!("noise\n{first}{second}{verdict}\n").as_bytes()).is_empty());
            assert_eq!((beginning.begun(), beginning.unfit()), (Begun::No, Some(unfit)));
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
