//! Where a command's own output begins: after a word of ours, which comes after all that a login shell prints by itself.
//! A shell that ends before the word (`exit` in a `.bashrc`, `nologin`, a forced command) has not run the command,
//! whatever its exit code says. Start at [`Beginning`].

use super::super::Stream;

/// What a login shell says beyond this is dropped.
const LONGEST: usize = 16 << 10;

/// The beginning of one command.
pub(super) struct Beginning {
    word: String,
    /// Heard so far; `None` once the word has come.
    stdout: Option<Vec<u8>>,
    stderr: Option<Vec<u8>>,
}

impl Beginning {
    /// With a word that nobody can guess.
    pub(super) fn new() -> Self {
        let word = format!("patchwave-begin-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        Self { word, stdout: Some(Vec::new()), stderr: Some(Vec::new()) }
    }

    /// The line for the login shell. The word stands on a line of its own, even after an unfinished one or `set -x`.
    pub(super) fn line(&self, line: &str) -> String {
        let say = format!("printf '\\n%s\\n' {}", self.word);
        format!("{say}; {say} >&2; {line}")
    }

    /// Takes a piece; what is left of it is the command's.
    pub(super) fn hear<'a>(&mut self, stream: Stream, bytes: &'a [u8]) -> std::borrow::Cow<'a, [u8]> {
        let heard = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let Some(noise) = heard else { return bytes.into() };
        noise.extend_from_slice(bytes);
        let line = format!("\n{}\n", self.word);
        if let Some(at) = noise.windows(line.len()).position(|window| window == line.as_bytes()) {
            let rest = noise.split_off(at + line.len());
            *heard = None;
            return rest.into();
        }
        let beyond = noise.len().saturating_sub(LONGEST);
        noise.drain(..beyond);
        Vec::new().into()
    }

    /// Whether the login shell came as far as the command.
    pub(super) fn begun(&self) -> bool {
        self.stdout.is_none() || self.stderr.is_none()
    }

    /// The last line that the login shell said by itself, for people; empty when it said nothing.
    pub(super) fn said(&self) -> String {
        let noise = [&self.stdout, &self.stderr].map(|heard| heard.as_deref().unwrap_or_default()).concat();
        let text = String::from_utf8_lossy(&noise).into_owned();
        let mut lines = text.lines().map(crate::command::printable).filter(|line| !line.trim().is_empty());
        lines.next_back().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_of_a_login_shell_is_not_the_commands() {
        for noise in ["", "WELCOME\n", "no end of line", "set -x\n", "\n\n"] {
            let mut beginning = Beginning::new();
            let trace = if noise.starts_with("set") { "set -x" } else { "true" };
            let line = format!("printf %s '{noise}'; {trace}; {}", beginning.line("exec printf '%s' 'the answer'"));
            let said = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
            let mut answer = Vec::new();
            for byte in &said.stdout {
                answer.extend_from_slice(&beginning.hear(Stream::Stdout, &[*byte]));
            }
            assert_eq!(String::from_utf8(answer).unwrap(), "the answer", "{noise:?}");
            assert!(beginning.begun());
        }
    }

    #[test]
    fn a_shell_that_ends_early_has_not_begun() {
        let mut beginning = Beginning::new();
        let word = beginning.word.clone();
        for piece in ["This account is \x1b[1mnot available.\n", &format!("echo {word}\n"), &"x".repeat(1 << 20)] {
            assert!(beginning.hear(Stream::Stdout, piece.as_bytes()).is_empty());
        }
        assert!(!beginning.begun());
        assert!(beginning.stdout.as_ref().is_some_and(|heard| heard.len() <= LONGEST));
        beginning.hear(Stream::Stdout, b"\ngo away\n\n");
        assert_eq!(beginning.said(), "go away");
    }
}
