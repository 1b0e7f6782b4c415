//! The shell line of one host. Values from an inventory go to a shell here: one that a shell could read as more than a
//! word is refused. Source: ssh_config(5), `ProxyCommand` and TOKENS.

use super::super::{
    super::{Class, ConnectError, Phase},
    failure::connect as failed,
};
use crate::command::is_plain_word;

/// A command for one host.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct ProxyCommand {
    /// For a shell.
    pub(super) line: String,
    /// The program's name. The whole line may hold a secret and is not shown.
    pub(in super::super) program: String,
}

impl ProxyCommand {
    /// Expands `%h` and `%n` (the address), `%p` (the port), `%r` (the login) and `%%`.
    pub(in super::super) fn expand(template: &str, host: &str, port: u16, user: &str) -> Result<Self, ConnectError> {
        let bad = |message: String| failed(Phase::Connect, Class::Local, message);
        let mut line = String::with_capacity(template.len() + host.len());
        let mut chars = template.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                line.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => line.push('%'),
                Some('h' | 'n') => line.push_str(plain(host).ok_or_else(|| bad(not_plain("address", host)))?),
                Some('r') => line.push_str(plain(user).ok_or_else(|| bad(not_plain("login", user)))?),
                Some('p') => line.push_str(&port.to_string()),
                other => {
                    let token: String = other.into_iter().collect();
                    return Err(bad(format!("`%{token}` in the ProxyCommand is not one of %h %n %p %r %%")));
                }
            }
        }
        let first = template.split_whitespace().find(|word| *word != "exec" && !word.contains('=')).unwrap_or("sh");
        let program = first.rsplit('/').next().unwrap_or(first).to_owned();
        Ok(Self { line, program })
    }
}

/// The text, if every shell reads it as itself and no program as an option.
fn plain(text: &str) -> Option<&str> {
    Some(text).filter(|text| is_plain_word(text))
}

fn not_plain(what: &str, text: &str) -> String {
    format!("the {what} {:?} cannot be used in a ProxyCommand", crate::command::printable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_expanded_and_nothing_else() {
        let check = |template: &str, line: &str, program: &str| {
            let expected = ProxyCommand { line: line.to_owned(), program: program.to_owned() };
            assert_eq!(ProxyCommand::expand(template, "10.0.0.5", 2222, "deploy"), Ok(expected));
        };
        check("ssh -W %h:%p b1", "ssh -W 10.0.0.5:2222 b1", "ssh");
        check(
            "exec /usr/bin/nc -X connect %n %p # %r 100%%",
            "exec /usr/bin/nc -X connect 10.0.0.5 2222 # deploy 100%",
            "nc",
        );
        check("PASS=hunter2 proxy", "PASS=hunter2 proxy", "proxy");
        for template in ["nc %k", "nc %", "nc %C %p"] {
            assert_eq!(ProxyCommand::expand(template, "h", 22, "u").unwrap_err().class, Class::Local, "{template}");
        }
        for bad in ["", "-oX", "a;b", "$(id)", "a b", "a\nb", "`id`", "a'b"] {
            assert!(ProxyCommand::expand("nc %h %p", bad, 22, "u").is_err(), "{bad}");
            assert!(ProxyCommand::expand("nc %r", "h", 22, bad).is_err(), "{bad}");
            assert!(ProxyCommand::expand("nc 1 2", bad, 22, bad).is_ok(), "what is not used is not judged");
        }
    }
}
