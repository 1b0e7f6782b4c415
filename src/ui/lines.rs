//! Plain lines for pipes, files and CI: one for each finished host, failure, begin and end of a wave, stop and wait,
//! each with its time.

use std::io::Write;

use jiff::{Timestamp, tz::TimeZone};

use super::{Paint, Reporter, sentence, text};
use crate::event::{Event, Progress, RunState};

/// Writes complete lines that never change again.
pub struct Lines {
    out: Box<dyn Write + Send>,
    paint: Paint,
    zone: TimeZone,
    program: String,
    last_note: String,
    only_loud: bool,
}

impl Lines {
    /// Writes to `out`, with times in `zone`.
    pub fn new(out: Box<dyn Write + Send>, paint: Paint, zone: TimeZone) -> Self {
        Self { out, paint, zone, program: "patchwave".to_owned(), last_note: String::new(), only_loud: false }
    }

    /// The program's name in commands, with its state folder.
    #[must_use]
    pub fn called(self, program: &str) -> Self {
        Self { program: program.to_owned(), ..self }
    }

    /// Without a line for each host that ends: a rehearsal of thousands of hosts takes seconds.
    #[must_use]
    pub fn only_loud(self) -> Self {
        Self { only_loud: true, ..self }
    }

    fn say(&mut self, at: Timestamp, text: &str) {
        let lines = stamped(at, &self.zone, self.paint, text);
        // A run does not stop when its reader is gone.
        let _ = self.out.write_all(lines.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// `text` with the time before its first line, and the other lines indented as much.
pub(super) fn stamped(at: Timestamp, zone: &TimeZone, paint: Paint, text: &str) -> String {
    let clock = at.to_zoned(zone.clone()).strftime("%T").to_string();
    let mut lines = String::new();
    for (i, line) in text.lines().enumerate() {
        let front = if i == 0 { paint.faint(&clock) } else { " ".repeat(clock.len()) };
        lines.push_str(&format!("{front}  {line}\n"));
    }
    lines
}

impl Reporter for Lines {
    fn event(&mut self, state: &RunState, event: &Event) {
        let sentences = sentence::sentences(state, event, self.paint, &self.program);
        for sentence in sentences {
            if sentence.loud || !self.only_loud {
                self.say(event.at, &sentence.text);
            }
        }
    }

    fn progress(&mut self, _: &Progress) {}

    fn note(&mut self, at: Timestamp, note: &str) {
        if self.last_note != note {
            note.clone_into(&mut self.last_note);
            self.say(at, &format!("{:<11}  {}", "--", text::clean(note, 400)));
        }
    }

    fn tick(&mut self, _: &RunState, _: Timestamp) {}

    fn finish(&mut self, _: &RunState) {}
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::{Kind, StepResult, Stop, Verdict, sample::*};

    /// A writer that a test can read, and make fail.
    #[derive(Clone, Default, Debug)]
    pub(crate) struct Captured(Arc<Mutex<(Vec<u8>, bool)>>);

    impl Captured {
        pub(crate) fn writer(&self) -> Box<dyn Write + Send> {
            Box::new(self.clone())
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
        }

        pub(crate) fn break_it(&self) {
            self.0.lock().unwrap().1 = true;
        }

        pub(crate) fn repair(&self) {
            self.0.lock().unwrap().1 = false;
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let mut inner = self.0.lock().unwrap();
            if inner.1 {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            inner.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            if self.0.lock().unwrap().1 { Err(std::io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        }
    }

    /// Sends all events of a run to the reporter.
    pub(crate) fn play(reporter: &mut dyn Reporter, sample: &Sample) {
        let mut state = RunState::begin(&sample.events[0]).unwrap();
        reporter.event(&state, &sample.events[0]);
        for event in &sample.events[1..] {
            state.apply(event).unwrap();
            reporter.event(&state, event);
        }
        reporter.finish(&state);
    }

    fn lines_of(sample: &Sample) -> String {
        let out = Captured::default();
        play(&mut Lines::new(out.writer(), Paint::plain(), TimeZone::UTC), sample);
        out.text()
    }

    #[test]
    fn a_run_that_halts_reads_like_a_diary() {
        let mut sample = Sample::of(plan(&[("staging", &["s1"]), ("production", &["db1", "db2 db3", "db4"])]));
        sample.wait(3).good("s1").wait(30).good("db1").wait(1).start("db2").start("db3");
        sample.walk_on(
            "db2",
            vec![
                result(Verdict::Ok, "ready"),
                StepResult {
                    detail: vec!["E: Could not get lock /var/lib/dpkg/lock-frontend".to_owned()],
                    help: Some("patchwave log RUN db2".to_owned()),
                    ..failure("lock", "lock held by unattended-upgrade (pid 812)")
                },
            ],
        );
        sample.wait(9).walk_on("db3", vec![result(Verdict::Ok, "ready"), upgraded(&["openssl"])]);
        sample.tell(Kind::StopRequested { how: Stop::Drain, by: "ann@jump".to_owned() }).tell(Kind::RunFinished);
        insta::assert_snapshot!(lines_of(&sample), @r#"
        02:00:00  run          20261122-020000-kxfa of "Rolling patch wave": 5 hosts in 2 stages, plan 3f9a2c1b77d0
        02:00:03  wave         staging: 1 host
        02:00:06  ok           s1  2 packages, rebooted (3.0s)
        02:00:06  wave         staging is done: 1 ok
        02:00:36  wave         production, wave 1 of 3 (canary): 1 host
        02:00:39  ok           db1  2 packages, rebooted (3.0s)
        02:00:39  wave         production, wave 1 of 3 (canary) is done: 1 ok
        02:00:40  wave         production, wave 2 of 3: 2 hosts
        02:00:42  failed       db2  Security updates: lock held by unattended-upgrade (pid 812)
                               | E: Could not get lock /var/lib/dpkg/lock-frontend
                               try: patchwave log RUN db2
        02:00:42  failed       db2  broke at "Security updates", nothing changed (2.0s)
        02:00:53  ok           db3  1 package (13s)
        02:00:53  wave         production, wave 2 of 3 is done: 1 ok, 1 failed
        02:00:53  stop         no new host starts, hosts in flight finish (0 in flight); by ann@jump
        02:00:53  over         3 ok, 1 failed, 1 not started
        "#);
    }

    #[test]
    fn hostile_output_reaches_no_terminal() {
        let mut sample = Sample::of(plan(&[("all", &["a"])]));
        let evil = format!("\x1b[2J\x1b]0;owned\x07{}\u{9b}31m\u{202e}", "x".repeat(1 << 20));
        let broken = StepResult {
            detail: vec![evil.clone(); 100],
            help: Some(evil.clone()),
            ..failure("x", &format!("\n\n{evil}\nsecond"))
        };
        sample.walk("a", vec![broken]);
        let text = lines_of(&sample);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "no control character");
        assert!(text.len() < 10_000, "{} bytes", text.len());
    }

    #[test]
    fn a_note_is_said_once_and_a_lost_reader_stops_nothing() {
        let out = Captured::default();
        let mut lines = Lines::new(out.writer(), Paint::plain(), TimeZone::UTC);
        lines.note(time(1), "staging rests until 02:10:00");
        lines.note(time(2), "staging rests until 02:10:00");
        lines.note(time(3), "staging waits for approval: patchwave approve RUN");
        insta::assert_snapshot!(out.text(), @r#"
        02:00:01  --           staging rests until 02:10:00
        02:00:03  --           staging waits for approval: patchwave approve RUN
        "#);
        out.break_it();
        lines.note(time(4), "x");
    }

    #[test]
    fn colour_only_adds() {
        let mut sample = Sample::of(plan(&[("all", &["a b"])]));
        sample.good("a").bad("b", "lock", "held");
        let out = Captured::default();
        let always = Paint::decide(crate::ui::Colour::Always, false, |_| None);
        play(&mut Lines::new(out.writer(), always, TimeZone::UTC), &sample);
        assert!(out.text().contains("\u{1b}[31m"));
        assert_eq!(console::strip_ansi_codes(&out.text()), lines_of(&sample));
    }
}
