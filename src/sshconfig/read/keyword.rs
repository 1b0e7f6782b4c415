//! What a keyword is: how its argument is written, its default, and how it is handled.
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
    /// Seconds; `none` leaves it unset.
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
    /// A socket: a path, `$NAME` or a special word.
    Agent,
    /// A flag or a socket.
    ForwardAgent,
    SendEnv,
    SetEnv,
    /// Port forwardings: read, never set up.
    Forward(Direction),
    /// One word with its own syntax.
    Own(fn(&str) -> Result<String, String>),
    /// Words with their own syntax.
    Owns(fn(&[String]) -> Result<String, String>),
}

/// How a keyword is handled. Every keyword is one of these.
#[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "for the page of all keywords"))]
pub(crate) enum Handling {
    /// It is followed; with a note on where patchwave differs.
    Honoured(&'static str),
    /// It would change where or how we connect, and is not followed: the host is refused.
    Refused(Refusal),
    /// It does not change where or how we connect; with the reason, or what happens instead.
    Harmless(&'static str),
}

/// When a host is refused because of a keyword, and what the message says.
pub(crate) struct Refusal {
    /// Accepted values, in canonical form.
    pub(crate) fine: &'static [&'static str],
    /// Whether the accepted values are followed, rather than being the default only.
    #[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "for the page of all keywords"))]
    pub(crate) partly: bool,
    /// What OpenSSH would do, to follow the keyword and its value.
    pub(crate) effect: &'static str,
    /// What to do about it.
    pub(crate) help: &'static str,
    /// Refused only when we connect; the configuration can be read.
    pub(crate) on_connect: bool,
}

/// One keyword.
pub(crate) struct Keyword {
    /// Lower-case, as `ssh -G` prints it.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// In canonical form; empty: nothing.
    pub(crate) default: &'static str,
    pub(crate) handling: Handling,
}

impl Keyword {
    /// A keyword that is followed.
    pub(crate) const fn honoured(name: &'static str, kind: Kind, default: &'static str) -> Self {
        Self { name, kind, default, handling: Handling::Honoured("") }
    }

    /// A word that is followed and has no default.
    pub(crate) const fn word(name: &'static str) -> Self {
        Self::honoured(name, Kind::Word, "")
    }

    /// A flag that is followed.
    pub(crate) const fn flag(name: &'static str, default: &'static str) -> Self {
        Self::honoured(name, Kind::Choice(value::FLAG), default)
    }

    /// Adds a note on where patchwave differs.
    pub(crate) const fn note(mut self, note: &'static str) -> Self {
        self.handling = Handling::Honoured(note);
        self
    }

    /// Makes it a keyword that does not change where or how we connect.
    pub(crate) const fn harmless(mut self, why: &'static str) -> Self {
        self.handling = Handling::Harmless(why);
        self
    }

    /// Refuses the host unless the value is one of `fine`.
    pub(crate) const fn refused(mut self, fine: &'static [&'static str], effect: &'static str) -> Self {
        self.handling = Handling::Refused(Refusal { fine, partly: false, effect, help: "", on_connect: false });
        self
    }

    /// The same, but only when we connect.
    pub(crate) const fn refused_on_connect(mut self, fine: &'static [&'static str], effect: &'static str) -> Self {
        self.handling = Handling::Refused(Refusal { fine, partly: false, effect, help: "", on_connect: true });
        self
    }

    /// Follows it if its value is one of `fine`, and refuses the host otherwise.
    pub(crate) const fn honoured_but(
        mut self,
        fine: &'static [&'static str],
        effect: &'static str,
        help: &'static str,
    ) -> Self {
        self.handling = Handling::Refused(Refusal { fine, partly: true, effect, help, on_connect: true });
        self
    }

    /// When a host is refused because of it, if ever.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match &self.handling {
            Handling::Refused(refusal) => Some(refusal),
            Handling::Honoured(_) | Handling::Harmless(_) => None,
        }
    }
}

/// What the first word of a line is.
#[derive(Clone, Copy)]
pub(crate) enum Named {
    Host,
    Match,
    Include,
    Keyword(&'static Keyword),
    /// OpenSSH accepts it and does nothing.
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
