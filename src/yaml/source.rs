//! How a file is read into memory: bounded, and checked to be text.

use std::{io::ErrorKind, path::Path, sync::Arc};

use super::{Problem, Problems, Source};
use crate::regular;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 64 << 20;

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// A missing or unreadable file, a folder, a pipe, a device, more than 64 MiB, or bytes that are not UTF-8, each
    /// named with the path.
    pub fn load(path: &Path) -> Result<Arc<Self>, Problem> {
        let problem = |message: String, help: Option<&str>| Problem {
            span: None,
            message: format!("{}: {message}", path.display()),
            help: help.map(str::to_owned),
        };
        let bytes = match regular::read(path, LARGEST) {
            Ok(bytes) => bytes,
            Err(error) => {
                return Err(match error.kind() {
                    ErrorKind::NotFound => problem("there is no such file".into(), None),
                    ErrorKind::PermissionDenied => {
                        problem("no permission to read the file".into(), Some("check its owner and mode with `ls -l`"))
                    }
                    ErrorKind::IsADirectory => problem("is a folder, not a file".into(), None),
                    ErrorKind::InvalidInput => problem(error.to_string(), None),
                    _ => problem(format!("cannot be read: {error}"), None),
                });
            }
        };
        if bytes.len() as u64 > LARGEST {
            return Err(problem(format!("is larger than {} MiB", LARGEST >> 20), None));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let line = 1 + error.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
                Err(problem(
                    format!("line {line} is not UTF-8 text (byte {at} of the file)"),
                    Some("convert it: `iconv -f latin1 -t utf-8`"),
                ))
            }
        }
    }

    /// Reads a file, or adds the problem.
    pub fn load_or_report(path: &Path, problems: &mut Problems) -> Option<Arc<Self>> {
        Self::load(path).map_err(|problem| problems.0.push(problem)).ok()
    }
}
