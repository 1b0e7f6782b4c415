//! Replaces `%h`, `${NAME}` and `~` in an argument.
//! Source: TOKENS and ENVIRONMENT VARIABLES in ssh_config(5).

use std::collections::BTreeMap;

use crate::command::is_plain_word;
use crate::sshconfig::{LocalMachine, Person};

/// What the expanded text is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsedIn {
    /// A path, a name, or a line that is only shown.
    Text,
    /// A shell of this machine, where no value may be more than one word.
    Shell,
}

impl UsedIn {
    fn judge(self, token: char, value: &str) -> Result<(), String> {
        let fine = match (self, token) {
            (Self::Text, _) | (_, 'C' | 'i' | 'p') => true,
            // These come from this machine and its account, not from a configuration; a blank or a `\` in them is
            // normal.
            (_, 'd' | 'l' | 'L' | 'u') => !value.contains(|c: char| c.is_control() || "'`\"$;&<>|(){}".contains(c)),
            _ => is_plain_word(value),
        };
        match fine {
            true => Ok(()),
            false => Err(format!("%{token} is {value:?} here, which a shell may not read as one plain word")),
        }
    }
}

/// Replaces `%x` by its value in `known`, and `%%` by `%`; with `env`, `${NAME}` too.
///
/// # Errors
/// An unknown token or variable, by name; a value that must not reach a shell.
pub(crate) fn expand(
    text: &str,
    known: &[(char, &str)],
    env: Option<&BTreeMap<String, String>>,
    used_in: UsedIn,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let (Some(env), Some(inner)) = (env, rest.strip_prefix("${")) {
            let end = inner.find('}').ok_or_else(|| format!("`{text}` has a `${{` that is never closed"))?;
            let name = &inner[..end];
            if name.is_empty() {
                return Err(format!("`{text}` has an empty variable name"));
            }
            out.push_str(env.get(name).ok_or_else(|| format!("the environment variable {name} is not set"))?);
            rest = &inner[end + 1..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if c != '%' || known.is_empty() {
            out.push(c);
            continue;
        }
        let token = rest.chars().next().ok_or_else(|| format!("`{text}` ends with a lone %"))?;
        rest = &rest[token.len_utf8()..];
        if token == '%' {
            out.push('%');
            continue;
        }
        let (_, value) = known
            .iter()
            .find(|(name, _)| *name == token)
            .ok_or_else(|| format!("`{text}` uses %{token}, which means nothing here"))?;
        used_in.judge(token, value)?;
        out.push_str(value);
    }
    Ok(out)
}

/// Replaces a leading `~` or `~user`.
pub(crate) fn tilde(text: &str, person: &Person, local: &dyn LocalMachine) -> Result<String, String> {
    let Some(rest) = text.strip_prefix('~') else { return Ok(text.to_owned()) };
    let (user, path) = rest.split_once('/').unwrap_or((rest, ""));
    let home = match user {
        "" => person.home.clone(),
        user => local.home_of(user).ok_or_else(|| format!("`{text}`: there is no user {user}"))?,
    };
    let home = home.to_string_lossy();
    let path = path.trim_start_matches('/');
    Ok(if home.ends_with('/') { format!("{home}{path}") } else { format!("{home}/{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_variables() {
        let env = BTreeMap::from([("A".to_owned(), "x%h".to_owned())]);
        let known = [('h', "web1"), ('p', "22")];
        assert_eq!(expand("%h:%p 100%%", &known, None, UsedIn::Text).unwrap(), "web1:22 100%");
        assert_eq!(expand("${A}/%h", &known, Some(&env), UsedIn::Text).unwrap(), "x%h/web1");
        assert_eq!(expand("${A}", &known, None, UsedIn::Text).unwrap(), "${A}");
        for bad in ["%", "%q", "${", "${}", "${B}"] {
            assert!(expand(bad, &known, Some(&env), UsedIn::Text).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_meets_a_shell_is_one_word_each() {
        for bad in ["$(id)", "`id`", "a;b", "a b", "a\nb", "$HOME", "-oX", "a*", "", "CORP\\jdoe", "~", "#"] {
            for token in ['h', 'n', 'k', 'r'] {
                let (known, text) = ([(token, bad)], format!("test %{token}"));
                assert!(expand(&text, &known, None, UsedIn::Shell).is_err(), "%{token} {bad:?}");
                assert!(expand(&text, &known, None, UsedIn::Text).is_ok(), "%{token} {bad:?}");
                assert_eq!(expand("test 1", &known, None, UsedIn::Shell).as_deref(), Ok("test 1"));
            }
        }
        for (own, fine) in
            [("/home/My Name", true), ("CORP\\jdoe", true), ("$(id)", false), ("a;b", false), ("a\nb", false)]
        {
            for token in ['d', 'l', 'L', 'u'] {
                let text = format!("test %{token}");
                assert_eq!(expand(&text, &[(token, own)], None, UsedIn::Shell).is_ok(), fine, "%{token} {own:?}");
            }
        }
    }
}
