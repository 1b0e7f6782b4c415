//! `ProxyJump`, and the other places where `[user@]host[:port]` or `ssh://…` is written.

use crate::sshconfig::read::value;
use crate::target::syntax;

/// One host of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    /// As written; its own section of the configuration may say more.
    pub host: String,
    /// `None`: what that section says.
    pub user: Option<String>,
    /// `None`: what that section says.
    pub port: Option<u16>,
}

impl Hop {
    /// Whether OpenSSH would accept its names on a command line.
    ///
    /// # Errors
    /// The name, and what is wrong with it.
    pub(crate) fn check(&self) -> Result<(), String> {
        syntax::address(&self.host).map_err(|why| format!("the host {:?} {why}", self.host))?;
        let user = self.user.as_deref().unwrap_or_default();
        syntax::login(user).map_err(|why| format!("the login {user:?} {why}"))
    }
}

/// What a person types to name a host: `[user@]host` or `ssh://[user@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The host.
    pub host: String,
    /// The login name.
    pub user: Option<String>,
    /// The port; from an URI only.
    pub port: Option<u16>,
}

impl Destination {
    /// Parses it; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with("ssh://") {
            let Hop { host, user, port } = uri(text)?;
            return Some(Self { host, user, port });
        }
        let (user, host) = match text.rsplit_once('@') {
            Some(("", _)) => return None,
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, text),
        };
        (!host.is_empty() && syntax::address(host).is_ok()).then(|| Self { host: host.to_owned(), user, port: None })
    }
}

/// A chain as it was written and in parts; an empty chain is `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Jumps {
    pub(crate) hops: Vec<Hop>,
    /// In the form of `ssh -G`; `None` for `none`.
    pub(crate) shown: Option<String>,
}

/// Reads the argument of `ProxyJump`: first hop first.
pub(crate) fn parse(text: &str) -> Result<Jumps, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Jumps { hops: Vec::new(), shown: None });
    }
    let list = text.split('#').next().unwrap_or_default().trim_end();
    let hops = list.split(',').map(|hop| one(hop).ok_or_else(|| format!("{hop:?} is not [user@]host[:port]")));
    let hops = hops.collect::<Result<Vec<Hop>, _>>()?;
    let shown = hops.last().map(|last| {
        let before = text.rsplit_once(',').map(|(before, _)| format!("{before},")).unwrap_or_default();
        let user = last.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let numeric = last.host.contains(':') || last.host.chars().all(|c| c.is_ascii_digit() || c == '.');
        let host = if numeric { format!("[{}]", last.host) } else { last.host.clone() };
        let port = last.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{before}{user}{host}{port}")
    });
    Ok(Jumps { hops, shown })
}

fn one(text: &str) -> Option<Hop> {
    if text.starts_with("ssh://") {
        return uri(text);
    }
    let (user, rest) = match text.rsplit_once('@') {
        Some(("", _)) => return None,
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, text),
    };
    let (host, port) = host_and_port(rest)?;
    (!port.contains('/')).then_some(())?;
    Some(Hop { host, user, port: some_port(port)? })
}

/// `ssh://[user[;parameters]@]host[:port][/]`.
fn uri(text: &str) -> Option<Hop> {
    let rest = text.strip_prefix("ssh://")?;
    let (user, rest) = match rest.split_once('@') {
        Some((user, rest)) => {
            let user = user.split(';').next().unwrap_or_default();
            (Some(unescaped(user).filter(|user| !user.is_empty())?), rest)
        }
        None => (None, rest),
    };
    // A path is not allowed; the slash before it is.
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = host_and_port(rest)?;
    if !host.starts_with(|c: char| c.is_ascii_alphanumeric())
        || host.contains("..")
        || !host.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    {
        return None;
    }
    Some(Hop { host, user, port: some_port(port)? })
}

/// Host (brackets taken off) and what follows its colon.
fn host_and_port(text: &str) -> Option<(String, &str)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let end = inner.find(']')?;
            (&inner[..end], &inner[end + 1..])
        }
        None => text.split_at(text.find([':', '/']).unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => port,
        None if rest.is_empty() => "",
        None => return None,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// `Some(None)` without a port, `None` when it is invalid.
fn some_port(text: &str) -> Option<Option<u16>> {
    if text.is_empty() { Some(None) } else { value::port(text).ok().map(Some) }
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok())?;
                if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return None;
                }
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &tail[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains() {
        let hop = |host: &str, user: Option<&str>, port| Hop { host: host.into(), user: user.map(str::to_owned), port };
        for (text, hops, shown) in [
            ("none", vec![], None),
            ("b1", vec![hop("b1", None, None)], Some("b1")),
            ("u@b1:2222,b2", vec![hop("b1", Some("u"), Some(2222)), hop("b2", None, None)], Some("u@b1:2222,b2")),
            ("[::1]:22 # x", vec![hop("::1", None, Some(22))], Some("[::1]:22")),
            ("ssh://u%40x@b:1/", vec![hop("b", Some("u@x"), Some(1))], Some("u@x@b:1")),
        ] {
            assert_eq!(parse(text), Ok(Jumps { hops, shown: shown.map(str::to_owned) }), "{text}");
        }
        for bad in ["a,,b", "@b", "b:0", "b/x", "[::1", "a:99999", "ssh://b/path", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn destinations() {
        let parse = |text| Destination::parse(text).map(|d| (d.host, d.user, d.port));
        assert_eq!(parse("u@h"), Some(("h".into(), Some("u".into()), None)));
        assert_eq!(parse("ssh://u@h:22"), Some(("h".into(), Some("u".into()), Some(22))));
        for bad in ["", "@h", "-oProxyCommand=x", "a b", "h$(x)"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
