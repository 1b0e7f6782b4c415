//! Which texts are valid as the address of a host, and which as a login name: OpenSSH's own rules. Does not know where
//! a text was written; every text from outside is checked here before it is used. Start at [`address`] and [`login`].
//!
//! Source: `valid_hostname` and `valid_ruser` in ssh.c of OpenSSH 9.2 in Debian 12; `tests/it/ssh_config/hostile.rs`
//! compares them with the real `ssh`. What reaches a shell is checked more strictly there
//! ([`crate::command::is_plain_word`]).

/// Whether a text may be the name or address of a host.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn address(text: &str) -> Result<(), &'static str> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "'`\"$\\;&<>|(){},".contains(c);
    match text {
        _ if text.starts_with('-') => Err("must not begin with `-`"),
        _ if text.contains(bad) => {
            Err("must not contain blanks, control characters, or any of ' ` \" $ \\ ; & < > | ( ) { } ,")
        }
        _ => Ok(()),
    }
}

/// Whether a text may be the name of an account on a host.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn login(text: &str) -> Result<(), &'static str> {
    let bad = |c: char| c.is_control() || "'`\";&<>|(){}".contains(c);
    let mut after_blank = text.split(char::is_whitespace).skip(1);
    match text {
        _ if text.starts_with('-') || after_blank.any(|word| word.starts_with('-')) => {
            Err("must not begin with `-`, or have one after a blank")
        }
        _ if text.contains(bad) => Err("must not contain control characters, or any of ' ` \" ; & < > | ( ) { }"),
        _ if text.ends_with('\\') => Err("must not end with `\\`"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{address, login};

    #[test]
    fn what_is_an_address_and_what_a_login() {
        for (text, is_address, is_login) in [
            ("web01.example.com", true, true),
            ("10.0.0.1", true, true),
            ("fe80::1%eth0", true, true),
            ("[::1]", true, true),
            ("aé", true, true),
            ("deploy+x", true, true),
            ("a,b", false, true),
            ("CORP\\jdoe", false, true),
            ("host$", false, true),
            ("$HOME", false, true),
            ("John Doe", false, true),
            ("a -b", false, false),
            ("a\\", false, false),
            ("-oProxyCommand=x", false, false),
            ("$(touch x)", false, false),
            ("`id`", false, false),
            ("${IFS}", false, false),
            ("a;b", false, false),
            ("a&b", false, false),
            ("a|b", false, false),
            ("a<b", false, false),
            ("a>b", false, false),
            ("a'b", false, false),
            ("a\"b", false, false),
            ("a\nb", false, false),
            ("a\u{1}b", false, false),
        ] {
            assert_eq!((address(text).is_ok(), login(text).is_ok()), (is_address, is_login), "{text:?}");
        }
    }
}
