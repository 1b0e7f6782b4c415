//! What is between here and a host: jump hosts, or a command whose standard streams are the connection.
//! Sources: ssh_config(5), `ProxyJump` and `ProxyCommand`; ssh(1), `-J`.

use std::{sync::Arc, time::Duration};

use super::{BastionCaps, HostKeyPolicy, SshSettings};

/// The way to a host that is not reached directly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Proxy {
    /// Explicitly reached directly (`ProxyJump none`), whatever other settings say.
    None,
    /// Through these hosts, the first from here; never empty.
    Jump(Vec<JumpHop>),
    /// Over the standard streams of this shell line; `%h`, `%n`, `%p`, `%r` and `%%` are not expanded yet.
    Command(String),
}

/// One host of a chain of jumps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct JumpHop {
    /// The login there, if it is set.
    pub user: Option<String>,
    /// Its name or address.
    pub host: String,
    /// Its port, if it is set.
    pub port: Option<u16>,
    /// Its further settings from ssh_config.
    pub ssh: Arc<SshSettings>,
    /// Its own `ProxyCommand`, as in [`Proxy::Command`]; only for the first of a chain.
    pub command: Option<String>,
    /// Its own `StrictHostKeyChecking`.
    pub host_keys: Option<HostKeyPolicy>,
    /// Its own `ConnectTimeout`; else the limit of the host behind.
    pub connect: Option<Duration>,
    /// Its own longest silence (`ServerAlive…`); else that of the host behind.
    pub silence: Option<Duration>,
    /// Its limits.
    pub caps: BastionCaps,
}

impl Proxy {
    /// Reads the value of `ProxyJump`: `none`, or `[user@]host[:port]` and `ssh://[user@]host[:port]`, with commas.
    ///
    /// # Errors
    /// The part that is not valid.
    pub fn jump(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self::None);
        }
        text.split(',')
            .map(|hop| JumpHop::parse(hop).ok_or_else(|| hop.to_owned()))
            .collect::<Result<_, _>>()
            .map(Self::Jump)
    }

    /// Reads the value of `ProxyCommand`: `none`, or a line for a shell.
    pub fn command(text: &str) -> Self {
        match text.trim() {
            none if none.eq_ignore_ascii_case("none") => Self::None,
            line => Self::Command(line.to_owned()),
        }
    }

    /// Takes the first `-J`, `-o ProxyJump=` or `-o ProxyCommand=` out of ssh's arguments. Later ones, which ssh
    /// ignores, are removed too. Everything else stays.
    ///
    /// # Errors
    /// The words that cannot be read.
    pub fn take(words: &mut Vec<String>) -> Result<Option<Self>, String> {
        let mut found = None;
        let mut rest = Vec::with_capacity(words.len());
        let mut left = std::mem::take(words).into_iter();
        while let Some(word) = left.next() {
            let (flag, glued) = match word.get(..2) {
                Some(flag @ ("-J" | "-o")) => (flag.to_owned(), word[2..].to_owned()),
                _ => {
                    rest.push(word);
                    continue;
                }
            };
            let separate = glued.is_empty();
            let value = if separate { left.next().ok_or_else(|| format!("{flag} without a value"))? } else { glued };
            let proxy = match flag.as_str() {
                "-J" => Self::jump(&value).map_err(|_| format!("-J {value}"))?,
                _ => match option(&value)? {
                    Some(proxy) => proxy,
                    None => {
                        rest.extend(separate.then_some(flag));
                        rest.push(if separate { value } else { word });
                        continue;
                    }
                },
            };
            found.get_or_insert(proxy);
        }
        *words = rest;
        Ok(found)
    }
}

/// The proxy that the text after `-o` sets, if it sets one.
fn option(text: &str) -> Result<Option<Proxy>, String> {
    let text = text.trim_start();
    let (name, value) = text.split_once(|c: char| c == '=' || c.is_whitespace()).unwrap_or((text, ""));
    let value = value.trim_start_matches(|c: char| c == '=' || c.is_whitespace());
    let bad = || format!("-o {text}");
    match name.to_ascii_lowercase().as_str() {
        "proxyjump" => Proxy::jump(value).map(Some).map_err(|_| bad()),
        "proxycommand" if value.trim().is_empty() => Err(bad()),
        "proxycommand" => Ok(Some(Proxy::command(value))),
        _ => Ok(None),
    }
}

impl JumpHop {
    /// Reads `[user@]host[:port]` or `ssh://[user@]host[:port]`; an IPv6 address with a port needs brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("ssh://").map_or(text, |rest| rest.strip_suffix('/').unwrap_or(rest));
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, text),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']')?;
                (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
            }
            None => match place.split_once(':') {
                // More than one colon: an IPv6 address without a port.
                Some((_, more)) if more.contains(':') => (place, None),
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port {
            None => None,
            Some(text) => Some(text.parse::<u16>().ok().filter(|port| *port > 0)?),
        };
        let fine = |text: &str, more: &str| {
            !text.is_empty()
                && !text.starts_with('-')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c) || more.contains(c))
        };
        (fine(host, ":%") && user.is_none_or(|user| fine(user, "+\\@"))).then(|| Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(user: Option<&str>, host: &str, port: Option<u16>) -> JumpHop {
        JumpHop { user: user.map(str::to_owned), host: host.to_owned(), port, ..JumpHop::default() }
    }

    #[test]
    fn hops_are_read_as_ssh_reads_them() {
        for (text, expected) in [
            ("b1", hop(None, "b1", None)),
            ("ops@b1.example.com:2222", hop(Some("ops"), "b1.example.com", Some(2222))),
            ("ssh://ops@b1:22/", hop(Some("ops"), "b1", Some(22))),
            ("[::1]:2222", hop(None, "::1", Some(2222))),
            ("ops@2001:db8::1", hop(Some("ops"), "2001:db8::1", None)),
            ("me@corp@b1", hop(Some("me@corp"), "b1", None)),
        ] {
            assert_eq!(JumpHop::parse(text), Some(expected), "{text}");
        }
        for bad in
            ["", "@b1", "ops@", "b1:", "b1:0", "b1:x", "b1:70000", "-oX", "b 1", "b1;id", "$(id)", "[::1", "[::1]2"]
        {
            assert_eq!(JumpHop::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_first_proxy_is_taken_out_of_the_arguments() {
        let check = |text: &str, proxy: Option<Proxy>, rest: &[&str]| {
            let mut words = shlex::split(text).unwrap();
            assert_eq!(
                (Proxy::take(&mut words), words.as_slice()),
                (Ok(proxy), &rest.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        };
        let jump = |hosts: &[&str]| Some(Proxy::Jump(hosts.iter().map(|host| hop(None, host, None)).collect()));
        check("", None, &[]);
        check("-C -o ConnectTimeout=5 -oLogLevel=ERROR", None, &["-C", "-o", "ConnectTimeout=5", "-oLogLevel=ERROR"]);
        check("-J b1,b2 -4", jump(&["b1", "b2"]), &["-4"]);
        check("-Jb1", jump(&["b1"]), &[]);
        check("-o ProxyJump=b1 -o BatchMode=yes", jump(&["b1"]), &["-o", "BatchMode=yes"]);
        check("-o 'proxyjump b1'", jump(&["b1"]), &[]);
        check("-oProxyCommand='ssh -W %h:%p b1'", Some(Proxy::Command("ssh -W %h:%p b1".into())), &[]);
        check("-o ProxyJump=none -J b1", Some(Proxy::None), &[]);
        check("-o ProxyCommand=none", Some(Proxy::None), &[]);
        for (bad, named) in [
            ("-J", "-J without a value"),
            ("-o", "-o without a value"),
            ("-J b1,,b2", "-J b1,,b2"),
            ("-o ProxyJump=", "-o ProxyJump="),
            ("-o ProxyCommand=", "-o ProxyCommand="),
        ] {
            assert_eq!(Proxy::take(&mut shlex::split(bad).unwrap()), Err(named.to_owned()));
        }
    }
}
