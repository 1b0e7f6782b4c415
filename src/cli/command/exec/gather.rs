//! Collects the output of many hosts: a spool for each stream of each host, and the sinks that fill them.

use std::{
    collections::HashMap,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use sha2::{Digest, Sha256};

use crate::{
    cli::command::exec::live::Live,
    host::HostName,
    spool::Spool,
    transport::{Process, ProcessLine, Sink, Stream},
};

/// The most bytes of one stream of one host. Bytes after that are counted and reported.
const MOST: u64 = 1 << 30;

/// The outputs of one command, in the order of its hosts.
pub(in crate::cli) struct Outputs {
    pub(in crate::cli) hosts: Vec<HostOutput>,
    index: HashMap<HostName, usize>,
    /// Removed with its files at the end; absent if the operator wants to keep them.
    _temporary: Option<tempfile::TempDir>,
}

/// The output of one host.
#[derive(Clone, Debug)]
pub(in crate::cli) struct HostOutput {
    pub(in crate::cli) host: HostName,
    pub(in crate::cli) stdout: Spool,
    pub(in crate::cli) stderr: Spool,
    begun: Arc<AtomicBool>,
    process: Arc<OnceLock<Process>>,
}

impl Outputs {
    /// Empty outputs. The files go to `log_dir` and stay there, or else to a temporary folder.
    pub(in crate::cli) fn new(hosts: &[HostName], log_dir: Option<&Path>) -> std::io::Result<Self> {
        let (folder, temporary) = match log_dir {
            Some(folder) => {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                (folder.to_owned(), None)
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("patchwave-exec-").tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let keep = log_dir.is_some();
        let of = |host: &HostName| {
            let [stdout, stderr] = ["out", "err"].map(|stream| path(&folder, host, stream));
            if keep {
                // Output of an earlier command must not stay, even if this one prints nothing.
                for old in [&stdout, &stderr] {
                    let _ = std::fs::remove_file(old);
                }
            }
            let [stdout, stderr] = [stdout, stderr].map(|path| Spool::new(path, keep, MOST));
            HostOutput { host: host.clone(), stdout, stderr, begun: Arc::default(), process: Arc::default() }
        };
        let hosts: Vec<HostOutput> = hosts.iter().map(of).collect();
        let index = hosts.iter().enumerate().map(|(at, output)| (output.host.clone(), at)).collect();
        Ok(Self { hosts, index, _temporary: temporary })
    }

    /// The host's index in the order.
    pub(in crate::cli) fn position(&self, host: &HostName) -> usize {
        self.index[host]
    }

    /// The sink for a host, just before the command is sent to it.
    pub(in crate::cli) fn sink(&self, host: &HostName, live: Option<&Arc<Live>>) -> SpoolSink {
        let at = self.position(host);
        let output = self.hosts[at].clone();
        output.begun.store(true, Ordering::Relaxed);
        SpoolSink { output, at, live: live.cloned(), first: Default::default() }
    }
}

impl HostOutput {
    /// Whether the command may have reached the host.
    pub(in crate::cli) fn begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Which process the command is on its host, if it has said so.
    pub(in crate::cli) fn process(&self) -> Option<Process> {
        self.process.get().copied()
    }
}

/// `HOST.out` and `HOST.err`. A name that is too long for a file is cut and made unique again.
fn path(folder: &Path, host: &HostName, stream: &str) -> PathBuf {
    let name = host.as_file_name();
    if name.len() <= 240 {
        return folder.join(format!("{name}.{stream}"));
    }
    let hash = base16ct::lower::encode_string(&Sha256::digest(name.as_bytes())[..8]);
    folder.join(format!("{}~{hash}.{stream}", &name[..200]))
}

/// Fills one host's spools, and wakes the printer.
pub(in crate::cli) struct SpoolSink {
    output: HostOutput,
    at: usize,
    live: Option<Arc<Live>>,
    /// The line that says which process it is. It comes on standard error, or where a terminal has both, on the other.
    first: [ProcessLine; 2],
}

impl SpoolSink {
    fn keep(&self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.output.stdout.write(bytes),
            Stream::Stderr => self.output.stderr.write(bytes),
        }
        if let Some(live) = &self.live {
            live.more(self.at);
        }
    }
}

impl Sink for SpoolSink {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let (process, own) = self.first[usize::from(stream == Stream::Stderr)].take(bytes);
        if let Some(process) = process {
            let _ = self.output.process.set(process);
        }
        if !own.is_empty() {
            self.keep(stream, &own);
        }
    }
}

impl Drop for SpoolSink {
    /// Output that only began like that line is not lost.
    fn drop(&mut self) {
        for (stream, at) in [(Stream::Stdout, 0), (Stream::Stderr, 1)] {
            let rest = self.first[at].rest();
            if !rest.is_empty() {
                self.keep(stream, &rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_safe_and_distinct() {
        let host = |name: &str| HostName::new(name).unwrap();
        let file = |host: &HostName| path(Path::new("/d"), host, "out");
        assert_eq!(file(&host("fe80::1")), Path::new("/d/fe80%3A%3A1.out"));
        let (a, b) = (host(&format!("{}a", "x".repeat(250))), host(&format!("{}b", "x".repeat(250))));
        assert!(file(&a).file_name().unwrap().len() <= 255);
        assert_ne!(file(&a), file(&b));
    }

    #[test]
    fn an_earlier_log_of_a_host_that_is_silent_now_goes() {
        let dir = tempfile::tempdir().unwrap();
        let hosts = [HostName::new("web01").unwrap()];
        std::fs::write(dir.path().join("web01.err"), "old").unwrap();
        let outputs = Outputs::new(&hosts, Some(dir.path())).unwrap();
        outputs.sink(&hosts[0], None).write(Stream::Stdout, b"new\n");
        assert!(outputs.hosts[0].begun());
        outputs.hosts[0].stdout.close();
        outputs.hosts[0].stderr.close();
        assert_eq!(std::fs::read(dir.path().join("web01.out")).unwrap(), b"new\n");
        assert!(!dir.path().join("web01.err").exists());
    }
}
