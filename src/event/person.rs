//! Who is behind an account: several people may work as `root`. Knows what is recorded and how it is written, not where
//! it comes from.

use serde::{Deserialize, Serialize};

/// What is known about the person who started a command, besides the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who logged in, as the kernel recorded it at the login (`loginuid`), if that is a different account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Who it was according to the environment (`SUDO_USER`), if the kernel recorded no login. This proves nothing: the
    /// person who starts the command can write anything there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
}

impl Person {
    /// Only the account is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// The account (`root`, `root@jump1`) with what is known about the person: `root@jump1 (login ann)`.
    pub fn beside(&self, account: &str) -> String {
        match (&self.login, &self.claim) {
            (Some(login), _) => format!("{account} (login {login})"),
            (None, Some(claim)) => format!("{account} (SUDO_USER {claim})"),
            (None, None) => account.to_owned(),
        }
    }
}

/// The account in a text of [`Person::beside`]: two texts of one account have it in common.
pub fn account_of(text: &str) -> &str {
    text.split_once(" (").map_or(text, |(account, _)| account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_comes_first_and_the_rest_is_beside_it() {
        let person = |login: Option<&str>, claim: Option<&str>| Person {
            login: login.map(str::to_owned),
            claim: claim.map(str::to_owned),
        };
        for (person, text) in [
            (person(None, None), "root@jump1"),
            (person(Some("ann"), None), "root@jump1 (login ann)"),
            (person(None, Some("ann")), "root@jump1 (SUDO_USER ann)"),
            (person(Some("ann"), Some("bob")), "root@jump1 (login ann)"),
        ] {
            assert_eq!(person.beside("root@jump1"), text);
            assert_eq!(account_of(text), "root@jump1");
        }
    }
}
