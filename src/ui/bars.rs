//! The live screen: the lines of `panel.rs` below those that must stay.
//!
//! One indicatif bar has the whole panel as its message, so a redraw is one write, whatever has changed. Lines that
//! must stay are printed above it.

use std::{collections::HashMap, io::Write, sync::Arc};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    Paint, Reporter, ScreenLock,
    lines::stamped,
    panel::{self, Panel},
    screen::Screen,
    sentence, text,
};
use crate::{
    event::{Event, Kind, Progress, RunState},
    host::HostName,
    plan::Experience,
    view::RunView,
};

/// The shortest time between two redraws.
const PAUSE: SignedDuration = SignedDuration::from_millis(150);
/// The most hosts that get a line.
const HOSTS: usize = 8;

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
    /// Whether it breaks its lines again when its width changes.
    pub reflows: bool,
}

/// Draws the panel and keeps it drawn.
pub struct Bars {
    bar: ProgressBar,
    size: Arc<dyn Fn() -> Size + Send + Sync>,
    paint: Paint,
    zone: TimeZone,
    program: String,
    past: Experience,
    forks: usize,
    chatter: HashMap<HostName, String>,
    pending: String,
    last_note: String,
    /// When the window closes for the next host, if none is in flight.
    closes: Option<Timestamp>,
    drawn_at: Timestamp,
    asked: bool,
    screen: ScreenLock,
}

impl Bars {
    /// Draws to `out`, a terminal; its size is read for each redraw.
    pub fn new(
        out: Box<dyn Write + Send>,
        size: impl Fn() -> Size + Send + Sync + 'static,
        paint: Paint,
        zone: TimeZone,
    ) -> Self {
        let size: Arc<dyn Fn() -> Size + Send + Sync> = Arc::new(size);
        let screen = Screen::new(out, Arc::clone(&size));
        // indicatif's own limit is far above ours, so that it drops none of our redraws.
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen), 100);
        let bar = ProgressBar::with_draw_target(Some(0), target);
        bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self {
            bar,
            size,
            paint,
            zone,
            program: "patchwave".to_owned(),
            past: Experience::default(),
            forks: usize::MAX,
            chatter: HashMap::new(),
            pending: String::new(),
            last_note: String::new(),
            closes: None,
            drawn_at: Timestamp::MIN,
            asked: false,
            screen: ScreenLock::default(),
        }
    }

    /// The program's name in commands, with its state folder.
    #[must_use]
    pub fn called(self, program: &str) -> Self {
        Self { program: program.to_owned(), ..self }
    }

    /// What earlier runs say about the time that it takes, and the most hosts at once.
    #[must_use]
    pub fn expecting(self, past: Experience, forks: usize) -> Self {
        Self { past, forks, ..self }
    }

    /// Leaves the screen to questions that are asked through `screen`.
    #[must_use]
    pub fn sharing(mut self, screen: &ScreenLock) -> Self {
        screen.of(&self.bar);
        self.screen = screen.clone();
        self
    }

    fn draw(&mut self, state: &RunState, now: Timestamp) {
        let screen = self.screen.clone();
        // Nothing is drawn during a question; lines that must be printed wait.
        let Some(_right) = screen.try_draw() else { return };
        self.drawn_at = now;
        self.print_pending();
        let lines = self.panel(state, now, (self.size)());
        self.bar.set_message(lines.join("\n"));
    }

    fn panel(&self, state: &RunState, now: Timestamp, size: Size) -> Vec<String> {
        let view = RunView { state, running: true, now };
        let panel = Panel {
            view,
            pace: view.pace(&self.past, self.forks),
            chatter: &self.chatter,
            zone: &self.zone,
            paint: self.paint,
            // The last columns stay free, so that the `^C` that the terminal prints does not break the line.
            width: usize::from(size.columns.max(20)) - 3,
            rows: usize::from(size.rows).saturating_sub(4).clamp(1, HOSTS + 4),
            hosts: HOSTS,
            keys: true,
        };
        panel.lines()
    }

    fn print_pending(&mut self) {
        if !self.pending.is_empty() {
            // The last column stays free, and long lines are broken here and not by the terminal: later redraws must
            // know how many lines there are.
            let width = usize::from((self.size)().columns.max(20)) - 1;
            let lines: Vec<String> = self.pending.lines().map(|line| text::wrap(line, width)).collect();
            self.bar.println(lines.join("\n"));
            self.pending.clear();
        }
    }
}

impl Reporter for Bars {
    fn event(&mut self, state: &RunState, event: &Event) {
        for sentence in sentence::sentences(state, event, self.paint, &self.program).into_iter().filter(|s| s.loud) {
            self.pending.push_str(&stamped(event.at, &self.zone, self.paint, &sentence.text));
        }
        self.asked = false;
        let view = RunView { state, running: true, now: event.at };
        self.closes = (state.tally.in_flight == 0).then(|| view.window_closes(0, 0)).flatten();
        match &event.kind {
            Kind::StepStarted { host, .. } | Kind::HostFinished { host, .. } => {
                self.chatter.remove(host);
            }
            _ => {}
        }
        self.tick(state, event.at);
    }

    fn progress(&mut self, progress: &Progress) {
        self.chatter.insert(progress.host.clone(), text::first_line(&progress.text, 200));
    }

    fn note(&mut self, at: Timestamp, note: &str) {
        if self.last_note != note {
            note.clone_into(&mut self.last_note);
            let line = format!("{:<11}  {}", "--", text::clean(note, 400));
            self.pending.push_str(&stamped(at, &self.zone, self.paint, &line));
        }
    }

    fn ask(&mut self, at: Timestamp, question: &str) {
        // While a person may be typing there are no bars that could say it.
        let window = self.closes.map(|closes| format!("; window {}", panel::until(closes, at, &self.zone)));
        self.note(at, &format!("{question}{}", window.unwrap_or_default()));
        let screen = self.screen.clone();
        let Some(_right) = screen.try_draw() else { return };
        self.print_pending();
        self.bar.set_message("");
        self.asked = true;
    }

    fn tick(&mut self, state: &RunState, now: Timestamp) {
        // A person may be typing.
        if self.asked {
            return;
        }
        // The screen must not freeze if the clock was set back.
        let since = now.duration_since(self.drawn_at);
        if since >= PAUSE || since.is_negative() {
            self.draw(state, now);
        }
    }

    fn finish(&mut self, _: &RunState) {
        let screen = self.screen.clone();
        // An open question is dropped: the program ends, and its summary says the rest.
        let Some(_right) = screen.try_draw() else { return };
        self.print_pending();
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
#[path = "bars_tests.rs"]
mod tests;
