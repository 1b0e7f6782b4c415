//! Who may write the record: folder and files must belong to this process's account (or root), and no other account may
//! write there. Otherwise others could change the record, or approve in another person's name. As ssh does with keys,
//! existing files are checked, not only created with the right mode. Start at [`check`].

use std::{
    fs::{self, Metadata},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

use nix::unistd::{Uid, User};

use super::LedgerError;

/// The mode bits that let the group or everyone write. An ACL that lets others write sets them too.
const OTHERS_WRITE: u32 = 0o022;

/// Refuses a file that belongs to another account, or that others may write.
pub(super) fn check(path: &Path, found: &Metadata) -> Result<(), LedgerError> {
    judge(path, (found.uid(), found.mode()), rustix::process::geteuid().as_raw())
}

fn judge(path: &Path, (owner, mode): (u32, u32), me: u32) -> Result<(), LedgerError> {
    // Root can change everything anyway.
    if owner != me && owner != 0 {
        return Err(LedgerError::Foreign { path: path.to_owned(), owner: name(owner), me: name(me) });
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(LedgerError::Open { path: path.to_owned(), mode: mode & 0o7777 });
    }
    Ok(())
}

/// Like [`check`], for a file that may be missing.
pub(super) fn check_if_there(path: &Path) -> Result<(), LedgerError> {
    match fs::metadata(path) {
        Ok(found) => check(path, &found),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(LedgerError::io(path, &error)),
    }
}

/// Creates a folder that only its owner may enter, and missing parents, whatever the umask; an existing folder is
/// [`check`]ed.
pub fn private_folder(folder: &Path) -> Result<(), LedgerError> {
    let failed = |error: std::io::Error| LedgerError::io(folder, &error);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    check(folder, &fs::metadata(folder).map_err(failed)?)
}

/// The name of an account, for people.
fn name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| format!("{} (uid {uid})", user.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_this_account_or_root_that_no_other_may_write_are_trusted() {
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
            // A folder where everyone may create files, like /tmp.
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
