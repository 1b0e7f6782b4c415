//! What is asked of the log of one host, wherever it is kept: the engine fills it, and opens no file for that.

use crate::host::HostName;

/// The logs of one run's hosts.
pub trait HostLogs: Send + Sync {
    /// The log of one host; appends to what an earlier controller wrote.
    fn host(&self, host: &HostName) -> Box<dyn HostLog>;

    /// The first failure to write any log, once: the disk is full, say.
    fn take_trouble(&self) -> Option<String>;
}

/// The log of one host. No failure of it stops a run.
pub trait HostLog: Send + Sync {
    /// Appends `bytes` as they are, under a header wherever `tag` changes.
    fn write(&mut self, tag: &str, bytes: &[u8]);

    /// Appends output of a job: what stands for the `raw` bytes that follow those which [`HostLog::job_offset`] counts.
    fn write_job(&mut self, tag: &str, job: &str, bytes: &[u8], raw: u64);

    /// Bytes of this job's output that are in the log, whoever put them there.
    fn job_offset(&mut self, job: &str) -> u64;

    /// Writes what is gathered, so that others can read it and the end of this process does not lose it.
    fn flush(&mut self);
}
