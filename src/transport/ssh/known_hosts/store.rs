//! Several known_hosts files asked as one: may this host show this key?
//! Follows `check_host_key` of OpenSSH's sshconnect.c; `@revoked` wins over every other line of any file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    KnownName,
    file::{Entry, TrustFile},
    line::{self, Marker},
};

/// The trusted files, in order; new keys go to the first.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    pub(super) files: Vec<Arc<TrustFile>>,
    /// The first file must not be written, or is `/dev/null`.
    pub(super) read_only: bool,
}

/// A key that a host shows, with the certificate around it if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedKey {
    /// `ssh-ed25519`, ….
    pub algorithm: String,
    /// The key in its wire form.
    pub blob: Vec<u8>,
    /// The certificate that the key came in.
    pub certificate: Option<Certified>,
}

/// What a host certificate claims. Its signature must have been verified against `authority` already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The wire form of the key that signed it.
    pub authority: Vec<u8>,
    /// The names it is valid for, compared exactly. Without any it is valid for every host that its authority is on
    /// file for.
    pub principals: Vec<String>,
    /// Its serial number; 0: none.
    pub serial: u64,
    /// The key id that its authority gave it.
    pub key_id: String,
    /// Whether it is valid at all now (kind, dates, options, signature); else why not.
    pub valid: Result<(), String>,
}

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// From 1; 0 when this run wrote it.
    pub line: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.path.display()),
            line => write!(f, "{}:{line}", self.path.display()),
        }
    }
}

/// May this host show this key?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Accept,
    /// No: other keys are on file for it.
    Changed {
        /// One of them.
        known: Place,
    },
    /// No key is on file for it.
    Unknown {
        /// Why a certificate did not help, where one was shown.
        note: Option<String>,
    },
    /// Never.
    Revoked {
        /// The line that revokes it.
        by: Place,
    },
}

impl OfferedKey {
    /// Reads `algorithm base64 comment`, the form of `.pub` files.
    pub fn from_openssh(text: &str) -> Option<Self> {
        let key = line::parse_key(text.trim())?;
        Some(Self { algorithm: key.algorithm.into(), blob: key.blob.into(), certificate: None })
    }
}

impl TrustStore {
    /// Asks these files, in this order.
    pub fn new(files: Vec<Arc<TrustFile>>) -> Self {
        Self { files, read_only: false }
    }

    /// The same, but no key is recorded: the user has no file, or it is `/dev/null`.
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// Whether keys cannot be recorded.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Where new keys are recorded.
    pub fn path(&self) -> Option<&Path> {
        self.files.first().map(|file| file.path())
    }

    /// The verdict on a key that `name` shows.
    ///
    /// A host on another port than 22 that is not on file with its port may show a key that is on file without it.
    pub fn check(&self, name: &KnownName, key: &OfferedKey) -> Verdict {
        if let Some(by) = self.revoked(name, key) {
            return Verdict::Revoked { by };
        }
        let mut note = None;
        if let Some(certificate) = &key.certificate {
            // A certificate is issued for hosts, without ports.
            let host = name.bare.as_deref().unwrap_or(&name.full);
            let trusted = self.trusts(&name.full, certificate);
            // As in OpenSSH, before the key inside is checked: if no authority is on file for the name with its port,
            // what is on file without the port is enough.
            if let (false, Some(bare)) = (trusted, name.bare.as_deref())
                && ((self.trusts(bare, certificate) && usable(certificate, host).is_ok())
                    || self.check_plain(bare, key) == Verdict::Accept)
            {
                return Verdict::Accept;
            }
            match usable(certificate, host) {
                Ok(()) if trusted => return Verdict::Accept,
                Err(why) if trusted || name.bare.as_deref().is_some_and(|bare| self.trusts(bare, certificate)) => {
                    note = Some(why);
                }
                _ => note = Some("its certificate is from an authority that is not on file for it".to_owned()),
            }
        }
        match self.check_plain(&name.full, key) {
            Verdict::Unknown { .. } => match name.bare.as_deref().map(|bare| self.check_plain(bare, key)) {
                Some(Verdict::Accept) => Verdict::Accept,
                _ => Verdict::Unknown { note },
            },
            verdict => verdict,
        }
    }

    /// The algorithms of the keys on file for `name`, and whether an authority is on file for it: what to request from
    /// the host. Keys on file without the port do not count, as in OpenSSH.
    pub fn expected(&self, name: &KnownName) -> (Vec<String>, bool) {
        let entries = self.entries(&name.full);
        let keys = |marker| {
            let of = entries.iter().filter(move |(_, entry)| entry.marker == marker);
            of.filter_map(|(_, entry)| entry.key.as_ref())
        };
        let mut algorithms: Vec<String> = Vec::new();
        let mut passed: Vec<&str> = Vec::new();
        for key in keys(Marker::Plain) {
            // The first key of a kind decides; a revoked one is not requested.
            if passed.contains(&&*key.algorithm) {
                continue;
            }
            passed.push(&key.algorithm);
            if !keys(Marker::Revoked).any(|revoked| revoked.blob == key.blob) {
                algorithms.push(key.algorithm.to_string());
            }
        }
        (algorithms, keys(Marker::CertAuthority).next().is_some())
    }

    fn revoked(&self, name: &KnownName, key: &OfferedKey) -> Option<Place> {
        let authority = key.certificate.as_ref().map(|certificate| certificate.authority.as_slice());
        // A revoked key is refused for the host on every port, whichever of its names the line has.
        [Some(name.full.as_str()), name.bare.as_deref()].into_iter().flatten().find_map(|name| {
            self.entries(name).into_iter().find_map(|(path, entry)| {
                let filed = entry.key.as_ref()?;
                let same = *filed.blob == *key.blob || authority.is_some_and(|blob| *filed.blob == *blob);
                (entry.marker == Marker::Revoked && same).then_some(Place { path, line: entry.line })
            })
        })
    }

    /// Whether the certificate's authority is on file for `name`.
    fn trusts(&self, name: &str, certificate: &Certified) -> bool {
        self.entries(name).iter().any(|(_, entry)| {
            entry.marker == Marker::CertAuthority
                && entry.key.as_ref().is_some_and(|key| *key.blob == *certificate.authority)
        })
    }

    fn check_plain(&self, name: &str, key: &OfferedKey) -> Verdict {
        let mut verdict = Verdict::Unknown { note: None };
        for (path, entry) in self.entries(name) {
            let (Marker::Plain, Some(filed)) = (entry.marker, &entry.key) else { continue };
            if *filed.blob == *key.blob {
                return Verdict::Accept;
            }
            if matches!(verdict, Verdict::Unknown { .. }) {
                verdict = Verdict::Changed { known: Place { path, line: entry.line } };
            }
        }
        verdict
    }

    /// The lines of all files that name `name`.
    fn entries(&self, name: &str) -> Vec<(PathBuf, Entry)> {
        let mut found = Vec::new();
        for file in &self.files {
            found.extend(file.matching(name).map(|entry| (file.path().to_owned(), entry.clone())));
            let appended = file.appended();
            let mine = appended.iter().filter(|(known, _)| known == name);
            found.extend(mine.map(|(_, entry)| (file.path().to_owned(), entry.clone())));
        }
        found
    }
}

/// Whether a certificate is valid, and for this host.
fn usable(certificate: &Certified, host: &str) -> Result<(), String> {
    certificate.valid.clone().map_err(|why| format!("its host certificate is not valid: {why}"))?;
    if !certificate.principals.is_empty() && !certificate.principals.iter().any(|principal| principal == host) {
        return Err(format!("its host certificate is not for {host}"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
