//! Privilege escalation: the command line for sudo, doas or su, and the dialogue before the command starts.
//! The elevated shell reports that it is ready and then waits for our go-ahead. Until then nothing of the command runs,
//! so an earlier failure is certainly "not sent", however late sudo answers. `output_marker` removes what the login
//! shell prints, so that it is not taken for sudo's output.

use std::borrow::Cow;

use bytes::Bytes;
use secrecy::ExposeSecret;

use super::output_marker::last_words;
use crate::{
    command::{REMOTE_PATH, printable},
    target::{Escalation, Method},
};

/// The dialogue is short; anything longer is noise.
const LONGEST_TALK: usize = 16 << 10;

/// The escalation of one command. Holds a password: never print it.
pub(super) struct Elevation {
    method: Method,
    user: String,
    password: Option<Bytes>,
    /// Two parts of sudo's prompt; the line that is sent joins them differently, so that echoing it is not a prompt.
    prompt: [String; 2],
    /// Two halves of the elevated shell's marker; the line that is sent keeps them apart.
    halves: [String; 2],
    seen: Vec<u8>,
    asked: bool,
    stage: Stage,
}

/// How far the elevated shell got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is not ready yet.
    Absent,
    /// It got the go-ahead.
    Told,
    /// It has reported that it runs the command.
    Runs,
}

/// What to do after more output. May hold a password: printed in tests only.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(super) enum Next {
    Wait,
    /// Send this; it holds the password.
    Answer(Bytes),
    /// The elevated shell waits: send this, then the command's input.
    Go(Bytes),
    /// It has failed, and why.
    Refused(String),
}

impl Elevation {
    /// The escalation with these settings.
    pub(super) fn new(escalation: &Escalation) -> Self {
        let token = || format!("{:016x}", fastrand::u64(..));
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
            prompt: [format!("patchwave-{}", token()), token()],
            halves: [token(), token()],
            seen: Vec::new(),
            asked: false,
            stage: Stage::Absent,
        }
    }

    /// The command line that runs `words` with elevated privileges.
    pub(super) fn words(&self, words: Vec<String>) -> Vec<String> {
        // `read` takes single bytes from a pipe, so what follows the go-ahead is left for the command. The halves in
        // reverse order confirm it; anything else was meant for a password prompt that did not read it.
        let script = format!(
            "unset -f echo printf read test;n=${{IFS#??}} LC_ALL=C PATH=\"{REMOTE_PATH}\";export LC_ALL PATH;echo \"$n$1$2\">&2;\
             IFS= read -r g&&[ \"$g\" = $2 ]&&echo \"$n$2$1\">&2||exit 125;shift 2;exec \"$@\""
        );
        let ([before, after], user) = (&self.prompt, self.user.as_str());
        // sudo writes one `%` for two.
        let prompt = format!("{before}%%{after}:");
        let shell = ["/bin/sh", "-c", &script];
        let program: Vec<&str> = match (self.method, &self.password) {
            (Method::Sudo, Some(_)) => [&["sudo", "-H", "-S", "-p", &prompt, "-u", user, "--"][..], &shell].concat(),
            (Method::Sudo, None) => [&["sudo", "-H", "-n", "-u", user, "--"][..], &shell].concat(),
            (Method::Doas, _) => [&["doas", "-n", "-u", user, "--"][..], &shell].concat(),
            (Method::Su, _) => vec!["su", "-s", "/bin/sh", "-c", &script, "--", user],
        };
        let [first, second] = &self.halves;
        program.into_iter().chain(["sh", first, second]).map(str::to_owned).chain(words).collect()
    }

    /// Takes a piece of standard error (for su of both streams: its prompt may come on either).
    pub(super) fn observe(&mut self, bytes: &[u8]) -> Next {
        self.seen.extend_from_slice(bytes);
        let [first, second] = &self.halves;
        if find(&self.seen, &format!("\n{first}{second}\n")).is_some() {
            self.stage = Stage::Told;
            self.seen.clear();
            return Next::Go(Bytes::from(format!("{second}\n")));
        }
        match self.question() {
            Some(Question::Password) if self.asked => {
                return Next::Refused(format!("{} did not accept the password for {}", self.program(), self.user));
            }
            Some(Question::Password) => {
                let Some(password) = self.password.clone() else {
                    return Next::Refused(format!("{} asks for a password, and none is configured", self.program()));
                };
                self.asked = true;
                self.seen.clear();
                return Next::Answer(password);
            }
            Some(Question::Other(line)) => {
                return Next::Refused(format!("{} asks \"{line}\", which is not a password prompt", self.program()));
            }
            None => {}
        }
        self.forget();
        Next::Wait
    }

    fn forget(&mut self) {
        let beyond = self.seen.len().saturating_sub(LONGEST_TALK);
        self.seen.drain(..beyond);
    }

    /// Whether the elevated shell still waits for the go-ahead.
    pub(super) fn waits(&self) -> bool {
        self.stage == Stage::Absent
    }

    /// Whether the elevated shell has reported that it runs the command.
    pub(super) fn runs(&self) -> bool {
        self.stage == Stage::Runs
    }

    /// Takes a piece of standard error after the go-ahead and returns the part that is the command's.
    pub(super) fn follow<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.runs() {
            return bytes.into();
        }
        self.seen.extend_from_slice(bytes);
        let [first, second] = &self.halves;
        let word = format!("\n{second}{first}\n");
        let Some(at) = find(&self.seen, &word) else {
            self.forget();
            return Cow::default();
        };
        self.stage = Stage::Runs;
        self.seen.split_off(at + word.len()).into()
    }

    /// Whether standard output may hold a prompt.
    pub(super) fn prompts_on_stdout(&self) -> bool {
        self.method == Method::Su
    }

    /// Why it ended before the command could start.
    pub(super) fn ended(&self) -> String {
        let text = String::from_utf8_lossy(&self.seen).replace(&self.prompt.join("%"), "");
        let said = last_words(&without_the_command(&text), &self.halves[0]);
        let (program, user) = (self.program(), &self.user);
        match said.is_empty() {
            false => format!("could not become {user} with {program}: {said}"),
            true => format!("could not become {user} with {program}"),
        }
    }

    /// What to type next.
    pub(super) fn help(&self) -> &'static str {
        match (self.method, &self.password) {
            (Method::Doas, _) => "doas needs a rule with `nopass`: it reads passwords from terminals only",
            (_, None) => "set the password (`-K` or `ansible_become_password`), or give the user a `NOPASSWD` rule",
            (_, Some(_)) => {
                "is the password right (`-K` or `ansible_become_password`), and is the user allowed to do that?"
            }
        }
    }

    pub(super) fn program(&self) -> &'static str {
        match self.method {
            Method::Sudo => "sudo",
            Method::Doas => "doas",
            Method::Su => "su",
        }
    }

    /// What the program asks on its unfinished last line, if anything.
    fn question(&self) -> Option<Question> {
        let line = self.seen.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        match self.method {
            // sudo prints our prompt as it is, sudo-rs puts it before PAM's: "[sudo: PROMPT] Password: ".
            Method::Sudo => {
                let ours = line.ends_with(b":") && find(line, &self.prompt.join("%")).is_some();
                ours.then_some(Question::Password)
            }
            Method::Doas => None,
            // su's prompt cannot be set. LC_ALL=C makes it this one; any other, such as one for a code, gets no
            // password. Its errors come in pieces, of which the first is its name.
            Method::Su if line == b"Password:" => Some(Question::Password),
            Method::Su => {
                let asks = line.ends_with(b":") && !line.starts_with(b"su:");
                asks.then(|| Question::Other(printable(&String::from_utf8_lossy(line))))
            }
        }
    }
}

/// What a program asks for.
enum Question {
    Password,
    /// Something else, in these words.
    Other(String),
}

/// sudo repeats the whole command when it refuses it: this shortens the command in its message.
fn without_the_command(text: &str) -> String {
    let command = text.find("/bin/sh -c ").zip(text.rfind("' as ")).filter(|(from, to)| from < to);
    command.map_or_else(|| text.to_owned(), |(from, to)| format!("{}/bin/sh …{}", &text[..from], &text[to..]))
}

fn find(haystack: &[u8], needle: &str) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle.as_bytes())
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn elevation(method: Method, password: Option<&str>) -> Elevation {
        let password = password.map(|p| SecretString::from(p.to_owned()));
        Elevation::new(&Escalation { on: true, method, user: None, password })
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_password_is_sent_once_and_only_when_it_is_asked_for() {
        let mut dialogue = elevation(Method::Sudo, Some("secret"));
        let prompt = format!("{}:", dialogue.prompt.join("%"));
        let (first, second) = prompt.split_at(9);
        assert_eq!(dialogue.observe(b"We trust you have received the usual lecture\n"), Next::Wait);
        assert_eq!(dialogue.observe(first.as_bytes()), Next::Wait);
        assert_eq!(dialogue.observe(second.as_bytes()), Next::Answer(Bytes::from_static(b"secret\n")));
        assert_eq!(dialogue.observe(b"\nSorry, try again.\n"), Next::Wait);
        assert!(matches!(dialogue.observe(prompt.as_bytes()), Next::Refused(_)));
        // sudo-rs adds PAM's own after it.
        let mut dialogue = elevation(Method::Sudo, Some("secret"));
        let prompt = format!("[sudo: {}:] Password: ", dialogue.prompt.join("%"));
        assert_eq!(dialogue.observe(prompt.as_bytes()), Next::Answer(Bytes::from_static(b"secret\n")));
    }

    #[test]
    fn the_command_goes_when_the_raised_shell_is_there() {
        for method in [Method::Sudo, Method::Doas, Method::Su] {
            let mut dialogue = elevation(method, None);
            let [first, second] = dialogue.halves.clone();
            assert_eq!(dialogue.observe(format!("\n{first}").as_bytes()), Next::Wait);
            assert!(dialogue.waits());
            assert_eq!(
                dialogue.observe(format!("{second}\n").as_bytes()),
                Next::Go(Bytes::from(format!("{second}\n")))
            );
            assert!(!dialogue.waits());
        }
    }

    /// A trace, an error or a refusal that repeats what was sent is neither the shell's word nor the prompt.
    #[test]
    fn what_repeats_the_line_is_not_believed() {
        for method in [Method::Sudo, Method::Doas, Method::Su] {
            for password in [None, Some("secret")] {
                let mut dialogue = elevation(method, password);
                let line = dialogue.words(words(&["true"])).join(" ");
                for repeated in [format!("+ exec {line}\n"), format!("no such thing: {line}"), line.replace(' ', "\n")]
                {
                    assert_eq!(dialogue.observe(repeated.as_bytes()), Next::Wait, "{repeated}");
                }
                let [first, second] = dialogue.halves.clone();
                assert_eq!(dialogue.observe(format!("\n+ echo {first}{second}\n").as_bytes()), Next::Wait);
            }
        }
    }

    #[test]
    fn su_asks_in_its_own_words() {
        let mut dialogue = elevation(Method::Su, Some("secret"));
        assert_eq!(dialogue.observe(b"Password: "), Next::Answer(Bytes::from_static(b"secret\n")));
        assert_eq!(dialogue.observe(b"\nsu: Authentication failure\n"), Next::Wait);
        assert!(dialogue.ended().ends_with("su: Authentication failure"), "{}", dialogue.ended());
        let mut dialogue = elevation(Method::Su, None);
        assert_eq!(dialogue.observe(b"su: "), Next::Wait);
        assert_eq!(dialogue.observe(b"user x does not exist\n"), Next::Wait);
        assert!(matches!(dialogue.observe(b"Password: "), Next::Refused(_)));
    }

    #[test]
    fn nobody_else_gets_sus_password() {
        for asks in ["One-time password (OATH) for `ops':", "Backup tape label: ", "New password: ", "Passcode:"] {
            let mut dialogue = elevation(Method::Su, Some("secret"));
            let Next::Refused(why) = dialogue.observe(asks.as_bytes()) else { panic!("{asks} was answered") };
            assert_eq!(why, format!("su asks \"{}\", which is not a password prompt", asks.trim()));
        }
    }

    #[test]
    fn the_reason_is_the_last_line_without_our_words() {
        let mut dialogue = elevation(Method::Sudo, None);
        dialogue.observe(b"lecture\nsudo: a password is required\n");
        assert_eq!(dialogue.ended(), "could not become root with sudo: sudo: a password is required");
        let line = dialogue.words(words(&["/bin/sh", "-c", "a\nb"])).split_off(6).join(" ");
        dialogue.observe(format!("\nSorry, user x is not allowed to execute '{line}' as root on h1.\n").as_bytes());
        let why = "could not become root with sudo: Sorry, user x is not allowed to execute '/bin/sh …' as root on h1.";
        assert_eq!(dialogue.ended(), why);
        dialogue.observe(&vec![b'x'; 1 << 20]);
        assert!(dialogue.seen.len() <= LONGEST_TALK);
    }

    #[test]
    fn the_shell_waits_for_our_word() {
        let mut dialogue = elevation(Method::Su, None);
        let sent = dialogue.words(words(&["cat"]));
        let run = |input: &str| {
            use std::io::Write;
            let mut child = std::process::Command::new("/bin/sh")
                .args(["-c", &sent[4]])
                .args(&sent[7..])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        };
        let (ready, input) = (format!("\n{}\n", dialogue.halves.concat()), "the input\n");
        let Next::Go(go) = dialogue.observe(ready.as_bytes()) else { panic!("it waits") };
        for other in ["something else\nthe input\n", ""] {
            let output = run(other);
            assert_eq!((output.status.code(), output.stdout), (Some(125), Vec::new()));
            assert!(dialogue.follow(&output.stderr[ready.len()..]).is_empty() && !dialogue.runs(), "{other:?}");
        }
        let output = run(&format!("{}{input}", std::str::from_utf8(&go).unwrap()));
        assert_eq!((output.status.code(), output.stdout), (Some(0), input.into()));
        let (left, right) = output.stderr[ready.len()..].split_at(7);
        assert!(dialogue.follow(left).is_empty() && !dialogue.runs());
        assert!(dialogue.follow(right).is_empty() && dialogue.runs());
        assert_eq!(*dialogue.follow(b"of the command"), *b"of the command");
    }
}
