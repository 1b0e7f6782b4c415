//! The output of a running command: all of it goes to the sink, a bounded part is kept.

use super::super::{Sink, Stream};
use crate::command::{Exit, Output};

/// Collects one command's output.
pub(super) struct Collector<'a> {
    sink: &'a mut dyn Sink,
    keep: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    dropped: u64,
    taken: u64,
}

impl<'a> Collector<'a> {
    pub(super) fn new(keep: usize, sink: &'a mut dyn Sink) -> Self {
        Self { sink, keep, stdout: Vec::new(), stderr: Vec::new(), dropped: 0, taken: 0 }
    }

    /// Takes a piece.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        self.sink.write(stream, bytes);
        self.taken += bytes.len() as u64;
        let kept = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let room = self.keep.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
        self.dropped += (bytes.len() - room) as u64;
    }

    /// Bytes of both streams so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    pub(super) fn finish(self, exit: Exit) -> Output {
        Output { exit, stdout: self.stdout, stderr: self.stderr, dropped: self.dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct All(Vec<u8>);

    impl Sink for All {
        fn write(&mut self, _: Stream, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }

    #[test]
    fn the_sink_gets_everything_and_each_stream_is_kept_up_to_its_bound() {
        let mut sink = All(Vec::new());
        let mut collector = Collector::new(4, &mut sink);
        collector.take(Stream::Stdout, b"abc");
        collector.take(Stream::Stdout, b"def");
        collector.take(Stream::Stderr, b"xyz");
        let output = collector.finish(Exit::Code(0));
        assert_eq!(
            (output.stdout.as_slice(), output.stderr.as_slice(), output.dropped),
            (&b"abcd"[..], &b"xyz"[..], 2)
        );
        assert_eq!(sink.0, b"abcdefxyz");
    }
}
