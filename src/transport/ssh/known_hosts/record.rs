//! Records the key of a new host: one line, appended once, however many connections ask.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    KnownName, OfferedKey, TrustStore, Verdict,
    file::Entry,
    line::{FiledKey, Marker},
    name::hashed_name,
};

impl TrustStore {
    /// Records the plain key of an unknown host in the first file, under a hash of its name if `hashed`. Returns the
    /// verdict that applies then: `Accept`, or `Changed` when another connection has meanwhile recorded a different key
    /// for the same name.
    ///
    /// # Errors
    /// The file cannot be written; the key is not trusted then.
    pub fn record(&self, name: &KnownName, key: &OfferedKey, hashed: bool) -> io::Result<Verdict> {
        let Some(file) = self.files.first().filter(|_| !self.read_only) else {
            return Err(io::Error::other("there is no known_hosts file to record it in (UserKnownHostsFile)"));
        };
        let mut appended = file.appended();
        if let Some((_, entry)) = appended.iter().find(|(known, _)| *known == name.full) {
            let same = entry.key.as_ref().is_some_and(|filed| *filed.blob == *key.blob);
            let known = super::Place { path: file.path().to_owned(), line: 0 };
            return Ok(if same { Verdict::Accept } else { Verdict::Changed { known } });
        }
        let shown = if hashed { hashed_name(&name.full)? } else { name.full.clone() };
        append(file.path(), &format!("{shown} {} {}\n", key.algorithm, STANDARD.encode(&key.blob)))?;
        let filed = FiledKey { algorithm: key.algorithm.as_str().into(), blob: key.blob.as_slice().into() };
        appended.push((name.full.clone(), Entry { line: 0, marker: Marker::Plain, listed: true, key: Some(filed) }));
        Ok(Verdict::Accept)
    }
}

/// Appends one line in one write, so that other processes' lines stay whole; starts on a new line.
fn append(path: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    crate::regular::check(path)?;
    let mut file = OpenOptions::new().append(true).create(true).read(true).mode(0o600).open(path)?;
    let text = if ends_inside_a_line(&mut file)? { format!("\n{line}") } else { line.to_owned() };
    // `write`, not `write_all`: a second call could put the rest of a line behind another process's line.
    let written = file.write(text.as_bytes())?;
    if written == text.len() { Ok(()) } else { Err(io::Error::other("only part of the line was written")) }
}

fn ends_inside_a_line(file: &mut std::fs::File) -> io::Result<bool> {
    use std::io::{Read, Seek, SeekFrom};
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last[0] != b'\n')
}
