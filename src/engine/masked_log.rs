//! Writes remote output to one host's log, with a header for each step and attempt and with secrets masked. Does not
//! know where the log is kept. Start at [`MaskedLog`].

use crate::{
    ledger::HostLog,
    mask::{Masker, Secrets},
    step::StepLog,
    transport::{Sink, Stream},
};

/// How many bytes of a job's output are handled at once.
const PIECE: usize = 8 << 10;

/// The log of one host as its steps see it.
pub(super) struct MaskedLog {
    /// `None` drops all of it.
    log: Option<Box<dyn HostLog>>,
    step: String,
    secrets: Secrets,
    streams: [Masker; 2],
    /// The job whose output is being written.
    job: Option<(String, Masker)>,
}

impl MaskedLog {
    pub(super) fn new(log: Option<Box<dyn HostLog>>, secrets: &Secrets) -> Self {
        let streams = [secrets.masker(), secrets.masker()];
        Self { log, step: String::new(), secrets: secrets.clone(), streams, job: None }
    }

    /// From now on the output belongs to this attempt.
    pub(super) fn enter(&mut self, step: &str, attempt: u32) {
        // The last output of the previous attempt belongs to that one.
        self.finish();
        self.step = if attempt == 1 { step.to_owned() } else { format!("{step} (attempt {attempt})") };
    }

    /// Writes what was held back: these streams have ended.
    fn finish(&mut self) {
        let Some(log) = &mut self.log else { return };
        for masker in &mut self.streams {
            let (rest, _) = masker.finish();
            if !rest.is_empty() {
                log.write(&self.step, &rest);
            }
        }
        if let Some((job, mut masker)) = self.job.take() {
            let (rest, raw) = masker.finish();
            if raw > 0 {
                log.write_job(&self.step, &job, &rest, raw);
            }
        }
    }
}

impl Sink for MaskedLog {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        if let Some(log) = &mut self.log {
            let (said, _) = self.streams[usize::from(stream == Stream::Stderr)].take(bytes);
            if !said.is_empty() {
                log.write(&self.step, &said);
            }
        }
    }
}

impl StepLog for MaskedLog {
    fn job_offset(&mut self, job: &str) -> u64 {
        // Bytes that are held back are not in the log, and will be read again.
        self.job = self.job.take().filter(|(held, _)| held != job);
        self.log.as_mut().map_or(0, |log| log.job_offset(job))
    }

    fn write_job(&mut self, job: &str, bytes: &[u8]) {
        if self.job.as_ref().is_none_or(|(current, _)| current != job) {
            self.finish();
            self.job = Some((job.to_owned(), self.secrets.masker()));
        }
        let (Some(log), Some((_, masker))) = (&mut self.log, &mut self.job) else { return };
        // In pieces, so that the log's count of the job's bytes is always right.
        for piece in bytes.chunks(PIECE) {
            let (said, raw) = masker.take(piece);
            if raw > 0 {
                log.write_job(&self.step, job, &said, raw);
            }
        }
    }

    fn flush(&mut self) {
        self.finish();
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }
}
