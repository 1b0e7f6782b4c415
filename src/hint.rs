//! What the operator can do next, as data: words, with commands of this program between them. The code that makes a
//! hint knows neither the program's name nor its state folder; the code that shows it adds both, once. Start at
//! [`Hint`].

use std::fmt;

use crate::command::quote;

/// The program's name in a recorded text.
const PLAIN: &str = "patchwave";

/// Words and commands, in the order in which they are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Words(String),
    /// `args` as an operator types them: quoted.
    Command {
        verb: String,
        args: String,
    },
}

impl Hint {
    /// A hint that begins with words.
    pub fn words(text: impl fmt::Display) -> Self {
        Self::default().and(text)
    }

    /// A hint that begins with a command.
    pub fn command(verb: &str, args: &[&str]) -> Self {
        Self::default().and_command(verb, args)
    }

    /// Appends words, unchanged: they bring the blanks around a command.
    #[must_use]
    pub fn and(mut self, text: impl fmt::Display) -> Self {
        let text = text.to_string();
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Words(before)) => before.push_str(&text),
            _ => self.parts.push(Part::Words(text)),
        }
        self
    }

    /// Appends a command; its arguments are quoted where a shell needs it.
    #[must_use]
    pub fn and_command(mut self, verb: &str, args: &[&str]) -> Self {
        let quoted = |arg: &&str| quote(arg).unwrap_or_else(|_| (*arg).to_owned());
        let args = args.iter().map(quoted).collect::<Vec<_>>().join(" ");
        self.parts.push(Part::Command { verb: verb.to_owned(), args });
        self
    }

    /// Appends another hint.
    #[must_use]
    pub fn and_hint(self, other: Self) -> Self {
        other.parts.into_iter().fold(self, |mut hint, part| match part {
            Part::Words(text) => hint.and(text),
            command => {
                hint.parts.push(command);
                hint
            }
        })
    }

    /// The same with this run where `resume` has no argument: alone it asks which run is meant.
    #[must_use]
    pub fn of_run(mut self, run: &str) -> Self {
        for part in &mut self.parts {
            if let Part::Command { verb, args } = part
                && verb == "resume"
                && args.is_empty()
            {
                run.clone_into(args);
            }
        }
        self
    }

    /// Whether it has a command.
    pub fn has_commands(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Command { .. }))
    }

    /// Reads a recorded hint: a command is a code span that begins with the program's plain name,
    /// `` `patchwave VERB …` ``.
    pub fn read(text: &str) -> Self {
        let (mut hint, mut rest) = (Self::default(), text);
        while let Some(at) = rest.find("`patchwave ") {
            let (before, span) = rest.split_at(at);
            let inner = &span["`patchwave ".len()..];
            let Some(end) = inner.find('`') else { break };
            let (verb, args) = inner[..end].split_once(' ').unwrap_or((&inner[..end], ""));
            let is_verb = verb.starts_with(|c: char| c.is_ascii_lowercase())
                && verb.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            let whole = at + "`patchwave ".len() + end + 1;
            if is_verb {
                hint = hint.and(before);
                hint.parts.push(Part::Command { verb: verb.to_owned(), args: args.to_owned() });
            } else {
                hint = hint.and(&rest[..whole]);
            }
            rest = &rest[whole..];
        }
        hint.and(rest)
    }

    /// The text. `program` is how the program is called here: `patchwave --state-dir DIR`.
    pub fn render(&self, program: &str) -> String {
        let part = |part: &Part| match part {
            Part::Words(text) => text.clone(),
            Part::Command { verb, args } if args.is_empty() => format!("`{program} {verb}`"),
            Part::Command { verb, args } => format!("`{program} {verb} {args}`"),
        };
        self.parts.iter().map(part).collect()
    }
}

/// The text as it is recorded, which [`Hint::read`] reads.
impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(PLAIN))
    }
}

/// Words without a command.
impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Self::words(text)
    }
}

/// Words without a command.
impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self::words(text)
    }
}

impl From<Hint> for String {
    fn from(hint: Hint) -> Self {
        hint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_with_the_program_as_it_is_called_here() {
        let hint = Hint::words("look: ").and_command("log", &["R1", "web 1"]).and("; or ").and_command("runs", &[]);
        assert_eq!(hint.to_string(), "look: `patchwave log R1 'web 1'`; or `patchwave runs`");
        assert_eq!(
            hint.render("pw --state-dir s"),
            "look: `pw --state-dir s log R1 'web 1'`; or `pw --state-dir s runs`"
        );
        let both = Hint::words("a ").and_hint(Hint::words("b ").and_command("runs", &[])).and(".");
        assert_eq!(both.to_string(), "a b `patchwave runs`.");
    }

    #[test]
    fn a_resume_names_its_run() {
        let hint = Hint::words("wait, then ").and_command("resume", &[]).and(" or ").and_command("resume", &["R2"]);
        assert_eq!(hint.of_run("R1").to_string(), "wait, then `patchwave resume R1` or `patchwave resume R2`");
    }

    #[test]
    fn what_is_recorded_is_read_again() {
        for hint in [
            Hint::default(),
            Hint::words("`systemctl status x`, then nothing"),
            Hint::command("resume", &["R1"]),
            Hint::command("resume", &["R1"]).and(" (it looks again)"),
            Hint::words("ask ann, or ").and_command("status", &["R1", "--watch"]).and_command("stop", &["R1"]),
        ] {
            assert_eq!(Hint::read(&hint.to_string()), hint);
        }
    }

    #[test]
    fn what_is_no_command_stays_as_it_is() {
        for text in [
            "patchwave resume R1",
            "`patchwave ",
            "`patchwave resume",
            "`patchwave …`",
            "`patchwave  resume`",
            "`patchwave --state-dir x runs`",
            "`chmod go-w /x`; `patchwave`",
        ] {
            let hint = Hint::read(text);
            assert_eq!((hint.render("p"), hint.to_string()), (text.to_owned(), text.to_owned()));
        }
    }
}
