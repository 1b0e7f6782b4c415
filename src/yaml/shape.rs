//! What a mapping may hold, said once: its reader takes keys by this table, and editors get a JSON Schema made from it.
//! Knows no key of any file format. Start at [`Table`].

/// The keys of a mapping.
#[derive(Debug)]
pub struct Table {
    /// What it is, in messages: "a stage", "`upgrade`".
    pub what: &'static str,
    /// The keys, in the order in which messages list them. Tables may share parts.
    pub keys: &'static [&'static [Key]],
    /// Exactly one of these keys must be there; empty: there is no such rule.
    pub one_of: &'static [&'static str],
    /// Whether other keys are allowed, with any value.
    pub open: bool,
    /// Why a key of the table is not allowed in this place after all.
    pub refuses: fn(&str) -> Option<&'static str>,
}

/// A key, and what its value looks like.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// Its value.
    pub shape: Shape,
    /// What it is for: the text that an editor shows.
    pub about: &'static str,
    /// Whether a mapping without it is refused.
    pub needed: bool,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything.
    Any,
    /// `true`, `yes`, `on` and so on.
    Bool,
    /// A text, which may be empty. Numbers and `yes` count as text.
    Text,
    /// A text that is not empty.
    Word,
    /// A text of this form (a regular expression of ECMA 262 without look-around), or a number.
    Like(&'static str, Number),
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// One of a few words.
    Words(&'static [&'static str]),
    /// A list.
    List {
        /// Each item.
        of: &'static Shape,
        /// The fewest items.
        least: usize,
        /// Whether no value (`key:` alone) is an empty list.
        null: bool,
    },
    /// A mapping with the keys of a table. No value is an empty mapping.
    Map(&'static Table),
    /// A mapping of names to values.
    Entries {
        /// The form of the names: a regular expression.
        name: &'static str,
        /// Each value.
        of: &'static Shape,
        /// Whether no value is an empty mapping.
        null: bool,
    },
    /// One of several shapes.
    Either(&'static [Shape]),
    /// A shape with a name of its own in the schema; needed where a shape contains itself.
    Named(&'static str, &'static Shape),
}

/// Which numbers a [`Shape::Like`] takes besides its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// None.
    No,
    /// Whole ones, from this on.
    Whole(i64),
    /// All from 0 on.
    Any,
    /// All above 0.
    Positive,
}

/// A length of time, zero included ([`read::duration`](super::read::duration)).
pub const DURATION: Shape = Shape::Named("duration", &Shape::Like(TIME, Number::Whole(0)));
/// A length of time that is not zero ([`read::deadline`](super::read::deadline)).
pub const DEADLINE: Shape = Shape::Named("deadline", &Shape::Like(TIME, Number::Whole(1)));
/// A size ([`read::bytes`](super::read::bytes)).
pub const BYTES: Shape = Shape::Named("size", &Shape::Like(SIZE, Number::Any));
/// A count or a percentage ([`read::amount`](super::read::amount)).
pub const AMOUNT: Shape = Shape::Named("amount", &Shape::Like(COUNT_OR_PERCENT, Number::Whole(0)));
/// As [`AMOUNT`], but not 0.
pub const SOME: Shape = Shape::Named("some", &Shape::Like(COUNT_OR_PERCENT, Number::Whole(1)));
/// Names of variables and of environment variables.
pub const IDENTIFIER: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

const TIME: &str = r"^\s*([0-9]+|([0-9]+(ms|s|sec|m|min|h|d|w)\s*)+)\s*$";
const SIZE: &str = r"^\s*[0-9]+(\.[0-9]{1,6})?\s*([kKmMgGtT]([iI]?[bB])?|[bB])?\s*$";
const COUNT_OR_PERCENT: &str = r"^\s*([0-9]+|0*(100|[0-9]{1,2})\s*%)\s*$";

impl Table {
    /// A table of a mapping that is `what`.
    pub const fn new(what: &'static str, keys: &'static [&'static [Key]]) -> Self {
        Self { what, keys, one_of: &[], open: false, refuses: allows_all }
    }

    /// The same, with exactly one of `keys`.
    #[must_use]
    pub const fn one_of(self, keys: &'static [&'static str]) -> Self {
        Self { one_of: keys, ..self }
    }

    /// The same, with other keys allowed.
    #[must_use]
    pub const fn open(self) -> Self {
        Self { open: true, ..self }
    }

    /// The same, without the keys for which there is a reason.
    #[must_use]
    pub const fn without(self, refuses: fn(&str) -> Option<&'static str>) -> Self {
        Self { refuses, ..self }
    }

    /// All keys, those that are refused here included.
    pub fn all(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().copied().flatten()
    }

    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.all().find(|key| key.name == name)
    }
}

fn allows_all(_: &str) -> Option<&'static str> {
    None
}

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, shape, about, needed: false }
    }

    /// A key that must be there.
    pub const fn needed(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, shape, about, needed: true }
    }
}

impl Shape {
    /// A list; no value is an empty one ([`read::list`](super::read::list)).
    pub const fn list(of: &'static Self) -> Self {
        Self::List { of, least: 0, null: true }
    }

    /// A list with at least one item.
    pub const fn filled(of: &'static Self) -> Self {
        Self::List { of, least: 1, null: false }
    }
}

/// The words of a table of words and their values ([`read::one_of`](super::read::one_of)).
pub const fn words<T: Copy, const N: usize>(pairs: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = pairs[at].0;
        at += 1;
    }
    words
}
