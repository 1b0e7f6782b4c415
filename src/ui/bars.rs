//! The live screen: a bar for the run and for each wave in flight, and a line for each slow or failing host.
//!
//! One indicatif bar has the whole panel as its message, so a redraw is one write, whatever has changed. Lines that
//! must stay are printed above it. [`panel`] is pure: state, time and size in, lines out.

use std::{collections::HashMap, io::Write, sync::Arc, time::Duration};

use console::{measure_text_width, truncate_str};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Paint, Reporter, ScreenLock, lines::stamped, screen::Screen, sentence, text};
use crate::{
    event::{Event, HostAt, HostState, Kind, Progress, RunState, Tally},
    host::HostName,
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
}

/// Draws the panel and keeps it drawn.
pub struct Bars {
    bar: ProgressBar,
    size: Arc<dyn Fn() -> Size + Send + Sync>,
    paint: Paint,
    zone: TimeZone,
    program: String,
    chatter: HashMap<HostName, String>,
    pending: String,
    last_note: String,
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
            chatter: HashMap::new(),
            pending: String::new(),
            last_note: String::new(),
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
        let lines = panel(state, now, (self.size)(), &self.chatter, self.paint);
        self.bar.set_message(lines.join("\n"));
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
        self.note(at, question);
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

/// The part of the screen below the lines that stay.
fn panel(
    state: &RunState,
    now: Timestamp,
    size: Size,
    chatter: &HashMap<HostName, String>,
    paint: Paint,
) -> Vec<String> {
    // The last columns stay free, so that the `^C` that the terminal prints does not break the line.
    let width = usize::from(size.columns.max(20)) - 3;
    let shape = Shape { width, digits: state.tally.total.to_string().len() };
    let room = usize::from(size.rows).saturating_sub(4).clamp(1, HOSTS + 3);
    let mut lines = Vec::new();
    let mut walking: Vec<&HostState> = Vec::new();
    for (s, stage) in state.stages.iter().enumerate().filter(|(_, stage)| stage.tally.in_flight > 0) {
        for (w, wave) in stage.waves.iter().enumerate().filter(|(_, wave)| wave.tally.in_flight > 0) {
            let hosts = state.wave_hosts(s, w);
            walking.extend(hosts.iter().filter(|host| host.at == HostAt::InFlight));
            if lines.len() < 3 {
                let since = hosts.iter().filter_map(|host| host.started_at).min();
                let name = sentence::wave_name(state, s, w);
                lines.push(bar_line(&name, &wave.tally, elapsed(since, now), shape, paint));
            }
        }
    }
    lines.push(bar_line("all", &state.tally, elapsed(Some(state.started_at), now), shape, paint));
    let since = |host: &HostState| host.current.as_ref().map(|current| current.since).or(host.started_at);
    let shown = room.saturating_sub(lines.len()).min(HOSTS);
    let key = |host: &&HostState| (host.broke_at().is_none(), since(host));
    if shown > 0 && walking.len() > shown {
        // The slowest of ten thousand, without sorting them all.
        walking.select_nth_unstable_by_key(shown, key);
    }
    let hidden = walking.len().saturating_sub(shown);
    walking.truncate(shown);
    walking.sort_by_key(key);
    let name_width = walking.iter().map(|host| host.name.as_str().len()).max().unwrap_or(0).min(width / 3);
    lines.extend(walking.iter().map(|host| {
        let doing = doing(state, host, chatter);
        let took = since(host).map_or_else(String::new, |since| elapsed(Some(since), now));
        let name = pad(&truncate_str(host.name.as_str(), name_width, "…"), name_width);
        let name = if host.broke_at().is_some() { paint.bad(&name) } else { name };
        let doing_width = width.saturating_sub(name_width + 12);
        format!("  {name}  {}  {took:>6}", pad(&truncate_str(&doing, doing_width, "…"), doing_width))
    }));
    if hidden > 0 {
        lines.push(paint.faint(&format!("  and {hidden} more in flight")));
    }
    lines.iter().map(|line| truncate_str(line, width, "…").into_owned()).collect()
}

fn doing(state: &RunState, host: &HostState, chatter: &HashMap<HostName, String>) -> String {
    let mut doing = match host.broke_at() {
        Some((step, _)) => format!("broke at {:?}; ", text::step_name(state.plan(), step)),
        None => String::new(),
    };
    let Some(current) = &host.current else { return doing + "between two steps" };
    doing.push_str(&text::step_name(state.plan(), current.step));
    if current.attempt > 1 {
        doing.push_str(&format!(", attempt {}", current.attempt));
    }
    if let Some(said) = chatter.get(&host.name).filter(|said| !said.is_empty()) {
        doing.push_str(": ");
        doing.push_str(said);
    }
    doing
}

fn elapsed(since: Option<Timestamp>, now: Timestamp) -> String {
    let took = since.map(|since| now.duration_since(since)).unwrap_or_default();
    text::duration(Duration::from_secs(Duration::try_from(took).unwrap_or_default().as_secs())).replace(".0s", "s")
}

/// The widths that all bars share, so that they line up.
#[derive(Clone, Copy)]
struct Shape {
    width: usize,
    /// Digits of the largest number of hosts.
    digits: usize,
}

/// `production, wave 2 of 5  ━━━━━━━━────────  12/25  11 ok, 1 failed, 8 in flight, 5 waiting  3m12s`
fn bar_line(name: &str, tally: &Tally, took: String, shape: Shape, paint: Paint) -> String {
    let Shape { width, digits: w } = shape;
    let broken = tally.broken();
    let mut right = format!("{:>w$}/{:<w$}", tally.done(), tally.total);
    let mut parts = vec![(tally.in_flight, "in flight")];
    if width >= 110 {
        parts.insert(0, (tally.ok, "ok"));
        parts.push((tally.waiting(), "waiting"));
    }
    for (n, word) in parts {
        right.push_str(&format!("  {n:>w$} {word}"));
    }
    right.push_str(&format!("  {took:>6}"));
    let trouble = if broken > 0 { format!("  {broken} broken") } else { String::new() };
    let left = width.saturating_sub(right.len() + trouble.len() + 4);
    let name_width = (left / 2).clamp(6, 40);
    let bar_width = left.saturating_sub(name_width).clamp(4, 60);
    let filled = (tally.done() * bar_width).checked_div(tally.total).unwrap_or(0);
    let full = "━".repeat(filled);
    let full = if broken > 0 { paint.warn(&full) } else { paint.good(&full) };
    let rest = paint.faint(&"─".repeat(bar_width - filled));
    let name = pad(&truncate_str(name, name_width, "…"), name_width);
    format!("{name}  {full}{rest}  {right}{}", paint.bad(&trouble))
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(measure_text_width(text))))
}

#[cfg(test)]
#[path = "bars_tests.rs"]
mod tests;
