//! Who runs this process: its account, from the user id of the process, and the login behind it. The environment
//! (`USER`, `SUDO_USER`) is never an identity: anyone can set it. Start at [`Who`].

use std::{fs, path::Path};

use nix::unistd::{Uid, User};

use super::connect::directory;
use crate::event::Person;

/// Where the kernel says who logged in. It is set at login and survives `sudo` and `su`.
const LOGIN: &str = "/proc/self/loginuid";
/// The value if nobody logged in: -1.
const NOBODY: u32 = u32::MAX;

/// An account, and the person behind it as far as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The account's name, or `uid-N` if it has none.
    pub account: String,
    /// The person.
    pub person: Person,
}

impl Who {
    /// The account and person of this process. `sudo_user` comes from the environment.
    pub fn real(sudo_user: Option<&str>) -> Self {
        let uid = rustix::process::getuid().as_raw();
        Self::of(uid, login_uid(Path::new(LOGIN)), sudo_user, |uid| {
            // Asks the system, so that accounts from a directory (LDAP) have their names.
            let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
            user.map(|user| user.name).or_else(|| directory::account(uid))
        })
    }

    /// An account without a known person.
    pub fn account(name: &str) -> Self {
        Self { account: name.to_owned(), person: Person::default() }
    }

    fn of(uid: u32, login: Option<u32>, sudo_user: Option<&str>, name: impl Fn(u32) -> Option<String>) -> Self {
        let name = |uid: u32| name(uid).unwrap_or_else(|| format!("uid-{uid}"));
        let account = name(uid);
        let claim = |said: &&str| login.is_none() && *said != account;
        let person = Person {
            login: login.filter(|login| *login != uid).map(name),
            claim: sudo_user.filter(claim).map(|said| crate::command::printable(said).chars().take(64).collect()),
        };
        Self { account, person }
    }
}

/// `None` if nobody logged in (a service, a container), or if the kernel does not record logins.
fn login_uid(path: &Path) -> Option<u32> {
    let text = fs::read_to_string(path).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != NOBODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(uid: u32) -> Option<String> {
        Some(["root", "ann", "bob"].get(uid as usize)?.to_string())
    }

    #[test]
    fn the_account_is_the_processs_and_the_environment_is_a_note() {
        for (uid, login, sudo_user, text) in [
            (1, Some(1), None, "ann"),
            (0, Some(1), Some("ann"), "root (login ann)"),
            // The kernel's record wins over the environment.
            (0, Some(1), Some("ceo"), "root (login ann)"),
            (0, None, Some("ceo"), "root (SUDO_USER ceo)"),
            (0, None, Some("ce\x1bo\n"), "root (SUDO_USER ceo)"),
            (0, None, Some("root"), "root"),
            (0, Some(0), Some("ceo"), "root"),
            (1, Some(1), Some("ceo"), "ann"),
            (77, Some(78), None, "uid-77 (login uid-78)"),
        ] {
            let who = Who::of(uid, login, sudo_user, name);
            assert_eq!(who.person.beside(&who.account), text, "{uid} {login:?} {sudo_user:?}");
        }
    }

    #[test]
    fn a_login_is_read_and_none_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loginuid");
        for (text, uid) in [("1000", Some(1000)), ("0\n", Some(0)), ("4294967295", None), ("", None), ("x", None)] {
            fs::write(&path, text).unwrap();
            assert_eq!(login_uid(&path), uid, "{text:?}");
        }
        assert_eq!(login_uid(&folder.path().join("nowhere")), None);
    }
}
