//! A run as it stands: who drives it, waves, hosts in flight with their step, what it waits for.

use std::collections::HashMap;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{Paint, panel::Panel, sentence, text};
use crate::{
    event::{HostState, RunId, RunState},
    host::HostName,
    plan::Experience,
    view::{Counts, Phase, RunView, Waits},
};

/// Hosts in flight that are listed.
const LISTED: usize = 20;

/// What a status is made of besides the run.
#[derive(Clone, Debug)]
pub struct Status {
    /// Characters in a line.
    pub width: u16,
    /// Colour.
    pub paint: Paint,
    /// The zone of times.
    pub zone: TimeZone,
    /// The present moment.
    pub now: Timestamp,
    /// Who drives it now.
    pub driver: Option<String>,
    /// What it waits for, if not for hosts.
    pub waits: Option<Waits>,
    /// The program with its state folder, for commands to type.
    pub program: String,
    /// What earlier runs say about the time that it takes.
    pub past: Experience,
    /// The most hosts at once.
    pub forks: usize,
    /// What hosts say just now.
    pub chatter: HashMap<HostName, String>,
}

impl Status {
    /// The page, with a line end behind each line; no line but a command to type is longer than the width.
    pub fn render(&self, state: &RunState) -> String {
        let (started, view) = (&state.started, self.view(state));
        let check = started.unreal().map(|word| format!(" ({word})")).unwrap_or_default();
        let mut lines = vec![
            self.paint.strong(&self.fit(&format!("run {}  {}{check}", started.run, started.plan.playbook))),
            self.driver_line(&view),
            self.fit(&format!(
                "began {} ago, last record {} ago: {}",
                text::duration(view.since(state.started_at)),
                text::duration(view.since(state.last_at)),
                view.counts().sentence()
            )),
        ];
        lines.extend(view.windows_ignored().map(|line| self.paint.warn(&self.fit(&line))));
        // While the run goes on, the bars say until when it waits.
        if let Some(waits) = self.waits.as_ref().filter(|waits| !view.running || waits.at.is_none() || waits.approve) {
            lines.push(self.paint.warn(&self.fit(&format!("waits: {}", self.reason(waits)))));
            lines.extend(self.command(waits, &state.started.run).map(|command| format!("       {command}")));
        }
        lines.push(String::new());
        for (stage, _) in state.stages.iter().enumerate() {
            lines.extend(waves(&view, stage).iter().map(|line| self.fit(line)));
        }
        let open = view.in_flight();
        if view.running {
            lines.push(String::new());
            lines.extend(self.panel(view).lines());
        } else if !open.is_empty() {
            lines.extend([String::new(), "no controller is running these".to_owned()]);
            lines.extend(open.iter().take(LISTED).map(|host| self.fit(&host_line(&view, host))));
            if open.len() > LISTED {
                lines.push(format!("  and {} more", open.len() - LISTED));
            }
        }
        lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// Why no host starts, in one line, with the command if there is one.
    pub fn waits_line(&self, state: &RunState) -> Option<String> {
        let waits = self.waits.as_ref()?;
        let command = self.command(waits, &state.started.run).map(|command| format!(": {command}"));
        Some(format!("waits: {}{}", self.reason(waits), command.unwrap_or_default()))
    }

    fn reason(&self, waits: &Waits) -> String {
        let until = waits.until.map(|at| at.to_zoned(self.zone.clone()).strftime(", until %T").to_string());
        format!("{}{}", waits.why, until.unwrap_or_default())
    }

    fn command(&self, waits: &Waits, run: &RunId) -> Option<String> {
        waits.approve.then(|| format!("{} approve {run}", self.program))
    }

    /// The same lines as on the screen of the run itself.
    fn panel<'a>(&'a self, view: RunView<'a>) -> Panel<'a> {
        Panel {
            view,
            pace: view.pace(&self.past, self.forks),
            chatter: &self.chatter,
            zone: &self.zone,
            paint: self.paint,
            width: usize::from(self.width),
            rows: usize::MAX,
            hosts: LISTED,
            keys: false,
        }
    }

    /// The same as one object.
    pub fn json(&self, state: &RunState) -> Value {
        let view = self.view(state);
        let stages = state.plan().stages.iter().enumerate().map(|(s, planned)| {
            json!({
                "name": planned.name,
                "waves": planned.waves.iter().enumerate().map(|(w, planned)| json!({
                    "canary": planned.canary, "hosts": view.wave_counts(s, w),
                })).collect::<Vec<_>>(),
            })
        });
        let open = view.in_flight().into_iter().map(|host| {
            let current = host.current.as_ref();
            json!({
                "host": host.name,
                "outcome": view.host_word(host),
                "since": host.started_at,
                "step": current.map(|current| text::step_name(state.plan(), current.step)),
                "step_since": current.map(|current| current.since),
                "attempt": current.map(|current| current.attempt),
            })
        });
        json!({
            "run": state.started.run,
            "playbook": state.started.plan.playbook,
            "check": state.started.check,
            "rehearsal": state.started.rehearsal,
            "state": view.phase().as_str(),
            "driver": self.driver,
            "ignores_windows": state.started.plan.ignores_windows,
            "started_at": state.started_at,
            "last_at": state.last_at,
            "waits": self.waits.as_ref().map(|waits| json!({
                "for": waits.what, "why": waits.why, "until": waits.until, "command": self.command(waits, &state.started.run),
            })),
            "time_left": view.running.then(|| view.pace(&self.past, self.forks).left()).flatten().map(|left| json!({
                "seconds": left.about.as_secs(), "or_more": left.or_more, "approvals": left.approvals,
            })),
            "hosts": view.counts(),
            "stages": stages.collect::<Vec<_>>(),
            "in_flight": open.collect::<Vec<_>>(),
            "exit_code": view.exit_code(),
        })
    }

    fn view<'a>(&self, state: &'a RunState) -> RunView<'a> {
        RunView { state, running: self.driver.is_some(), now: self.now }
    }

    fn driver_line(&self, view: &RunView<'_>) -> String {
        let run = &view.state.started.run;
        match (&self.driver, view.phase()) {
            (Some(driver), _) => self.fit(&format!("driven by {driver}")),
            (None, Phase::Done) => "done".to_owned(),
            (None, Phase::Checked) if !view.state.stopped_early() => "checked, nothing was changed".to_owned(),
            (None, _) => {
                // A spent budget or a failed gate is not resumed away: `show` says what goes on from there.
                let verb = if view.resume_does().is_some() { "resume" } else { "show" };
                format!("{}, no controller is running it: {} {verb} {run}", view.phase_words(), self.program)
            }
        }
    }

    fn fit(&self, line: &str) -> String {
        text::clean(line, usize::from(self.width))
    }
}

fn host_line(view: &RunView<'_>, host: &HostState) -> String {
    let name = text::clean(host.name.as_str(), 40);
    let (_, _, why) = view.why(host);
    format!("  {:<11}  {name:<24}  {why}", text::outcome(host.outcome()))
}

/// A line per wave; waves that are wholly done, or wholly ahead, share one. Waves in flight have a bar instead while a
/// controller is running them.
fn waves(view: &RunView<'_>, stage: usize) -> Vec<String> {
    let state = view.state;
    let waves = &state.stages[stage].waves;
    let kind = |i: usize| match &waves[i].tally {
        tally if tally.ok == tally.total => 1,
        tally if tally.waiting() == tally.total => 2,
        _ => 0,
    };
    let mut lines = Vec::new();
    let mut first = 0;
    while first < waves.len() {
        let mut last = first;
        while kind(first) != 0 && last + 1 < waves.len() && kind(last + 1) == kind(first) {
            last += 1;
        }
        if view.running && waves[first].tally.in_flight > 0 {
            first = last + 1;
            continue;
        }
        let name = if first == last {
            sentence::wave_name(state, stage, first)
        } else {
            format!("{}, waves {} to {} of {}", state.plan().stages[stage].name, first + 1, last + 1, waves.len())
        };
        let mut sum = Counts::default();
        (first..=last).for_each(|wave| sum += view.wave_counts(stage, wave));
        lines.push(format!("  {:<44}  {}", name, sum.sentence()));
        first = last + 1;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, sample::*};

    fn status(now: Timestamp) -> Status {
        Status {
            width: 100,
            paint: Paint::plain(),
            zone: TimeZone::UTC,
            now,
            driver: None,
            waits: None,
            program: "patchwave".to_owned(),
            past: Experience::default(),
            forks: 10,
            chatter: HashMap::new(),
        }
    }

    #[test]
    fn a_live_run_on_one_page() {
        let mut sample = Sample::of(plan(&[("edge", &["a", "b c", "d e"]), ("core", &["f", "g"])]));
        sample.good("a").start("b").begin("b", main_step(0)).wait(61).start("c");
        sample.begin("c", main_step(0)).wait(2).end("c", main_step(0), result(crate::event::Verdict::Ok, ""));
        let waits =
            Waits { what: "approval", why: "approval of stage edge".to_owned(), until: None, approve: true, at: None };
        let status =
            Status { driver: Some("ann@jump, process 7".to_owned()), waits: Some(waits), ..status(sample.now()) };
        let page = status.render(&sample.state);
        for expected in [
            "run 20261122-020000-kxfa  Rolling patch wave\n",
            "driven by ann@jump, process 7\n",
            "1 ok, 2 in flight, 4 not started\n",
            "waits: approval of stage edge\n       patchwave approve 20261122-020000-kxfa\n",
            "  edge, wave 1 of 3 (canary)                    1 ok\n",
            "  edge, wave 3 of 3                             2 not started\n",
            "  core, waves 1 to 2 of 2                       2 not started\n",
            "edge, wave 2 of 3        ━━━━━━━━─",
            "  0/2  2 in flight   1m03s\n",
            "\nall: more than 20s left  ━",
            "  1/7  2 in flight   1m06s\n",
            "\n  b  Ready to be patched                                                                       1m03s\n",
            "\n  c  between two steps                                                                            2s\n",
        ] {
            assert!(page.contains(expected), "no {expected:?} in:\n{page}");
        }
        let narrow = Status { width: 40, ..status.clone() }.render(&sample.state);
        let long = narrow.lines().filter(|line| line.chars().count() > 40).collect::<Vec<_>>();
        assert_eq!(long, ["       patchwave approve 20261122-020000-kxfa"], "a command is never cut");
        let json = status.json(&sample.state);
        assert_eq!(json["state"], "running");
        assert_eq!(json["in_flight"][0]["host"], "b");
        assert_eq!(json["in_flight"][0]["step"], "Ready to be patched");
        assert_eq!(json["waits"]["for"], "approval");
        assert_eq!(json["stages"][0]["waves"][1]["hosts"]["in_flight"], 2);
    }

    /// Killed while a host was in a step, between two steps, or after a host that halts the run; ended in order.
    #[test]
    fn a_run_that_nobody_drives_says_how_to_go_on() {
        let fresh = || Sample::of(plan(&[("edge", &["a", "b"])]));
        let page = |sample: &Sample| status(sample.now()).render(&sample.state);
        let mut sample = fresh();
        sample.start("a").begin("a", main_step(0));
        let text = page(&sample);
        assert!(
            text.contains("interrupted, no controller is running it: patchwave resume 20261122-020000-kxfa\n"),
            "{text}"
        );
        assert!(text.contains("1 unknown, 1 not started\n"), "{text}");
        sample.end("a", main_step(0), result(crate::event::Verdict::Ok, ""));
        let text = page(&sample);
        assert!(
            text.contains("paused, no controller is running it: patchwave resume 20261122-020000-kxfa\n"),
            "{text}"
        );
        assert!(text.contains("1 paused, 1 not started\n"), "{text}");
        let place =
            "paused       a                         after \"Ready to be patched\", before \"Security updates\"\n";
        assert!(text.contains(place), "{text}");
        for gone in ["in flight", "unknown", "open", "interrupted"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        let json = status(sample.now()).json(&sample.state);
        assert_eq!((&json["exit_code"], &json["in_flight"][0]["outcome"]), (&json!(4), &json!("paused")));
        let driven = Status { driver: Some("ann@jump".to_owned()), ..status(sample.now()) };
        assert_eq!(driven.json(&sample.state)["exit_code"], Value::Null);
        let mut sample = fresh();
        sample.bad("a", "lock", "held");
        let text = page(&sample);
        assert!(
            text.contains("interrupted, no controller is running it: patchwave show 20261122-020000-kxfa\n"),
            "{text}"
        );
        let mut sample = fresh();
        sample.good("a").tell(Kind::RunFinished);
        let text = page(&sample);
        assert!(
            text.contains("stopped, no controller is running it: patchwave resume 20261122-020000-kxfa\n"),
            "{text}"
        );
    }
}
