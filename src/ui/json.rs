//! Events as they are recorded, one JSON object per line (NDJSON): for scripts.

use std::io::Write;

use jiff::Timestamp;

use super::Reporter;
use crate::event::{Event, Progress, RunState};

/// Writes every event as one line of JSON, and nothing else. Sentences that are not events go to a second stream.
pub struct Json {
    out: Option<Box<dyn Write + Send>>,
    talk: Box<dyn Write + Send>,
}

impl Json {
    /// Writes events to `out` until that fails, and sentences for people, such as how to approve, to `talk`.
    pub fn new(out: Box<dyn Write + Send>, talk: Box<dyn Write + Send>) -> Self {
        Self { out: Some(out), talk }
    }
}

impl Reporter for Json {
    fn event(&mut self, _: &RunState, event: &Event) {
        let Some(out) = &mut self.out else { return };
        let written = serde_json::to_vec(&*event.shown()).map_err(Into::into).and_then(|mut line| {
            line.push(b'\n');
            out.write_all(&line)?;
            out.flush()
        });
        if written.is_err() {
            // The reader is gone: after half a line nothing more is written.
            self.out = None;
        }
    }

    fn progress(&mut self, _: &Progress) {}

    fn note(&mut self, _: Timestamp, text: &str) {
        // An error is ignored: it is only for people.
        let _ = writeln!(self.talk, "{}", super::clean(text, 400));
    }

    fn tick(&mut self, _: &RunState, _: Timestamp) {}

    fn finish(&mut self, _: &RunState) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::sample::*, ui::lines::tests::Captured};

    #[test]
    fn every_event_is_one_line_that_reads_back() {
        let mut sample = Sample::of(plan(&[("all", &["a b"])]));
        sample.good("a").bad("b", "lock", "two\nlines\u{1b}[2J");
        let (out, talk) = (Captured::default(), Captured::default());
        let mut json = Json::new(out.writer(), talk.writer());
        for event in &sample.events {
            json.event(&sample.state, event);
        }
        json.note(Timestamp::UNIX_EPOCH, "type this: approve R");
        assert_eq!(talk.text(), "type this: approve R\n");
        let text = out.text();
        assert!(!text.contains('\u{1b}'), "JSON escapes control characters");
        let read: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, sample.events);
    }

    #[test]
    fn nothing_follows_a_broken_pipe() {
        let sample = Sample::of(plan(&[("all", &["a"])]));
        let out = Captured::default();
        let mut json = Json::new(out.writer(), Box::new(std::io::sink()));
        out.break_it();
        json.event(&sample.state, &sample.events[0]);
        out.repair();
        json.event(&sample.state, &sample.events[0]);
        assert_eq!(out.text(), "");
    }
}
