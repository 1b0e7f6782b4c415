//! Raised rights: the line that sudo, doas or su runs, and the talk that comes before the command starts.
//! The raised shell says that it is there and then waits for our word. Until we give it nothing of the command runs,
//! so a failure before it is surely "not sent", however late sudo wakes up.

use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::{
    command::{REMOTE_PATH, Unquotable, quote},
    target::{Escalation, Method},
};

/// The talk is short; what is longer is noise.
const LONGEST_TALK: usize = 16 << 10;

/// One command's way to raised rights. Holds a password: not to be shown.
pub(super) struct Raise {
    method: Method,
    user: String,
    password: Option<Bytes>,
    prompt: String,
    ready: String,
    go: String,
    heard: Vec<u8>,
    asked: bool,
}

/// What to do after having heard more. May hold a password: shown in tests only.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(super) enum Next {
    Wait,
    /// Send this; it holds the password.
    Answer(Bytes),
    /// The raised shell waits: send this, then the command's input.
    Go(Bytes),
    /// It will not work, and why.
    Refused(String),
}

impl Raise {
    /// A talk for this escalation.
    pub(super) fn new(escalation: &Escalation) -> Self {
        let token = |name: &str| format!("patchwave-{name}-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let password = escalation.password.as_ref().map(|password| {
            let mut line = password.expose_secret().as_bytes().to_vec();
            line.push(b'\n');
            Bytes::from(line)
        });
        Self {
            method: escalation.method,
            user: escalation.user.clone().unwrap_or_else(|| "root".to_owned()),
            // doas reads passwords from terminals only.
            password: password.filter(|_| escalation.method != Method::Doas),
            prompt: token("password"),
            ready: token("ready"),
            go: token("go"),
            heard: Vec::new(),
            asked: false,
        }
    }

    /// The line for the login shell that runs `line` with raised rights.
    pub(super) fn line(&self, line: &str) -> Result<String, Unquotable> {
        let (ready, go) = (&self.ready, &self.go);
        // `read` takes single bytes from a pipe, so what follows the word stays for the command.
        let script = format!("echo {ready} >&2; IFS= read -r go && [ \"$go\" = {go} ] || exit 125; {line}");
        let (script, user, prompt) = (quote(&script)?, quote(&self.user)?, &self.prompt);
        let raised = match (self.method, &self.password) {
            (Method::Sudo, Some(_)) => format!("sudo -H -S -p {prompt}: -u {user} -- /bin/sh -c {script}"),
            (Method::Sudo, None) => format!("sudo -H -n -u {user} -- /bin/sh -c {script}"),
            (Method::Doas, _) => format!("doas -n -u {user} -- /bin/sh -c {script}"),
            (Method::Su, _) => format!("su {user} -s /bin/sh -c {script}"),
        };
        Ok(format!("LC_ALL=C PATH=\"{REMOTE_PATH}\"; export LC_ALL PATH; exec {raised}"))
    }

    /// Takes a piece of standard error (for su of both streams: its prompt may come on either).
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Next {
        self.heard.extend_from_slice(bytes);
        if find(&self.heard, &self.ready).is_some() {
            return Next::Go(Bytes::from(format!("{}\n", self.go)));
        }
        if let Some(end) = self.prompted() {
            if self.asked {
                return Next::Refused(format!("{} did not take the password for {}", self.program(), self.user));
            }
            let Some(password) = self.password.clone() else {
                return Next::Refused(format!("{} asks for a password, and none is configured", self.program()));
            };
            self.asked = true;
            self.heard.drain(..end);
            return Next::Answer(password);
        }
        let beyond = self.heard.len().saturating_sub(LONGEST_TALK);
        self.heard.drain(..beyond);
        Next::Wait
    }

    /// Whether standard output may hold a prompt.
    pub(super) fn prompts_on_stdout(&self) -> bool {
        self.method == Method::Su
    }

    /// Why it ended before the command could start.
    pub(super) fn ended(&self) -> String {
        let text = String::from_utf8_lossy(&self.heard).replace(&format!("{}:", self.prompt), "");
        let said: Vec<String> = text.lines().map(crate::command::printable).filter(|l| !l.trim().is_empty()).collect();
        let (program, user) = (self.program(), &self.user);
        match said.last() {
            Some(line) => format!("{program} did not give the rights of {user}: {line}"),
            None => format!("{program} did not give the rights of {user}"),
        }
    }

    /// What to type next.
    pub(super) fn help(&self) -> &'static str {
        match (self.method, &self.password) {
            (Method::Doas, _) => "doas needs a rule with `nopass`: it reads passwords from terminals only",
            (_, None) => {
                "give the password (`-K`, or `ansible_become_password`), or the user a rule without one (`NOPASSWD`)"
            }
            (_, Some(_)) => "is the password right (`-K`, or `ansible_become_password`), and may the user do that?",
        }
    }

    pub(super) fn program(&self) -> &'static str {
        match self.method {
            Method::Sudo => "sudo",
            Method::Doas => "doas",
            Method::Su => "su",
        }
    }

    /// The end of the prompt, when one stands there unanswered.
    fn prompted(&self) -> Option<usize> {
        match self.method {
            Method::Sudo => {
                let token = format!("{}:", self.prompt);
                find(&self.heard, &token).map(|at| at + token.len())
            }
            Method::Doas => None,
            // su has its own words ("Password: "): an unfinished line that ends with a colon. Its errors come in
            // pieces of which the first is its name.
            Method::Su => {
                let line = self.heard.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
                (line.ends_with(b":") && line != b"su:").then_some(self.heard.len())
            }
        }
    }
}

fn find(haystack: &[u8], needle: &str) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle.as_bytes())
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn raise(method: Method, password: Option<&str>) -> Raise {
        let password = password.map(|p| SecretString::from(p.to_owned()));
        Raise::new(&Escalation { on: true, method, user: None, password })
    }

    #[test]
    fn the_password_is_sent_once_and_only_when_it_is_asked_for() {
        let mut talk = raise(Method::Sudo, Some("secret"));
        let prompt = format!("{}:", talk.prompt);
        let (first, second) = prompt.split_at(9);
        assert_eq!(talk.hear(b"We trust you have received the usual lecture\n"), Next::Wait);
        assert_eq!(talk.hear(first.as_bytes()), Next::Wait);
        assert_eq!(talk.hear(second.as_bytes()), Next::Answer(Bytes::from_static(b"secret\n")));
        assert_eq!(talk.hear(b"\nSorry, try again.\n"), Next::Wait);
        assert!(matches!(talk.hear(prompt.as_bytes()), Next::Refused(_)));
    }

    #[test]
    fn the_command_goes_when_the_raised_shell_is_there() {
        for method in [Method::Sudo, Method::Doas, Method::Su] {
            let mut talk = raise(method, None);
            let (ready, go) = (talk.ready.clone(), talk.go.clone());
            assert_eq!(talk.hear(&ready.as_bytes()[..10]), Next::Wait);
            assert_eq!(talk.hear(&ready.as_bytes()[10..]), Next::Go(Bytes::from(format!("{go}\n"))));
        }
    }

    #[test]
    fn su_asks_in_its_own_words() {
        let mut talk = raise(Method::Su, Some("secret"));
        assert_eq!(talk.hear(b"Password: "), Next::Answer(Bytes::from_static(b"secret\n")));
        assert_eq!(talk.hear(b"\nsu: Authentication failure\n"), Next::Wait);
        assert!(talk.ended().ends_with("su: Authentication failure"), "{}", talk.ended());
        let mut talk = raise(Method::Su, None);
        assert_eq!(talk.hear(b"su: "), Next::Wait);
        assert_eq!(talk.hear(b"user x does not exist\n"), Next::Wait);
        assert!(matches!(talk.hear(b"Password: "), Next::Refused(_)));
    }

    #[test]
    fn the_reason_is_the_last_line_without_our_words() {
        let mut talk = raise(Method::Sudo, None);
        talk.hear(b"lecture\nsudo: a password is required\n");
        assert_eq!(talk.ended(), "sudo did not give the rights of root: sudo: a password is required");
        talk.hear(&vec![b'x'; 1 << 20]);
        assert!(talk.heard.len() <= LONGEST_TALK);
    }

    #[test]
    fn the_shell_waits_for_our_word() {
        let talk = raise(Method::Su, None);
        let line = talk.line("exec cat").unwrap();
        let script = line.split_once(" -c ").unwrap().1;
        let run = |input: &str| {
            use std::io::Write;
            let mut child = std::process::Command::new("/bin/sh")
                .args(["-c", &format!("exec /bin/sh -c {script}")])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            (String::from_utf8(output.stdout).unwrap(), output.status.code())
        };
        assert_eq!(run(&format!("{}\nthe input\n", talk.go)), ("the input\n".to_owned(), Some(0)));
        assert_eq!(run("something else\nthe input\n"), (String::new(), Some(125)));
        assert_eq!(run(""), (String::new(), Some(125)));
    }
}
