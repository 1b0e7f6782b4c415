//! Port forwardings: read and shown as `ssh -G` shows them, never set up. Follows `parse_forward` of OpenSSH's
//! readconf.c.

use std::{collections::BTreeMap, fmt};

use crate::sshconfig::read::{token, value};

/// Which side listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Local,
    Remote,
    /// This side, for any target that is asked for.
    Dynamic,
}

/// One forwarding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    pub(crate) direction: Direction,
    from: End,
    /// `None`: any target that is asked for.
    to: Option<End>,
}

/// Where it begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Socket(String),
    Port(u16),
    Place(String, u16),
}

impl Forward {
    /// Reads the argument.
    pub(crate) fn read(direction: Direction, words: &[String], env: &BTreeMap<String, String>) -> Result<Self, String> {
        let bad = || format!("{:?} is not a port forwarding", words.join(" "));
        let (spec, dynamic) = match (direction, words) {
            (Direction::Dynamic, [at]) => (at.clone(), true),
            (Direction::Remote, [at]) => (at.clone(), true),
            (Direction::Local | Direction::Remote, [at, to]) if !to.is_empty() => (format!("{at}:{to}"), false),
            _ => return Err("is not [address:]port, with a target where one is needed".into()),
        };
        let spec = token::expand(&spec, &[], Some(env), token::UsedIn::Text)?;
        let fields = fields(spec.trim_start()).ok_or_else(bad)?;
        let (from, to) = ends(&fields).ok_or_else(bad)?;
        let door = match from {
            End::Port(0) | End::Place(_, 0) => direction == Direction::Remote,
            _ => true,
        };
        let way_on = match &to {
            Some(End::Port(port) | End::Place(_, port)) => *port > 0,
            Some(End::Socket(_)) => true,
            None => dynamic,
        };
        let count = if dynamic { fields.len() <= 2 && to.is_none() } else { to.is_some() };
        if door && way_on && count { Ok(Self { direction, from, to }) } else { Err(bad()) }
    }
}

/// Fields between colons; one in brackets is taken literally. At most four.
fn fields(text: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if found.len() == 4 {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('[') {
            let (field, after) = inner.split_once(']')?;
            found.push(field.to_owned());
            rest = if after.is_empty() { after } else { after.strip_prefix(':')? };
            continue;
        }
        let mut field = String::new();
        let mut chars = rest.chars();
        loop {
            match chars.next() {
                None | Some(':') => break,
                Some('\\') => field.push(chars.next()?),
                Some(c) => field.push(c),
            }
        }
        found.push(field);
        rest = chars.as_str();
    }
    (!found.is_empty()).then_some(found)
}

fn ends(fields: &[String]) -> Option<(End, Option<End>)> {
    let is_path = |field: &String| field.contains('/');
    let port = |field: &String| if field == "0" { Some(0) } else { value::port(field).ok() };
    let at =
        |field: &String| if is_path(field) { Some(End::Socket(field.clone())) } else { port(field).map(End::Port) };
    let place = |host: &String, field: &String| port(field).map(|port| End::Place(host.clone(), port));
    Some(match fields {
        [one] => (at(one)?, None),
        [one, two] if is_path(two) => (at(one)?, Some(End::Socket(two.clone()))),
        [one, two] => (place(one, two)?, None),
        [one, two, three] if is_path(one) => (End::Socket(one.clone()), Some(place(two, three)?)),
        [one, two, three] if is_path(three) => (place(one, two)?, Some(End::Socket(three.clone()))),
        [one, two, three] => (End::Port(port(one)?), Some(place(two, three)?)),
        [one, two, three, four] => (place(one, two)?, Some(place(three, four)?)),
        _ => return None,
    })
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => f.write_str(path),
            Self::Port(port) => write!(f, "{port}"),
            Self::Place(host, port) => write!(f, "[{host}]:{port}"),
        }
    }
}

/// As `ssh -G` prints it, after the keyword.
impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.to, self.direction) {
            (Some(to), _) => write!(f, "{} {to}", self.from),
            (None, Direction::Remote) => write!(f, "{} [socks]:0", self.from),
            (None, _) => self.from.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwardings_have_one_form() {
        let read = |direction, text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            Forward::read(direction, &words, &BTreeMap::new()).ok().map(|forward| forward.to_string())
        };
        use Direction::{Dynamic, Local, Remote};
        for (direction, text, want) in [
            (Local, "8080 web:80", Some("8080 [web]:80")),
            (Local, "[::1]:8080 web:80", Some("[::1]:8080 [web]:80")),
            (Local, "8080 [2001:db8::1]:80", Some("8080 [2001:db8::1]:80")),
            (Local, "/run/s web:80", Some("/run/s [web]:80")),
            (Local, "8080 /run/s", Some("8080 /run/s")),
            (Local, "8080", None),
            (Local, "0 web:80", None),
            (Local, "8080 web:0", None),
            (Local, "a:b:c d:e", None),
            (Remote, "0 web:80", Some("0 [web]:80")),
            (Remote, "1080", Some("1080 [socks]:0")),
            (Dynamic, "1080", Some("1080")),
            (Dynamic, "localhost:1080", Some("[localhost]:1080")),
            (Dynamic, "1080 web:80", None),
            (Dynamic, "[::1", None),
        ] {
            assert_eq!(read(direction, text).as_deref(), want, "{text}");
        }
    }
}
