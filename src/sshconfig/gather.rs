//! Arguments to values, and values to what holds in the end: mostly the first, sometimes all.

use std::collections::BTreeMap;

use super::{
    Person,
    error::{Place, Problem},
    forward::{Direction, Forward},
    jump::{self, Jumps},
    keyword::{Keyword, Kind},
    line::Line,
    pattern, token, value,
};

/// OpenSSH's limits.
const MOST_KEYS: usize = 100;
const MOST_FILES: usize = 32;

/// A keyword with its argument, in its place.
pub(super) struct Setting {
    pub(super) keyword: &'static Keyword,
    pub(super) value: Value,
    pub(super) place: Place,
}

/// An argument that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// In canonical form.
    Text(String),
    List(Vec<String>),
    Jumps(Jumps),
    Forward(Forward),
    /// Says nothing (`ConnectTimeout none`).
    Unset,
}

/// Checks the argument of `keyword`.
pub(super) fn read(keyword: &Keyword, line: &Line<'_>, person: &Person) -> Result<Value, String> {
    let words = &line.words;
    match keyword.kind {
        Kind::Choice(choices) => value::choice(one(words)?, choices).map(Value::Text),
        Kind::Number => value::number(one(words)?).map(Value::Text),
        Kind::Time => match one(words)? {
            "none" => Ok(Value::Unset),
            word => value::seconds(word).map(|n| Value::Text(n.to_string())),
        },
        Kind::Port => value::port(one(words)?).map(|port| Value::Text(port.to_string())),
        Kind::Word | Kind::KeyPath => one(words).map(|word| Value::Text(word.to_owned())),
        Kind::Command => Ok(Value::Text(tail(line))),
        Kind::Jump => jump::parse(&tail(line)).map(Value::Jumps),
        Kind::Algorithms(family) => match one(words)? {
            spec if family.valid(spec) => Ok(Value::Text(spec.to_owned())),
            spec => Err(format!("{spec:?} names an algorithm that is not known")),
        },
        Kind::Agent => agent(one(words)?, person),
        Kind::ForwardAgent => {
            let word = one(words)?;
            value::choice(word, value::FLAG).map(Value::Text).or_else(|_| agent(word, person))
        }
        Kind::List => list(words),
        Kind::SendEnv => match words.iter().find(|word| word.is_empty() || word.contains('=')) {
            Some(bad) => Err(format!("{bad:?} is no name of a variable")),
            None => Ok(Value::List(words.clone())),
        },
        Kind::SetEnv => match words.iter().find(|word| !word.contains('=')) {
            Some(bad) => Err(format!("{bad:?} is not NAME=value")),
            None => Ok(Value::List(words.clone())),
        },
        Kind::Forward(direction) => Forward::read(direction, words, &person.env).map(Value::Forward),
        Kind::Own(read) => read(one(words)?).map(Value::Text),
        Kind::Owns(read) => read(words).map(Value::Text),
    }
}

fn one(words: &[String]) -> Result<&str, String> {
    match words {
        [word] if !word.is_empty() => Ok(word),
        [] | [_] => Err("has no argument".into()),
        [_, more, ..] => Err(format!("takes one argument; {more:?} is one too many")),
    }
}

/// The rest of the line, less blanks and equals signs before it.
fn tail(line: &Line<'_>) -> String {
    line.text.trim_start_matches([' ', '\t', '\r', '\n', '=']).to_owned()
}

fn list(words: &[String]) -> Result<Value, String> {
    if words.iter().any(String::is_empty) {
        return Err("has an empty argument".into());
    }
    if words.len() > 1 && words.iter().any(|word| word.eq_ignore_ascii_case("none")) {
        return Err("has `none` beside other arguments".into());
    }
    Ok(Value::List(words.to_vec()))
}

fn agent(word: &str, person: &Person) -> Result<Value, String> {
    token::expand(word, &[], Some(&person.env), token::Meets::Nobody)?;
    if let Some(name) = word.strip_prefix('$').filter(|name| !name.starts_with('{'))
        && (name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    {
        return Err(format!("{word:?} is no name of a variable"));
    }
    Ok(Value::Text(word.to_owned()))
}

/// A key or certificate that was named.
#[derive(Clone, Debug)]
pub(super) struct NamedKey {
    /// As written.
    pub(super) path: String,
    pub(super) place: Place,
    /// By the person, not by the system.
    own: bool,
}

/// What holds for a host, before tokens are replaced and defaults filled in.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    values: BTreeMap<&'static str, (Value, Place)>,
    /// `IdentityFile` and `CertificateFile`.
    keys: BTreeMap<&'static str, Vec<NamedKey>>,
    sent: Vec<String>,
    /// In order, each once.
    forwards: Vec<Forward>,
}

impl Gathered {
    /// Adds a setting of an active block, unless what came before it wins.
    pub(super) fn take(&mut self, setting: &Setting, own: bool) -> Result<(), Problem> {
        let name = setting.keyword.name;
        match (&setting.keyword.kind, &setting.value) {
            (_, Value::Unset) => {}
            (Kind::KeyPath, Value::Text(path)) => return self.key(setting, own, path),
            (Kind::SendEnv, Value::List(names)) => self.send(names),
            (_, Value::Forward(forward)) => {
                if !self.forwards.contains(forward) {
                    self.forwards.push(forward.clone());
                }
            }
            (Kind::SetEnv, Value::List(pairs)) if !pairs.is_empty() => {
                let name_of = |pair: &str| pair.split('=').next().map(str::to_owned);
                let mut kept: Vec<String> = Vec::new();
                for pair in pairs {
                    if !kept.iter().any(|known| name_of(known) == name_of(pair)) {
                        kept.push(pair.clone());
                    }
                }
                self.first(name, Value::List(kept), &setting.place);
            }
            (Kind::List | Kind::SetEnv, Value::List(words)) if words.is_empty() => {}
            (Kind::List, Value::List(words)) if name.ends_with("knownhostsfile") && words.len() > MOST_FILES => {
                if !self.values.contains_key(name) {
                    let message = format!("{name} names more than {MOST_FILES} files");
                    return Err(Problem::new(&setting.place, message));
                }
            }
            // Of the two, the first to be named silences the other; but `ProxyJump none` leaves a ProxyCommand alone.
            (Kind::Jump, value) if !self.values.contains_key("proxycommand") => {
                self.first(name, value.clone(), &setting.place);
            }
            (Kind::Command, value) if name == "proxycommand" && self.bastions().is_empty() => {
                self.first(name, value.clone(), &setting.place);
            }
            (Kind::Jump, _) => {}
            (Kind::Command, _) if name == "proxycommand" => {}
            (Kind::ForwardAgent, Value::Text(word)) if word != "yes" && word != "no" => {
                self.first("forwardagent socket", setting.value.clone(), &setting.place);
                self.first(name, Value::Text("yes".into()), &setting.place);
            }
            (_, value) => self.first(name, value.clone(), &setting.place),
        }
        Ok(())
    }

    pub(super) fn first(&mut self, name: &'static str, value: Value, place: &Place) {
        self.values.entry(name).or_insert_with(|| (value, place.clone()));
    }

    fn key(&mut self, setting: &Setting, own: bool, path: &str) -> Result<(), Problem> {
        let name = setting.keyword.name;
        let keys = self.keys.entry(name).or_default();
        if keys.len() >= MOST_KEYS {
            return Err(Problem::new(&setting.place, format!("{name} stands for more than {MOST_KEYS} files")));
        }
        if !keys.iter().any(|known| known.own == own && known.path == path) {
            keys.push(NamedKey { path: path.to_owned(), place: setting.place.clone(), own });
        }
        Ok(())
    }

    fn send(&mut self, names: &[String]) {
        for name in names {
            match name.strip_prefix('-') {
                Some(unwanted) => self.sent.retain(|sent| !pattern::matches(sent, unwanted)),
                None => self.sent.push(name.clone()),
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some((Value::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> Option<&[String]> {
        match self.values.get(name) {
            Some((Value::List(words), _)) => Some(words),
            _ => None,
        }
    }

    pub(super) fn jumps(&self) -> Option<&Jumps> {
        match self.values.get("proxyjump") {
            Some((Value::Jumps(jumps), _)) => Some(jumps),
            _ => None,
        }
    }

    /// The chain of bastions; empty where there is none.
    pub(super) fn bastions(&self) -> &[jump::Hop] {
        self.jumps().map_or(&[], |jumps| &jumps.hops)
    }

    pub(super) fn place(&self, name: &str) -> Option<&Place> {
        self.values.get(name).map(|(_, place)| place)
    }

    /// In order.
    pub(super) fn keys(&self, name: &str) -> &[NamedKey] {
        self.keys.get(name).map_or(&[], Vec::as_slice)
    }

    /// The forwardings of one kind, in order.
    pub(super) fn forwards(&self, direction: Direction) -> impl Iterator<Item = &Forward> {
        self.forwards.iter().filter(move |forward| forward.direction == direction)
    }

    pub(super) fn sent(&self) -> &[String] {
        &self.sent
    }

    /// The text of a keyword, or its default.
    pub(super) fn text_or_default(&self, keyword: &Keyword) -> Option<String> {
        let own = self.text(keyword.name).map(str::to_owned);
        own.or_else(|| (!keyword.default.is_empty()).then(|| keyword.default.to_owned()))
    }

    /// Whether a flag is on.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.text(name).map_or(default, |text| text == "yes")
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.text(name).and_then(|text| text.parse().ok())
    }
}
