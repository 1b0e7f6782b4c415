//! Accounts from a directory (LDAP, SSSD). The C library of a static binary reads `/etc/passwd` only; `getent` of the
//! system asks wherever the system does. Start at [`account`].

use std::{path::PathBuf, time::Duration};

use super::runtime::runtime;
use crate::{command::Command, step::JumpBox, transport::NoSink};

/// By its path: `PATH` belongs to whoever starts this program, and this says who that is.
const GETENT: &str = "/usr/bin/getent";
/// A directory that does not answer must not keep a command waiting.
const LIMIT: Duration = Duration::from_secs(5);

/// The name of the account with this number; `None`: there is none, or nobody knows.
pub(in crate::cli) fn account(uid: u32) -> Option<String> {
    let uid = uid.to_string();
    let command = Command::reads("account", [GETENT, "passwd", uid.as_str()]).timeout(LIMIT);
    let jump_box = JumpBox::new(PathBuf::from("/"), PathBuf::from("/"));
    let ran = runtime().ok()?.block_on(async { jump_box.run_piped(&command, &mut NoSink).await });
    let output = ran.ok()?.output;
    if !output.success() {
        return None;
    }
    named(&String::from_utf8_lossy(&output.stdout), &uid)
}

/// The name in a line of passwd(5).
fn named(line: &str, uid: &str) -> Option<String> {
    let mut fields = line.trim_end().split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    (fields.nth(1)? == uid).then(|| crate::command::printable(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_the_number_that_was_asked_for() {
        for (line, expected) in [
            ("ann:x:1000:1000:Ann,,,:/home/ann:/bin/bash\n", Some("ann")),
            ("ann:x:1001:1000::/home/ann:/bin/bash\n", None),
            (":x:1000:1000::/:/bin/sh\n", None),
            ("ann\n", None),
            ("", None),
        ] {
            assert_eq!(named(line, "1000").as_deref(), expected, "{line:?}");
        }
    }

    #[test]
    fn getent_is_asked() {
        assert_eq!(account(0).as_deref(), PathBuf::from(GETENT).exists().then_some("root"));
        assert_eq!(account(4_000_000_123), None);
    }
}
