//! The lines that show how far a run is: a bar for each wave in flight and for the whole run, what it waits for, and a
//! line for each slow or failing host. `run` draws them below its lasting lines, and `status` puts them on its page.
//! Pure: state, time and width in, lines out. Start at [`Panel::lines`].

use std::{collections::HashMap, time::Duration};

use console::{measure_text_width, truncate_str};
use jiff::{Timestamp, tz::TimeZone};

use super::{Paint, sentence, text};
use crate::{
    event::{HostAt, HostState, RunState, Stop, Tally},
    host::HostName,
    view::{Pace, RunView, TimeLeft, Waits},
};

/// The most waves in flight that get a bar.
const WAVES: usize = 3;
/// A bar is not made shorter than this for the sake of a long name.
const SHORTEST: usize = 12;

/// What the lines are made of.
pub(super) struct Panel<'a> {
    /// The run.
    pub view: RunView<'a>,
    /// How far it is.
    pub pace: Pace<'a>,
    /// What hosts say just now.
    pub chatter: &'a HashMap<HostName, String>,
    /// The zone of times.
    pub zone: &'a TimeZone,
    /// Colour.
    pub paint: Paint,
    /// The most characters in a line.
    pub width: usize,
    /// The most lines; there are always two.
    pub rows: usize,
    /// The most hosts that get a line.
    pub hosts: usize,
    /// Whether Ctrl-C reaches the controller of this run.
    pub keys: bool,
}

/// A bar with its texts.
struct Bar {
    stage: String,
    /// What follows the stage in the name, and is not cut.
    wave: String,
    tally: Tally,
    /// From 0 to 1.
    done: f64,
    took: String,
    /// In place of the counts.
    instead: Option<String>,
    /// Behind the time, if there is room; else on a line of its own.
    also: Option<String>,
}

impl Panel<'_> {
    /// All lines, none longer than the width.
    pub(super) fn lines(&self) -> Vec<String> {
        let state = self.view.state;
        // A run that stops or halts says so even while hosts are in flight.
        let waits = self.view.waits().filter(|_| state.tally.in_flight == 0 || state.stop.is_none());
        let mut bars = Vec::new();
        let mut walking: Vec<&HostState> = Vec::new();
        for (s, w) in waves(state).filter(|(s, w)| state.stages[*s].waves[*w].tally.in_flight > 0) {
            walking.extend(state.wave_hosts(s, w).iter().filter(|host| host.at == HostAt::InFlight));
            if bars.len() < WAVES {
                bars.push(self.wave_bar(s, w, None));
            }
        }
        if let Some(waits) = &waits
            && let Some((s, w)) = waits.at
        {
            bars.push(self.wave_bar(s, w, Some(waits)));
        }
        bars.push(self.run_bar());
        let mut lines = self.drawn(&bars);
        lines.extend(self.stopping(waits.as_ref()).map(|line| self.paint.warn(&line)));
        let room = self.rows.saturating_sub(lines.len()).min(self.hosts + 1);
        lines.extend(self.host_lines(walking, room));
        lines.iter().map(|line| truncate_str(line, self.width, "…").into_owned()).collect()
    }

    fn wave_bar(&self, s: usize, w: usize, waits: Option<&Waits>) -> Bar {
        let state = self.view.state;
        let tally = state.stages[s].waves[w].tally;
        let hosts = state.wave_hosts(s, w);
        let (since, until) = (hosts.iter().filter_map(|host| host.started_at).min(), waits.and_then(|w| w.until));
        let (stage, wave) = sentence::wave_words(state, s, w);
        let closes = self.view.window_closes(s, w).map(|at| format!("window {}", self.until(at)));
        let instead = waits.map(|waits| match (waits.what, until) {
            ("approval", _) => "waits for approval".to_owned(),
            ("gate", _) => "its gate runs".to_owned(),
            (what, Some(at)) => format!("{what} {}", self.until(at)),
            (what, None) => what.to_owned(),
        });
        let took = self.elapsed(since);
        Bar { stage, wave, tally, done: self.pace.of_wave(s, w), took, instead, also: closes }
    }

    fn run_bar(&self) -> Bar {
        let state = self.view.state;
        let took = self.elapsed(Some(state.started_at));
        let wave = format!(": {}", left_words(self.pace.left()));
        let (tally, done) = (state.tally, self.pace.of_run());
        Bar { stage: "all".to_owned(), wave, tally, done, took, instead: None, also: None }
    }

    fn until(&self, at: Timestamp) -> String {
        until(at, self.view.now, self.zone)
    }

    fn elapsed(&self, since: Option<Timestamp>) -> String {
        whole(since.map(|since| self.view.since(since)).unwrap_or_default())
    }

    /// The bars, one below the other.
    fn drawn(&self, bars: &[Bar]) -> Vec<String> {
        let digits = self.view.state.tally.total.to_string().len();
        let right: Vec<String> = bars.iter().map(|bar| self.counts(bar, digits)).collect();
        let of_counts = bars.iter().zip(&right).filter(|(bar, _)| bar.instead.is_none());
        let widest = of_counts.map(|(_, right)| measure_text_width(right)).max().unwrap_or(0);
        // A text in place of the counts may be longer than they are, but a bar stays a bar.
        let longest = right.iter().map(|right| measure_text_width(right)).max().unwrap_or(0);
        let left = self.width.saturating_sub(longest.max(widest) + 4);
        let name = bars.iter().map(Bar::name_width).max().unwrap_or(0);
        let name = name.min(left.saturating_sub(SHORTEST)).max(6);
        let bar_width = left.saturating_sub(name).clamp(4, 60);
        let mut lines = Vec::new();
        for (bar, right) in bars.iter().zip(right) {
            let mut line = format!("{}  {}  {right}", pad(&bar.name(name), name), self.bar(bar, bar_width));
            if let Some(also) = &bar.also {
                let fits = measure_text_width(&line) + also.len() + 2 <= self.width;
                line.push_str(&if fits { format!("  {also}") } else { format!("\n  {also}") });
            }
            lines.extend(line.lines().map(str::to_owned));
        }
        lines
    }

    fn bar(&self, bar: &Bar, width: usize) -> String {
        // A full bar is one whose hosts are all done.
        let most = if bar.tally.done() == bar.tally.total { width } else { width - 1 };
        let filled = ((bar.done * width as f64) as usize).min(most);
        let full = "━".repeat(filled);
        let full = if bar.tally.broken() > 0 { self.paint.warn(&full) } else { self.paint.good(&full) };
        format!("{full}{}", self.paint.faint(&"─".repeat(width - filled)))
    }

    /// `12/25  11 ok  8 in flight  5 waiting  3m12s  1 broken`, or what is shown instead.
    fn counts(&self, bar: &Bar, w: usize) -> String {
        let tally = &bar.tally;
        let mut right = format!("{:>w$}/{:<w$}", tally.done(), tally.total);
        let broken = tally.broken();
        let trouble = if broken > 0 { format!("  {broken} broken") } else { String::new() };
        let trouble = self.paint.bad(&trouble);
        if let Some(instead) = &bar.instead {
            return format!("{right}  {}{trouble}", self.paint.warn(instead));
        }
        let mut parts = vec![(tally.in_flight, "in flight")];
        if self.width >= 110 {
            parts.insert(0, (tally.ok, "ok"));
            parts.push((tally.waiting(), "waiting"));
        }
        for (n, word) in parts {
            right.push_str(&format!("  {n:>w$} {word}"));
        }
        format!("{right}  {:>6}{trouble}", bar.took)
    }

    /// What a run that is about to stop still does, and what another Ctrl-C does.
    fn stopping(&self, waits: Option<&Waits>) -> Option<String> {
        let state = self.view.state;
        let hosts = text::count(state.tally.in_flight, "host");
        let one = state.tally.in_flight == 1;
        let (line, again) = match state.stop {
            _ if state.tally.in_flight == 0 => return None,
            Some(Stop::Drain) if one => {
                (format!("draining: {hosts} finishes"), "; Ctrl-C again: stop before its next step")
            }
            Some(Stop::Drain) => (format!("draining: {hosts} finish"), "; Ctrl-C again: stop before their next step"),
            Some(Stop::StepBorder) if one => {
                (format!("stopping: {hosts} stops before its next step"), "; Ctrl-C again: leave now")
            }
            Some(Stop::StepBorder) => {
                (format!("stopping: {hosts} stop before their next step"), "; Ctrl-C again: leave now")
            }
            Some(Stop::Detach) => return None,
            None => (waits.filter(|waits| waits.what == "halted")?.why.clone(), ""),
        };
        Some(line + if self.keys { again } else { "" })
    }

    fn host_lines(&self, mut walking: Vec<&HostState>, room: usize) -> Vec<String> {
        let since = |host: &HostState| host.current.as_ref().map(|current| current.since).or(host.started_at);
        let key = |host: &&HostState| (host.broke_at().is_none(), since(host));
        // One line is for those that are not listed.
        let shown = if walking.len() > room { room.saturating_sub(1) } else { room }.min(self.hosts);
        if shown > 0 && walking.len() > shown {
            // The slowest of ten thousand, without sorting them all.
            walking.select_nth_unstable_by_key(shown, key);
        }
        let hidden = walking.len().saturating_sub(shown);
        walking.truncate(shown);
        walking.sort_by_key(key);
        let longest = walking.iter().map(|host| host.name.as_str().len()).max().unwrap_or(0);
        let name_width = longest.min(self.width / 3);
        let doing_width = self.width.saturating_sub(name_width + 12);
        let mut lines: Vec<String> = walking
            .iter()
            .map(|host| {
                let doing = truncate_str(&self.doing(host), doing_width, "…").into_owned();
                let took = since(host).map_or_else(String::new, |since| self.elapsed(Some(since)));
                let name = pad(&truncate_str(host.name.as_str(), name_width, "…"), name_width);
                let name = if host.broke_at().is_some() { self.paint.bad(&name) } else { name };
                format!("  {name}  {}  {took:>6}", pad(&doing, doing_width))
            })
            .collect();
        if hidden > 0 && room > 0 {
            lines.push(self.paint.faint(&format!("  and {hidden} more in flight")));
        }
        lines
    }

    fn doing(&self, host: &HostState) -> String {
        let plan = self.view.state.plan();
        let mut doing = match host.broke_at() {
            Some((step, _)) => format!("broke at {:?}; ", text::step_name(plan, step)),
            None => String::new(),
        };
        let Some(step) = self.view.step_of(host) else { return doing + "between two steps" };
        doing.push_str(&step);
        if let Some(said) = self.chatter.get(&host.name).filter(|said| !said.is_empty()) {
            doing.push_str(": ");
            doing.push_str(said);
        }
        doing
    }
}

impl Bar {
    fn name_width(&self) -> usize {
        measure_text_width(&self.stage) + measure_text_width(&self.wave)
    }

    /// The name; if it is too long, the stage is cut and not the wave.
    fn name(&self, width: usize) -> String {
        let room = width.saturating_sub(measure_text_width(&self.wave));
        let name = format!("{}{}", truncate_str(&self.stage, room.max(4), "…"), self.wave);
        truncate_str(&name, width, "…").into_owned()
    }
}

/// All waves, in the plan's order.
fn waves(state: &RunState) -> impl Iterator<Item = (usize, usize)> {
    state.stages.iter().enumerate().flat_map(|(s, stage)| (0..stage.waves.len()).map(move |w| (s, w)))
}

/// `about 4m left`, `about 12m left and 1 approval`, `time left unknown`.
pub(super) fn left_words(left: Option<TimeLeft>) -> String {
    let Some(TimeLeft { about, or_more, approvals }) = left else { return "time left unknown".to_owned() };
    let approvals = match approvals {
        0 => String::new(),
        n => format!(" and {}", text::count(n, "approval")),
    };
    match (about.is_zero(), or_more) {
        (true, true) => format!("longer than expected{approvals}"),
        (true, false) => format!("almost done{approvals}"),
        (false, true) => format!("more than {} left{approvals}", coarse(about)),
        (false, false) => format!("about {} left{approvals}", coarse(about)),
    }
}

/// `until 11:45:21, 26s left`.
pub(super) fn until(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    format!("until {}, {} left", at.to_zoned(zone.clone()).strftime("%T"), whole(left))
}

/// Rounded up to a unit that fits its length, so that it does not jump with each step.
fn coarse(length: Duration) -> String {
    let seconds = length.as_secs() + u64::from(length.subsec_nanos() > 0);
    let unit = match seconds {
        0..=50 => 10,
        51..=1200 => 60,
        1201..=7200 => 300,
        _ => 1800,
    };
    text::rest(Duration::from_secs(seconds.div_ceil(unit) * unit))
}

/// In whole seconds: `9s`, `4m02s`.
fn whole(length: Duration) -> String {
    text::duration(Duration::from_secs(length.as_secs())).replace(".0s", "s")
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(measure_text_width(text))))
}

#[cfg(test)]
#[path = "panel_tests.rs"]
pub(super) mod tests;
