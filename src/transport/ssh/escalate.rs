//! Raised rights: the words that sudo, doas or su run, and the talk that comes before the command starts.
//! The raised shell says that it is there and then waits for our word. Until we give it nothing of the command runs,
//! so a failure before it is surely "not sent", however late sudo wakes up. What the login shell says before is not
//! heard here (`begin` keeps it away), so that nobody is blamed for it.

use std::borrow::Cow;

use bytes::Bytes;
use secrecy::ExposeSecret;

use super::begin::last_words;
use crate::{
    command::{REMOTE_PATH, printable},
    target::{Escalation, Method},
};

/// The talk is short; what is longer is noise.
const LONGEST_TALK: usize = 16 << 10;

/// One command's way to raised rights. Holds a password: not to be shown.
pub(super) struct Raise {
    method: Method,
    user: String,
    password: Option<Bytes>,
    /// Two parts of sudo's prompt; the line that is sent spells what is between them in another way.
    prompt: [String; 2],
    /// Two halves of the raised shell's word; the line that is sent holds them apart from each other.
    halves: [String; 2],
    heard: Vec<u8>,
    asked: bool,
    stage: Stage,
}

/// How far the raised shell came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is not there yet.
    Absent,
    /// It was given our word.
    Told,
    /// It has said that it runs the command.
    Runs,
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
            heard: Vec::new(),
            asked: false,
            stage: Stage::Absent,
        }
    }

    /// The words that run `words` with raised rights.
    pub(super) fn words(&self, words: Vec<String>) -> Vec<String> {
        // `read` takes single bytes from a pipe, so what follows the word stays for the command. The halves the other way
        // round say that it was read; something else comes where a program asked for a password and did not read it.
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
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Next {
        self.heard.extend_from_slice(bytes);
        let [first, second] = &self.halves;
        if find(&self.heard, &format!("\n{first}{second}\n")).is_some() {
            self.stage = Stage::Told;
            self.heard.clear();
            return Next::Go(Bytes::from(format!("{second}\n")));
        }
        match self.question() {
            Some(Question::Password) if self.asked => {
                return Next::Refused(format!("{} did not take the password for {}", self.program(), self.user));
            }
            Some(Question::Password) => {
                let Some(password) = self.password.clone() else {
                    return Next::Refused(format!("{} asks for a password, and none is configured", self.program()));
                };
                self.asked = true;
                self.heard.clear();
                return Next::Answer(password);
            }
            Some(Question::Other(line)) => {
                return Next::Refused(format!(
                    "{} asks \"{line}\", which the password does not answer",
                    self.program()
                ));
            }
            None => {}
        }
        self.forget();
        Next::Wait
    }

    fn forget(&mut self) {
        let beyond = self.heard.len().saturating_sub(LONGEST_TALK);
        self.heard.drain(..beyond);
    }

    /// Whether the raised shell has not been given our word.
    pub(super) fn waits(&self) -> bool {
        self.stage == Stage::Absent
    }

    /// Whether the raised shell has said that it runs the command.
    pub(super) fn runs(&self) -> bool {
        self.stage == Stage::Runs
    }

    /// Takes a piece of standard error after our word was given; what is left of it is the command's.
    pub(super) fn follow<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.runs() {
            return bytes.into();
        }
        self.heard.extend_from_slice(bytes);
        let [first, second] = &self.halves;
        let word = format!("\n{second}{first}\n");
        let Some(at) = find(&self.heard, &word) else {
            self.forget();
            return Cow::default();
        };
        self.stage = Stage::Runs;
        self.heard.split_off(at + word.len()).into()
    }

    /// Whether standard output may hold a prompt.
    pub(super) fn prompts_on_stdout(&self) -> bool {
        self.method == Method::Su
    }

    /// Why it ended before the command could start.
    pub(super) fn ended(&self) -> String {
        let text = String::from_utf8_lossy(&self.heard).replace(&self.prompt.join("%"), "");
        let said = last_words(&without_the_command(&text), &self.halves[0]);
        let (program, user) = (self.program(), &self.user);
        match said.is_empty() {
            false => format!("{program} did not give the rights of {user}: {said}"),
            true => format!("{program} did not give the rights of {user}"),
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

    /// What the program asks in the line that it has begun, if it asks.
    fn question(&self) -> Option<Question> {
        let line = self.heard.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        match self.method {
            // sudo prints our prompt as it is, sudo-rs puts it before PAM's: "[sudo: PROMPT] Password: ".
            Method::Sudo => {
                let ours = line.ends_with(b":") && find(line, &self.prompt.join("%")).is_some();
                ours.then_some(Question::Password)
            }
            Method::Doas => None,
            // su has no prompt of ours. LC_ALL=C makes it this one; another, a code for example, gets no password. Its
            // errors come in pieces of which the first is its name.
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

/// sudo repeats the whole command when it does not allow it: what it says around it is its sentence.
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

    fn raise(method: Method, password: Option<&str>) -> Raise {
        let password = password.map(|p| SecretString::from(p.to_owned()));
        Raise::new(&Escalation { on: true, method, user: None, password })
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_password_is_sent_once_and_only_when_it_is_asked_for() {
        let mut talk = raise(Method::Sudo, Some("secret"));
        let prompt = format!("{}:", talk.prompt.join("%"));
        let (first, second) = prompt.split_at(9);
        assert_eq!(talk.hear(b"We trust you have received the usual lecture\n"), Next::Wait);
        assert_eq!(talk.hear(first.as_bytes()), Next::Wait);
        assert_eq!(talk.hear(second.as_bytes()), Next::Answer(Bytes::from_static(b"secret\n")));
        assert_eq!(talk.hear(b"\nSorry, try again.\n"), Next::Wait);
        assert!(matches!(talk.hear(prompt.as_bytes()), Next::Refused(_)));
        // sudo-rs puts PAM's own behind it.
        let mut talk = raise(Method::Sudo, Some("secret"));
        let prompt = format!("[sudo: {}:] Password: ", talk.prompt.join("%"));
        assert_eq!(talk.hear(prompt.as_bytes()), Next::Answer(Bytes::from_static(b"secret\n")));
    }

    #[test]
    fn the_command_goes_when_the_raised_shell_is_there() {
        for method in [Method::Sudo, Method::Doas, Method::Su] {
            let mut talk = raise(method, None);
            let [first, second] = talk.halves.clone();
            assert_eq!(talk.hear(format!("\n{first}").as_bytes()), Next::Wait);
            assert!(talk.waits());
            assert_eq!(talk.hear(format!("{second}\n").as_bytes()), Next::Go(Bytes::from(format!("{second}\n"))));
            assert!(!talk.waits());
        }
    }

    /// A trace, an error or a refusal that repeats what was sent is neither the shell's word nor the prompt.
    #[test]
    fn what_repeats_the_line_is_not_believed() {
        for method in [Method::Sudo, Method::Doas, Method::Su] {
            for password in [None, Some("secret")] {
                let mut talk = raise(method, password);
                let line = talk.words(words(&["true"])).join(" ");
                for repeated in [format!("+ exec {line}\n"), format!("no such thing: {line}"), line.replace(' ', "\n")]
                {
                    assert_eq!(talk.hear(repeated.as_bytes()), Next::Wait, "{repeated}");
                }
                let [first, second] = talk.halves.clone();
                assert_eq!(talk.hear(format!("\n+ echo {first}{second}\n").as_bytes()), Next::Wait);
            }
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
    fn nobody_else_gets_sus_password() {
        for asks in ["One-time password (OATH) for `ops':", "Backup tape label: ", "New password: ", "Passcode:"] {
            let mut talk = raise(Method::Su, Some("secret"));
            let Next::Refused(why) = talk.hear(asks.as_bytes()) else { panic!("{asks} was answered") };
            assert_eq!(why, format!("su asks \"{}\", which the password does not answer", asks.trim()));
        }
    }

    #[test]
    fn the_reason_is_the_last_line_without_our_words() {
        let mut talk = raise(Method::Sudo, None);
        talk.hear(b"lecture\nsudo: a password is required\n");
        assert_eq!(talk.ended(), "sudo did not give the rights of root: sudo: a password is required");
        let line = talk.words(words(&["/bin/sh", "-c", "a\nb"])).split_off(6).join(" ");
        talk.hear(format!("\nSorry, user x is not allowed to execute '{line}' as root on h1.\n").as_bytes());
        let why =
            "sudo did not give the rights of root: Sorry, user x is not allowed to execute '/bin/sh …' as root on h1.";
        assert_eq!(talk.ended(), why);
        talk.hear(&vec![b'x'; 1 << 20]);
        assert!(talk.heard.len() <= LONGEST_TALK);
    }

    #[test]
    fn the_shell_waits_for_our_word() {
        let mut talk = raise(Method::Su, None);
        let sent = talk.words(words(&["cat"]));
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
        let (ready, input) = (format!("\n{}\n", talk.halves.concat()), "the input\n");
        let Next::Go(go) = talk.hear(ready.as_bytes()) else { panic!("it waits") };
        for other in ["something else\nthe input\n", ""] {
            let output = run(other);
            assert_eq!((output.status.code(), output.stdout), (Some(125), Vec::new()));
            assert!(talk.follow(&output.stderr[ready.len()..]).is_empty() && !talk.runs(), "{other:?}");
        }
        let output = run(&format!("{}{input}", std::str::from_utf8(&go).unwrap()));
        assert_eq!((output.status.code(), output.stdout), (Some(0), input.into()));
        let (left, right) = output.stderr[ready.len()..].split_at(7);
        assert!(talk.follow(left).is_empty() && !talk.runs());
        assert!(talk.follow(right).is_empty() && talk.runs());
        assert_eq!(*talk.follow(b"of the command"), *b"of the command");
    }
}
