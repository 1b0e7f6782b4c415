//! Whose the record is: folder and files must be this process's account's (or root's), and nobody else may write there.
//! Otherwise somebody else could say what was done, or approve in another's name. As ssh does with keys, it is looked
//! at where a file is found, not only where it is made. Start at [`check`].

use std::{
    fs::{self, Metadata},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

use nix::unistd::{Uid, User};

use super::LedgerError;

/// Bits of a mode by which a group or everybody may write. An ACL that lets others write shows in them as well.
const OTHERS_WRITE: u32 = 0o022;

/// Refuses what belongs to somebody else, or what others may write.
pub(super) fn check(path: &Path, found: &Metadata) -> Result<(), LedgerError> {
    judge(path, (found.uid(), found.mode()), rustix::process::geteuid().as_raw())
}

fn judge(path: &Path, (owner, mode): (u32, u32), me: u32) -> Result<(), LedgerError> {
    // Root can do what it likes anyway.
    if owner != me && owner != 0 {
        return Err(LedgerError::Foreign { path: path.to_owned(), owner: name(owner), me: name(me) });
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(LedgerError::Open { path: path.to_owned(), mode: mode & 0o7777 });
    }
    Ok(())
}

/// As [`check`], for something that need not be there.
pub(super) fn check_if_there(path: &Path) -> Result<(), LedgerError> {
    match fs::metadata(path) {
        Ok(found) => check(path, &found),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(LedgerError::io(path, &error)),
    }
}

/// Makes a folder that only its owner may enter, with the parents that are missing, whatever the umask; one that is
/// there is [`check`]ed.
pub fn private_folder(folder: &Path) -> Result<(), LedgerError> {
    let told = |error: std::io::Error| LedgerError::io(folder, &error);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(told)?;
    check(folder, &fs::metadata(folder).map_err(told)?)
}

/// As people call an account.
fn name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| format!("{} (uid {uid})", user.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ones_own_and_roots_is_believed_and_only_where_nobody_else_may_write() {
        let path = Path::new("/s");
        for (owner, mode, me, refused) in [
            (1000, 0o40700, 1000, None),
            (1000, 0o100_600, 1000, None),
            (1000, 0o40755, 1000, None),
            (0, 0o40755, 1000, None),
            (0, 0o40700, 0, None),
            (1000, 0o40700, 0, Some("belongs to")),
            (65534, 0o100_666, 0, Some("belongs to")),
            (1001, 0o40700, 1000, Some("belongs to")),
            (1000, 0o40770, 1000, Some("mode 0770")),
            (1000, 0o100_602, 1000, Some("mode 0602")),
            // A folder where everybody may make files, like /tmp.
            (0, 0o41777, 0, Some("mode 1777")),
            (0, 0o41777, 1000, Some("mode 1777")),
        ] {
            let said = judge(path, (owner, mode), me).err().map(|error| error.to_string());
            match (refused, &said) {
                (None, None) => {}
                (Some(part), Some(said)) => assert!(said.contains(part), "{owner} {mode:o} {me}: {said}"),
                _ => panic!("{owner} {mode:o} {me}: {said:?}"),
            }
        }
    }
}
