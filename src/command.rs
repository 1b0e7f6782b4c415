//! A command for a host, its output, and the pair of a command and its parser.
//! The only place that quotes for a shell; nothing here does IO. Start at [`Command`] and [`Query`].

use std::{fmt, ops::Deref, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Directories searched on a host, whatever its login shell sets.
///
/// The embedded fleet sets `PATCHWAVE_ROOT` in its sessions: its hosts are folders. On a real host the variable is
/// absent (sshd passes no such variable and sudo drops it) and every path is used unchanged.
pub const REMOTE_PATH: &str =
    "${PATCHWAVE_ROOT:+$PATCHWAVE_ROOT/bin:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether running a command twice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Only reads: may be run again after a lost connection.
    Reads,
    /// Changes the host: never repeated automatically.
    Changes,
}

/// One command for one host: an argument vector, never a shell string.
#[derive(Clone, Debug)]
pub struct Command {
    /// A stable short name (`boot-id`, `disk-free`) for logs, errors and the simulated fleet.
    pub label: &'static str,
    /// Program and arguments.
    pub argv: Argv,
    /// Environment in addition to `LC_ALL=C` and `PATH`.
    pub env: Vec<(String, String)>,
    /// Bytes for standard input; without any it is empty.
    pub stdin: Bytes,
    /// How long it may take once sent.
    pub timeout: Duration,
    /// Whether it may be repeated.
    pub effect: Effect,
    /// Run with elevated privileges (the host's `become` method).
    pub privileged: bool,
    /// The most bytes kept of each output stream; the rest is counted and dropped (it still reaches the log).
    pub keep: usize,
}

/// Program and arguments. Clones share them, because a script may have many kilobytes and a command is cloned each time
/// it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argv(Arc<Vec<String>>);

impl<S: Into<String>> FromIterator<S> for Argv {
    fn from_iter<I: IntoIterator<Item = S>>(words: I) -> Self {
        Self(Arc::new(words.into_iter().map(Into::into).collect()))
    }
}

impl Deref for Argv {
    type Target = Vec<String>;

    fn deref(&self) -> &Vec<String> {
        &self.0
    }
}

impl IntoIterator for Argv {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Argv {
    type Item = &'a String;
    type IntoIter = std::slice::Iter<'a, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Command {
    /// A reading command with 60 s and 4 MiB.
    pub fn reads<S: Into<String>>(label: &'static str, argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            label,
            argv: argv.into_iter().collect(),
            env: Vec::new(),
            stdin: Bytes::new(),
            timeout: Duration::from_secs(60),
            effect: Effect::Reads,
            privileged: false,
            keep: 4 << 20,
        }
    }

    /// As [`Command::reads`], for a command that changes the host.
    pub fn changes<S: Into<String>>(label: &'static str, argv: impl IntoIterator<Item = S>) -> Self {
        Self { effect: Effect::Changes, ..Self::reads(label, argv) }
    }

    /// A `/bin/sh` script with positional arguments; it only reads until [`Command::changing`] says otherwise.
    pub fn sh<S: Into<String>>(label: &'static str, script: &str, args: impl IntoIterator<Item = S>) -> Self {
        let mut argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned(), "sh".to_owned()];
        argv.extend(args.into_iter().map(Into::into));
        Self::reads(label, argv)
    }

    /// Sets the time limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Marks the command as changing the host.
    #[must_use]
    pub fn changing(mut self) -> Self {
        self.effect = Effect::Changes;
        self
    }

    /// Asks for elevated privileges.
    #[must_use]
    pub fn privileged(mut self, yes: bool) -> Self {
        self.privileged = yes;
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Bytes::from(bytes.into());
        self
    }

    /// The same command with shell text in front of it, which may exit before the command does anything. A script gets
    /// the text as its first lines; any other command is run by a shell after it.
    #[must_use]
    pub fn behind(mut self, text: &str) -> Self {
        match Arc::make_mut(&mut self.argv.0).as_mut_slice() {
            [shell, option, script, ..] if shell == "/bin/sh" && option == "-c" => {
                script.insert(0, '\n');
                script.insert_str(0, text);
            }
            _ => {
                let program = std::mem::take(&mut self.argv);
                self.argv = Self::sh(self.label, &format!("{text}\nexec \"$@\""), program).argv;
            }
        }
        self
    }

    /// The program and its arguments in one list, after `env` and its variables if there are any.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::with_capacity(self.argv.len() + self.env.len() + 1);
        if !self.env.is_empty() {
            words.push("env".to_owned());
            words.extend(self.env.iter().map(|(name, value)| format!("{name}={value}")));
        }
        words.extend(self.argv.iter().cloned());
        words
    }

    /// The line for a POSIX shell: environment, then the quoted arguments. (What a login shell gets is made in
    /// `transport/ssh`: it may be any shell.)
    ///
    /// # Errors
    /// [`Unquotable`] when an argument contains a NUL byte, which no program can receive.
    pub fn shell_line(&self) -> Result<String, Unquotable> {
        let mut line = format!("LC_ALL=C PATH=\"{REMOTE_PATH}\"; export LC_ALL PATH; exec");
        // Not over `words`, which copies them: a script may be long.
        let assigned: Vec<String> = self.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let env = (!assigned.is_empty()).then_some("env");
        for word in env.into_iter().chain(assigned.iter().chain(&self.argv).map(String::as_str)) {
            line.push(' ');
            line.push_str(&shlex::try_quote(word).map_err(|_| Unquotable)?);
        }
        Ok(line)
    }
}

/// Quotes one argument for a POSIX shell.
///
/// # Errors
/// [`Unquotable`] when it contains a NUL byte.
pub fn quote(arg: &str) -> Result<String, Unquotable> {
    shlex::try_quote(arg).map(|q| q.into_owned()).map_err(|_| Unquotable)
}

/// Quotes one argument so that POSIX shells, zsh, fish, csh and tcsh all read it in the same way. Within single quotes
/// fish interprets a backslash and csh a `!`, so these are put outside, each after a backslash.
///
/// # Errors
/// [`Unquotable`] when it contains a NUL byte, or a newline, which cannot be quoted for both csh and the others.
pub fn quote_for_any_shell(arg: &str) -> Result<String, Unquotable> {
    if arg.contains(['\0', '\n']) {
        return Err(Unquotable);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,+".contains(&byte);
    if !arg.is_empty() && arg.bytes().all(plain) {
        return Ok(arg.to_owned());
    }
    let mut quoted = String::with_capacity(arg.len() + 2);
    let mut open = false;
    for character in arg.chars() {
        let outside = matches!(character, '\'' | '\\' | '!');
        if open == outside {
            quoted.push('\'');
            open = !open;
        }
        if outside {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    if open || arg.is_empty() {
        quoted.push_str(if open { "'" } else { "''" });
    }
    Ok(quoted)
}

/// Whether every shell reads a text as one literal word, and no program reads it as an option. Only such a text may be
/// inserted into a shell line that a user wrote, where nothing can be quoted (`%h` in a `ProxyCommand`).
pub fn is_plain_word(text: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._-:@%+/".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(fine)
}

/// An argument that no program can receive.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("an argument contains a NUL byte")]
pub struct Unquotable;

/// How a command ended on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It returned this code.
    Code(u32),
    /// A signal ended it (SSH's name without `SIG`).
    Signal(String),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

/// The output of a command. Its bytes come from outside and may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// Standard output, at most [`Command::keep`] bytes.
    pub stdout: Vec<u8>,
    /// Standard error, at most [`Command::keep`] bytes.
    pub stderr: Vec<u8>,
    /// Bytes that were dropped because of [`Command::keep`], both streams together.
    pub dropped: u64,
}

impl Output {
    /// Exit code 0.
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// Standard output as text, bad bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// For people: the last `n` non-empty lines of standard error, or of standard output if there are none. Only
    /// characters that [`shows`] allows.
    pub fn last_lines(&self, n: usize) -> String {
        let pick = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let lines: Vec<String> = text.lines().map(printable).filter(|l| !l.trim().is_empty()).collect();
            lines[lines.len().saturating_sub(n)..].join("\n")
        };
        let err = pick(&self.stderr);
        if err.is_empty() { pick(&self.stdout) } else { err }
    }
}

/// A line with only the characters that [`shows`] allows, cut at 400 characters.
pub fn printable(line: &str) -> String {
    line.chars().filter(|c| *c == '\t' || shows(*c)).take(400).collect()
}

/// Whether a character may reach a screen. Not if it controls a terminal, changes the reading direction, has no width,
/// or looks like a blank and is not: a hostile host could use it to hide text, or to push text off the screen. All code
/// that prints uses this.
pub fn shows(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            // Soft hyphen, grapheme joiner, Arabic letter mark.
            '\u{ad}' | '\u{34f}' | '\u{61c}'
            // Fillers of Hangul and Khmer, Mongolian selectors.
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            // Spaces without width, joiners, direction marks and overrides, line separators.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // An empty Braille cell, more fillers.
            | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
            // Variation selectors, byte order mark, annotations.
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            // Controls of shorthand and of musical notation.
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
            // Tags, and more selectors.
            | '\u{e0000}'..='\u{e0fff}'))
}

/// A command together with the parser of its output, so that the two cannot be mismatched.
pub struct Query<T> {
    /// What to run.
    pub command: Command,
    read: Arc<Reader<T>>,
}

type Reader<T> = dyn Fn(&Output) -> Result<T, Unreadable> + Send + Sync;

impl<T> Clone for Query<T> {
    fn clone(&self) -> Self {
        Self { command: self.command.clone(), read: Arc::clone(&self.read) }
    }
}

impl<T> fmt::Debug for Query<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Query").field(&self.command.label).finish()
    }
}

impl<T> Query<T> {
    /// Pairs `command` with `read`. Truncated output never reaches `read`.
    pub fn new(command: Command, read: impl Fn(&Output) -> Result<T, Unreadable> + Send + Sync + 'static) -> Self {
        Self { command, read: Arc::new(read) }
    }

    /// Parses the output.
    ///
    /// # Errors
    /// [`Unreadable`] when the output is truncated or does not have the expected form.
    pub fn read(&self, output: &Output) -> Result<T, Unreadable> {
        if output.dropped > 0 {
            return Err(Unreadable::new(format!("the output is longer than {} bytes", self.command.keep)));
        }
        (self.read)(output)
    }
}

/// Output that does not have the expected form.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{why}")]
pub struct Unreadable {
    /// What is wrong, for people.
    pub why: String,
}

impl Unreadable {
    /// Wraps a reason.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_behind_shell_text_is_what_it_was_unless_the_text_ends_it() {
        let run = |command: &Command| {
            let line = command.shell_line().unwrap();
            let output = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        let script = Command::sh("x", "printf '%s|' \"$@\"; cat", ["a b", "c"]);
        let program = Command::changes("x", ["printf", "%s|%s|", "a b", "c"]).env("E", "1");
        for command in [script, program] {
            assert_eq!(run(&command.clone().behind("true")), (Some(0), "a b|c|".to_owned()), "{command:?}");
            assert_eq!(run(&command.behind("exit 114")), (Some(114), String::new()));
        }
    }

    #[test]
    fn hostile_arguments_stay_one_argument_each() {
        let command =
            Command::reads("t", ["printf", "%s\\n", "a b", "$(id)", "`id`", "{a,b}", "!x", "'", "\n", "", "-n"]);
        let line = command.shell_line().unwrap();
        let out = std::process::Command::new("/bin/sh").arg("-c").arg(&line).output().unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), "a b\n$(id)\n`id`\n{a,b}\n!x\n'\n\n\n\n-n\n");
        assert!(Command::reads("t", ["a\0b"]).shell_line().is_err());
    }

    #[test]
    fn environment_reaches_the_program_and_the_path_is_ours() {
        let command = Command::sh("t", "echo \"$X|$LC_ALL|$PATH\"", [""; 0]).env("X", "a b'c");
        let out = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(command.shell_line().unwrap())
            .env_remove("PATCHWAVE_ROOT")
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(out.stdout).unwrap(),
            "a b'c|C|/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        );
    }

    #[test]
    fn a_truncated_answer_is_never_read() {
        let query = Query::new(Command::reads("t", ["true"]), |o| Ok(o.stdout.len()));
        let mut output = Output { exit: Exit::Code(0), stdout: b"x".to_vec(), stderr: vec![], dropped: 0 };
        assert_eq!(query.read(&output), Ok(1));
        output.dropped = 1;
        assert!(query.read(&output).is_err());
    }

    #[test]
    fn text_for_people_holds_no_escapes() {
        let output =
            Output { exit: Exit::Code(1), stdout: vec![], stderr: b"ok\n\n\x1b[31mred\x07\n".to_vec(), dropped: 0 };
        assert_eq!(output.last_lines(1), "[31mred");
        assert_eq!(printable("a\u{202e}b\u{9b}2J\tc\u{2028}"), "ab2J\tc");
        let hidden =
            "\u{61c}\u{2800}\u{3164}\u{200b}\u{200c}\u{200d}\u{200f}\u{feff}\u{e0001}\u{e01ef}\u{2066}\u{ad}\u{fe0f}";
        assert_eq!(printable(&format!("a{hidden}b")), "ab");
        let text = "gr\u{fc}n \u{a0}\u{3000} e\u{301} \u{65e5}\u{672c} \u{1f600} \u{5d0}";
        assert_eq!(printable(text), text, "what people write is kept");
    }
}
