//! The lock of a run: which controller is running it. The kernel holds it on a file beside the run's logs. So it ends
//! with the process, however that ends, even in a power cut, and it works between containers that share the folder. The
//! text in the file is for people.

use std::{
    fs,
    io::{ErrorKind, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{
    Holder, LedgerError,
    private::{self, private_folder},
};
use crate::{
    clock::{Clock as _, SystemClock},
    event::RunId,
};

/// Whether a controller is running a run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Driver {
    /// No controller is.
    Nobody,
    /// This one is.
    Holder(Holder),
    /// It cannot be found out, for this reason (with the path of the lock). Perhaps one is.
    Unclear(String),
}

impl Driver {
    /// The controller that is running it, if that is known.
    #[cfg(feature = "testing")]
    pub fn holder(&self) -> Option<&Holder> {
        match self {
            Self::Holder(holder) => Some(holder),
            Self::Nobody | Self::Unclear(_) => None,
        }
    }

    /// Whether it is certain that no controller is running it.
    pub fn is_nobody(&self) -> bool {
        *self == Self::Nobody
    }
}

/// The right to append to one run. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct RunLock {
    run: RunId,
    // The kernel's lock belongs to this open file.
    _file: fs::File,
}

impl RunLock {
    /// The run that is held.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Takes the lock in `folder`, the run's folder.
    pub(super) fn take(folder: &Path, run: &RunId, owner: &str) -> Result<Self, LedgerError> {
        let path = folder.join("controller.lock");
        let failed = |e: std::io::Error| LedgerError::io(&path, &e);
        private_folder(folder)?;
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        private::check(&path, &file.metadata().map_err(failed)?)?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // A process that only looks holds it for a moment.
                Err(fs::TryLockError::WouldBlock) if tries < 5 => {
                    tries += 1;
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(LedgerError::Locked { run: run.clone(), holder: read_holder(&mut file) });
                }
                Err(fs::TryLockError::Error(e)) => return Err(failed(e)),
            }
        }
        let holder = Holder { owner: owner.to_owned(), pid: std::process::id(), since: SystemClock.now() };
        let text = serde_json::to_string(&holder).map_err(|e| failed(e.into()))?;
        file.set_len(0).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        Ok(Self { run: run.clone(), _file: file })
    }

    /// Who holds the lock in `folder` now.
    pub(super) fn driver(folder: &Path) -> Driver {
        let path = folder.join("controller.lock");
        let doubt = |error: std::io::Error| Driver::Unclear(format!("{}: {error}", path.display()));
        let mut file = match fs::File::open(&path) {
            Ok(file) => file,
            // No controller runs without this file; `prune` or a person may have removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => return Driver::Nobody,
            Err(error) => return doubt(error),
        };
        match file.try_lock_shared() {
            Err(fs::TryLockError::WouldBlock) => Driver::Holder(read_holder(&mut file)),
            Ok(()) => Driver::Nobody,
            Err(fs::TryLockError::Error(error)) => doubt(error),
        }
    }
}

/// A holder that has not finished writing its name counts as well.
fn read_holder(file: &mut fs::File) -> Holder {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(4096).read_to_string(&mut text));
    read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or(Holder {
        owner: "another controller".to_owned(),
        pid: 0,
        since: SystemClock.now(),
    })
}
