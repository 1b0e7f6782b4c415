//! What the engine needs from the logs of hosts, wherever they are kept: it writes to them without opening files.

use crate::host::HostName;

/// The logs of one run's hosts.
pub trait HostLogs: Send + Sync {
    /// The log of one host; appends to what an earlier controller wrote.
    fn host(&self, host: &HostName) -> Box<dyn HostLog>;

    /// The first failure to write any log (a full disk, for example); returned once.
    fn take_trouble(&self) -> Option<String>;
}

/// The log of one host. A failure to write it does not stop a run.
pub trait HostLog: Send + Sync {
    /// Appends `bytes` as they are, with a header whenever `tag` changes.
    fn write(&mut self, tag: &str, bytes: &[u8]);

    /// Appends output of a job: `bytes` are shown for the next `raw` bytes after those that [`HostLog::job_offset`]
    /// counts.
    fn write_job(&mut self, tag: &str, job: &str, bytes: &[u8], raw: u64);

    /// How many bytes of this job's output are in the log, also from earlier controllers.
    fn job_offset(&mut self, job: &str) -> u64;

    /// Writes buffered bytes, so that others can read them and they are not lost when this process ends.
    fn flush(&mut self);
}
