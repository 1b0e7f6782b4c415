//! What a keyword is: how its argument is written, what holds where nothing is said, and what becomes of it.
//! The keywords themselves are in `table`.

use crate::sshconfig::read::{
    algorithms::Family,
    forward::Direction,
    table::{ALIASES, KEYWORDS, NOTHING},
    value::{self, Choices},
};

/// How a keyword's argument is written.
pub(crate) enum Kind {
    Choice(Choices),
    Number,
    /// Seconds; `none` says nothing.
    Time,
    Port,
    /// One word.
    Word,
    /// Words; `none` only alone.
    List,
    /// The rest of the line.
    Command,
    Jump,
    Algorithms(Family),
    /// A path that adds to those before it.
    KeyPath,
    /// A socket: a path, `$NAME` or a word of its own.
    Agent,
    /// A flag or a socket.
    ForwardAgent,
    SendEnv,
    SetEnv,
    /// Port forwardings: read, never set up.
    Forward(Direction),
    /// One word of a form of its own.
    Own(fn(&str) -> Result<String, String>),
    /// Words of a form of their own.
    Owns(fn(&[String]) -> Result<String, String>),
}

/// What becomes of what a keyword says. Every keyword is one of these; there is no fourth.
#[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "the page of all keywords says it"))]
pub(crate) enum Fate {
    /// It is followed; with what is ours about it.
    Honoured(&'static str),
    /// It would change where or how we connect, and is not followed: it refuses the host.
    Refused(Refusal),
    /// It changes nothing of where or how we connect; this is why, or what becomes of it.
    Harmless(&'static str),
}

/// When a keyword refuses a host, and how that is said.
pub(crate) struct Refusal {
    /// Values that are fine, in canonical form.
    pub(crate) fine: &'static [&'static str],
    /// Whether the values that are fine are followed, rather than being the default only.
    #[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "the page of all keywords says it"))]
    pub(crate) partly: bool,
    /// What OpenSSH would do, to follow the keyword and its value.
    pub(crate) would: &'static str,
    /// What to do about it.
    pub(crate) help: &'static str,
    /// Only when we connect: reading the configuration goes well.
    pub(crate) late: bool,
}

/// One keyword.
pub(crate) struct Keyword {
    /// Lower-case, as `ssh -G` prints it.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// In canonical form; empty: nothing.
    pub(crate) default: &'static str,
    pub(crate) fate: Fate,
}

impl Keyword {
    /// A keyword that is followed.
    pub(crate) const fn honoured(name: &'static str, kind: Kind, default: &'static str) -> Self {
        Self { name, kind, default, fate: Fate::Honoured("") }
    }

    /// A word whose default is nothing, and which is followed.
    pub(crate) const fn word(name: &'static str) -> Self {
        Self::honoured(name, Kind::Word, "")
    }

    /// A flag that is followed.
    pub(crate) const fn flag(name: &'static str, default: &'static str) -> Self {
        Self::honoured(name, Kind::Choice(value::FLAG), default)
    }

    /// Tells what is ours about it.
    pub(crate) const fn note(mut self, note: &'static str) -> Self {
        self.fate = Fate::Honoured(note);
        self
    }

    /// Makes it one that changes nothing of where or how we connect.
    pub(crate) const fn harmless(mut self, why: &'static str) -> Self {
        self.fate = Fate::Harmless(why);
        self
    }

    /// Makes it one that refuses the host unless its value is one of `fine`.
    pub(crate) const fn refused(mut self, fine: &'static [&'static str], would: &'static str) -> Self {
        self.fate = Fate::Refused(Refusal { fine, partly: false, would, help: "", late: false });
        self
    }

    /// The same, but only when we connect.
    pub(crate) const fn refused_late(mut self, fine: &'static [&'static str], would: &'static str) -> Self {
        self.fate = Fate::Refused(Refusal { fine, partly: false, would, help: "", late: true });
        self
    }

    /// Makes it one that is followed as long as its value is one of `fine`, and refuses the host otherwise.
    pub(crate) const fn honoured_but(
        mut self,
        fine: &'static [&'static str],
        would: &'static str,
        help: &'static str,
    ) -> Self {
        self.fate = Fate::Refused(Refusal { fine, partly: true, would, help, late: true });
        self
    }

    /// When it refuses a host, if it ever does.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match &self.fate {
            Fate::Refused(refusal) => Some(refusal),
            Fate::Honoured(_) | Fate::Harmless(_) => None,
        }
    }
}

/// What a word at the beginning of a line is.
#[derive(Clone, Copy)]
pub(crate) enum Named {
    Host,
    Match,
    Include,
    Keyword(&'static Keyword),
    /// OpenSSH takes it and does nothing.
    Nothing,
}

/// Finds a lower-case word.
pub(crate) fn named(word: &str) -> Option<Named> {
    match word {
        "host" => return Some(Named::Host),
        "match" => return Some(Named::Match),
        "include" => return Some(Named::Include),
        word if NOTHING.contains(&word) => return Some(Named::Nothing),
        _ => {}
    }
    let name = ALIASES.iter().find(|(alias, _)| *alias == word).map_or(word, |(_, name)| *name);
    KEYWORDS.iter().find(|keyword| keyword.name == name).map(Named::Keyword)
}

/// The known word nearest to an unknown one.
pub(crate) fn nearest(word: &str) -> Option<&'static str> {
    let names = KEYWORDS.iter().map(|keyword| keyword.name).chain(["host", "match", "include"]);
    let scored = names.map(|name| (strsim::damerau_levenshtein(word, name), name));
    scored.filter(|(distance, _)| *distance <= 3).min().map(|(_, name)| name)
}

#[cfg(test)]
#[path = "keyword_tests.rs"]
mod tests;
