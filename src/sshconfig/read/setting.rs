//! One line of a configuration with its argument checked: [`Setting`].

use crate::sshconfig::{
    Person,
    error::Place,
    read::{
        forward::Forward,
        jump::{self, Jumps},
        keyword::{Keyword, Kind},
        line::Line,
        token, value,
    },
};

/// A keyword with its argument and its place.
pub(crate) struct Setting {
    pub(crate) keyword: &'static Keyword,
    pub(crate) value: Value,
    pub(crate) place: Place,
}

/// An argument that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// In canonical form.
    Text(String),
    List(Vec<String>),
    Jumps(Jumps),
    Forward(Forward),
    /// Unset (`ConnectTimeout none`).
    Unset,
}

/// Checks the argument of `keyword`.
pub(crate) fn read(keyword: &Keyword, line: &Line<'_>, person: &Person) -> Result<Value, String> {
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
            spec => Err(format!("{spec:?} names an unknown algorithm")),
        },
        Kind::Agent => agent(one(words)?, person),
        Kind::ForwardAgent => {
            let word = one(words)?;
            value::choice(word, value::FLAG).map(Value::Text).or_else(|_| agent(word, person))
        }
        Kind::List => list(words),
        Kind::SendEnv => match words.iter().find(|word| word.is_empty() || word.contains('=')) {
            Some(bad) => Err(format!("{bad:?} is not a variable name")),
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

/// The rest of the line, without the blanks and equals signs before it.
fn tail(line: &Line<'_>) -> String {
    line.text.trim_start_matches([' ', '\t', '\r', '\n', '=']).to_owned()
}

fn list(words: &[String]) -> Result<Value, String> {
    if words.iter().any(String::is_empty) {
        return Err("has an empty argument".into());
    }
    if words.len() > 1 && words.iter().any(|word| word.eq_ignore_ascii_case("none")) {
        return Err("has `none` together with other arguments".into());
    }
    Ok(Value::List(words.to_vec()))
}

fn agent(word: &str, person: &Person) -> Result<Value, String> {
    token::expand(word, &[], Some(&person.env), token::UsedIn::Text)?;
    if let Some(name) = word.strip_prefix('$').filter(|name| !name.starts_with('{'))
        && (name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    {
        return Err(format!("{word:?} is not a variable name"));
    }
    Ok(Value::Text(word.to_owned()))
}
