//! The words for one event, shared by the plain lines and the bars.

use super::{Paint, text};
use crate::{
    event::{
        Event, HostAt, HostState, Kind, Outcome, RunResumed, RunStarted, RunState, StepPhase, StepRef, StepResult,
        Stop, TakenLease, Verdict,
    },
    hint::Hint,
    host::HostName,
    plan::Moment,
    view::{Changes, Counts, RunView, WINDOWS_IGNORED},
};

/// One message about an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    /// One line, or several for a failure; coloured, without the time.
    pub text: String,
    /// Whether it gets a line above the bars. (An ok host does not: the bar counts it.)
    pub loud: bool,
}

const WORD: usize = 11;

/// A line whose first column is a word for what it is about.
fn line(word: &str, painted: impl Fn(&str) -> String, rest: &str) -> String {
    format!("{}  {rest}", painted(&format!("{word:<WORD$}")))
}

/// Everything to say about `event`, which `state` includes already. `program` is the program's name in commands.
pub(super) fn sentences(state: &RunState, event: &Event, paint: Paint, program: &str) -> Vec<Sentence> {
    match &event.kind {
        Kind::RunStarted(started) => vec![loud("run", run_starts(state, started), paint)],
        Kind::RunResumed(resumed) => vec![loud("resumed", run_goes_on(state, resumed), paint)],
        Kind::RecordCut { why } => {
            vec![loud("cut", format!("the record ends here: {}", text::first_line(why, 200)), paint)]
        }
        Kind::HostStarted { host } => state.host(host).map(|host| wave_begins(state, host, paint)).unwrap_or_default(),
        Kind::StepStarted { host, step, attempt } if *attempt > 1 => {
            let rest = format!("{host}  {}: attempt {attempt}", text::step_name(state.plan(), *step));
            vec![Sentence { text: line("again", |w| w.to_owned(), &rest), loud: false }]
        }
        Kind::StepStarted { .. } => Vec::new(),
        Kind::StepNoted { host, key, value, .. } => {
            let lease = TakenLease::read(key, value);
            lease.map(|lease| of_lease(host, &lease.to_string(), paint)).into_iter().collect()
        }
        Kind::StepFinished { host, step, result } if result.is_unsent() => {
            not_sent(state, host, *step, result, paint).into_iter().collect()
        }
        Kind::StepFinished { result, .. } if matches!(result.verdict, Verdict::Ok | Verdict::Skipped) => Vec::new(),
        Kind::StepFinished { host, step, result } => vec![step_broke(state, host, *step, result, paint, program)],
        Kind::HostFinished { host, outcome, lost_lease } => {
            let Some(host) = state.host(host) else { return Vec::new() };
            let mut said: Vec<_> =
                lost_lease.iter().map(|lost| of_lease(&host.name, &lost.to_string(), paint)).collect();
            said.push(host_is_done(state, host, *outcome, paint));
            said.extend(wave_ends(state, host, paint));
            said
        }
        Kind::GateFinished { stage, wave, passed, summary } => {
            let verdict = if *passed { "passed" } else { "did not pass" };
            let rest = format!("{} {verdict}: {}", wave_name(state, *stage, *wave), text::first_line(summary, 400));
            let painted = |w: &str| if *passed { paint.good(w) } else { paint.bad(w) };
            vec![Sentence { text: line("gate", painted, &rest), loud: true }]
        }
        Kind::Approved { stage, moment, by } => {
            let name = state.plan().stages.get(*stage).map_or("", |stage| &stage.name);
            let does = if *moment == Moment::Before { "begins" } else { "goes on" };
            vec![loud("approved", format!("{name} {does}; by {}", text::clean(by, 100)), paint)]
        }
        Kind::StopRequested { how, by } => {
            let text = line("stop", |w| paint.warn(w), &stop_is_asked(state, *how, by));
            vec![Sentence { text, loud: true }]
        }
        Kind::RunFinished if state.started.check => vec![loud("over", RunView::of(state).forecast_counts(), paint)],
        Kind::RunFinished => vec![loud("over", Counts::from(&state.tally).sentence(), paint)],
    }
}

fn loud(word: &str, rest: String, paint: Paint) -> Sentence {
    Sentence { text: line(word, |w| paint.strong(w), &rest), loud: true }
}

/// A lease was taken from another run, or another run took it.
fn of_lease(host: &HostName, what: &str, paint: Paint) -> Sentence {
    loud("lease", format!("{host}  {}", text::first_line(what, 400)), paint)
}

fn run_starts(state: &RunState, started: &RunStarted) -> String {
    let plan = &started.plan;
    let check = match started.unreal() {
        Some(_) if started.check => ", check only: nothing is changed",
        Some(_) => ", REHEARSAL: simulated hosts",
        None => "",
    };
    let windows = if started.plan.ignores_windows { format!(", {WINDOWS_IGNORED}") } else { String::new() };
    format!(
        "{} of {:?}: {} in {}, plan {}{windows}{check}",
        started.run,
        text::clean(&plan.playbook, 60),
        text::count(state.tally.total, "host"),
        text::count(plan.stages.len(), "stage"),
        started.digest.get(..12).unwrap_or(&started.digest),
    )
}

fn run_goes_on(state: &RunState, resumed: &RunResumed) -> String {
    let RunResumed { operator, person, controller, left_out, accepted, .. } = resumed;
    let open = text::count(state.tally.in_flight, "host");
    let waiting = state.tally.waiting();
    let by = text::clean(&person.beside(&format!("{operator}@{controller}")), 100);
    let mut rest = format!("by {by}: {open} in flight, {waiting} not started");
    if !left_out.is_empty() {
        rest.push_str(&format!(", {} of them left out", left_out.len()));
    }
    if let Some(what) = accepted {
        rest.push_str(&format!("; accepted: {}", text::first_line(what, 200)));
    }
    rest
}

/// A chat that cannot be reached is reported once; the end of the run has the count.
fn not_sent(state: &RunState, host: &HostName, step: StepRef, result: &StepResult, paint: Paint) -> Option<Sentence> {
    let name = text::step_name(state.plan(), step);
    let rest = format!("{host}  {name}: {}", text::first_line(&result.summary, 400));
    let first = RunView::of(state).is_first_unsent(host, result);
    first.then(|| Sentence { text: line("warning", |w| paint.warn(w), &rest), loud: true })
}

fn step_broke(
    state: &RunState,
    host: &HostName,
    step: StepRef,
    result: &StepResult,
    paint: Paint,
    program: &str,
) -> Sentence {
    let word = match result.verdict {
        Verdict::Failed if state.started.check => "would fail",
        Verdict::Unreachable => "unreachable",
        Verdict::Unknown => "unknown",
        Verdict::Ok | Verdict::Skipped | Verdict::Failed => "failed",
    };
    let after = match step.phase {
        StepPhase::OnFailure => " (after the failure)",
        StepPhase::Always => " (at the end)",
        StepPhase::Main | StepPhase::Gate => "",
    };
    let name = text::step_name(state.plan(), step);
    let mut rest = format!("{host}  {name}{after}: {}", text::first_line(&result.summary, 400));
    // The page of a check has the rest, once for all hosts.
    if state.started.check {
        return Sentence { text: line(word, |w| paint.bad(w), &rest), loud: true };
    }
    for detail in result.detail.iter().take(8) {
        rest.push_str(&format!("\n{:WORD$}  | {}", "", text::clean(detail, 400)));
    }
    if let Some(help) = &result.help {
        rest.push_str(&format!("\n{:WORD$}  try: {}", "", text::clean(&Hint::read(help).render(program), 400)));
    }
    Sentence { text: line(word, |w| paint.bad(w), &rest), loud: true }
}

fn stop_is_asked(state: &RunState, how: Stop, by: &str) -> String {
    let what = match how {
        Stop::Drain => "no new host starts, hosts in flight finish",
        Stop::StepBorder => "no new host starts, hosts in flight stop at their next step",
        Stop::Detach => "the controller leaves now; jobs on the hosts go on",
    };
    let mut rest = format!("{what} ({} in flight); by {}", state.tally.in_flight, text::clean(by, 100));
    match how {
        _ if by != "Ctrl-C" => {}
        Stop::Drain if state.tally.in_flight > 0 => rest.push_str("; Ctrl-C again: stop before their next step"),
        Stop::StepBorder => rest.push_str("; Ctrl-C again: leave now, jobs on the hosts go on"),
        Stop::Drain | Stop::Detach => {}
    }
    rest
}

/// `production/critical, wave 2 of 5`, `edge, wave 1 of 3 (canary)`.
pub(super) fn wave_name(state: &RunState, stage: usize, wave: usize) -> String {
    let (stage, wave) = wave_words(state, stage, wave);
    stage + &wave
}

/// The same in two parts: the stage, and what follows it.
pub(super) fn wave_words(state: &RunState, stage: usize, wave: usize) -> (String, String) {
    let Some(planned) = state.plan().stages.get(stage) else { return (String::new(), String::new()) };
    let canary = if planned.waves.get(wave).is_some_and(|w| w.canary) { " (canary)" } else { "" };
    let wave = match planned.waves.len() {
        1 => canary.to_owned(),
        n => format!(", wave {} of {n}{canary}", wave + 1),
    };
    (planned.name.clone(), wave)
}

fn wave_begins(state: &RunState, host: &HostState, paint: Paint) -> Vec<Sentence> {
    let tally = &state.stages[host.stage].waves[host.wave].tally;
    // A check visits all hosts at once.
    if state.started.check || tally.in_flight + tally.done() != 1 {
        return Vec::new();
    }
    let rest = format!("{}: {}", wave_name(state, host.stage, host.wave), text::count(tally.total, "host"));
    vec![Sentence { text: line("wave", |w| paint.strong(w), &rest), loud: true }]
}

fn wave_ends(state: &RunState, host: &HostState, paint: Paint) -> Option<Sentence> {
    let tally = &state.stages[host.stage].waves[host.wave].tally;
    if state.started.check || tally.done() < tally.total {
        return None;
    }
    let rest = format!("{} is done: {}", wave_name(state, host.stage, host.wave), Counts::from(tally).sentence());
    Some(Sentence { text: line("wave", |w| paint.strong(w), &rest), loud: true })
}

fn host_is_done(state: &RunState, host: &HostState, outcome: Outcome, paint: Paint) -> Sentence {
    debug_assert!(matches!(host.at, HostAt::Done(_)));
    let painted = |w: &str| match outcome {
        Outcome::Ok => paint.good(w),
        Outcome::RolledBack | Outcome::Paused | Outcome::NotStarted => paint.warn(w),
        Outcome::Failed | Outcome::Unreachable | Outcome::Unknown => paint.bad(w),
    };
    let took = host.took(state.last_at).map(text::duration).unwrap_or_default();
    let mut parts = Vec::new();
    if let Some((step, _)) = host.broke_at().filter(|_| !state.started.check) {
        parts.push(format!("broke at {:?}", text::step_name(state.plan(), step)));
    }
    match state.started.check {
        true => parts.extend(RunView::of(state).forecast_words(host)),
        false => parts.extend(changes(host)),
    }
    let rest = match parts.is_empty() {
        true => format!("{}  ({took})", host.name),
        false => format!("{}  {} ({took})", host.name, parts.join(", ")),
    };
    let word = match outcome {
        Outcome::Failed if state.started.check => "would fail",
        outcome => text::outcome(outcome),
    };
    // The failure itself was shown when the step ended.
    Sentence { text: line(word, painted, &rest), loud: false }
}

/// What changed on a host: `3 packages`, `rebooted`, or `nothing changed`.
pub(super) fn changes(host: &HostState) -> Vec<String> {
    let changes = Changes::on([host]);
    let mut parts = Vec::new();
    if changes.packages > 0 {
        parts.push(text::count(changes.packages, "package"));
    }
    if changes.reboots > 0 {
        parts.push("rebooted".to_owned());
    }
    if parts.is_empty() {
        parts.push(if changes.other > 0 { "changed" } else { "nothing changed" }.to_owned());
    }
    parts
}
