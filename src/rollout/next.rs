//! The one rule that says what the dispatcher does next.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    check,
    halt::{Halt, halt},
};
use crate::{
    calendar::Closed,
    event::{HostAt, RunState},
    host::HostName,
    plan::{Moment, PlannedHost, Stage},
    policy::Mode,
};

/// What the dispatcher does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// Give these hosts their slots now.
    Start(Vec<HostName>),
    /// Start nothing, and ask again when a host in flight is done.
    WaitForHosts,
    /// Start nothing for this long.
    Soak {
        /// How long until to ask again. A duration, because the wall clock may be changed.
        left: Duration,
        /// What the run waits for, in words.
        why: String,
    },
    /// Start nothing until a person approves the stage.
    WaitForApproval {
        /// Index of the stage.
        stage: usize,
        /// Which of its approvals.
        moment: Moment,
    },
    /// Run the gate steps of this stage, after this wave.
    RunGate {
        /// Index of the stage.
        stage: usize,
        /// Index of the wave.
        wave: usize,
    },
    /// Start nothing more; hosts in flight finish.
    Drain(Halt),
    /// Nothing is in flight and nothing may start: the run is over.
    Finished(Ending),
}

/// Why a run is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every host was started.
    AllStarted,
    /// No further host may start.
    Halted(Halt),
    /// The remaining hosts may not start: their window is closed, or their failure domain is full of broken hosts.
    Left {
        /// The reason, in words.
        why: String,
    },
}

/// Limits that do not come from the plan.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most hosts in flight in the whole run. At least 1.
    pub forks: usize,
}

/// The present, as the rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The wall clock, which windows use.
    pub wall: Timestamp,
    /// How long ago the last host was done. Measured, if the controller was running then, and not a difference of wall
    /// times: the clock may have been changed since.
    pub rested: Duration,
}

impl Now {
    /// For a process that has only the record: a controller that takes over a run, or a command that only reads. If the
    /// clock was set back, the time counts as zero.
    pub fn by_the_record(state: &RunState, wall: Timestamp) -> Self {
        let rested = state.last_done_at.and_then(|done| Duration::try_from(wall.duration_since(done)).ok());
        Self { wall, rested: rested.unwrap_or_default() }
    }
}

/// What to do next, given everything that happened and the current time. The reasons are checked in the order of their
/// priority.
// long: one function, so that the order of the reasons is in one place.
pub fn next(state: &RunState, now: Now, limits: Limits) -> Directive {
    if state.started.check {
        return check::next(state, limits);
    }
    if let Some(why) = halt(state) {
        return if state.tally.in_flight > 0 {
            Directive::Drain(why)
        } else {
            Directive::Finished(Ending::Halted(why))
        };
    }
    let mut left: Option<String> = None;
    let mut before: Option<(usize, usize)> = None;
    for (s, stage) in state.plan().stages.iter().enumerate() {
        let stage_state = &state.stages[s];
        if state.stage_halted(s) {
            if stage_state.tally.in_flight > 0 {
                return Directive::WaitForHosts;
            }
            if stage_state.tally.waiting() > 0 {
                left.get_or_insert_with(|| {
                    format!("stage {} is halted, its max_failures is {}", stage.name, stage.max_failures)
                });
            }
            continue;
        }
        for w in 0..stage.waves.len() {
            let wave = &stage_state.waves[w];
            let waiting = wave.tally.waiting() - wave.left_out;
            if wave.left_out > 0 {
                left.get_or_insert_with(|| "hosts are outside the limit of the resume".to_owned());
            }
            if waiting == 0 && wave.tally.in_flight == 0 {
                if wave.tally.done() > 0 {
                    before = Some((s, w));
                }
                if wave.left_out > 0 && stage.waves[w].canary {
                    left = Some(format!("the canary of stage {} is outside the limit of the resume", stage.name));
                    break;
                }
                continue;
            }
            if waiting == 0 {
                return Directive::WaitForHosts;
            }
            // If a wave has begun, everything before it is passed.
            if wave.tally.waiting() == wave.tally.total
                && let Some((bs, bw)) = before
                && let Some(wait) = passage(state, bs, bw, now)
            {
                return wait;
            }
            // A window opened, or a freeze ended, while other waves went on: they end first, and what comes after the
            // wave of the last host that was done comes before anything else.
            if state.tally.in_flight > wave.tally.in_flight {
                return Directive::WaitForHosts;
            }
            let last = state.last_done_in.filter(|at| *at != (s, w) && !state.stage_halted(at.0));
            let wait = last.and_then(|(last_stage, last_wave)| passage(state, last_stage, last_wave, now));
            match (admit(state, s, stage, w, now.wall, limits), wait) {
                (Admission::Start(_), Some(wait)) => return wait,
                (Admission::Start(_), None) if waits(state, s, Moment::Before) => {
                    return Directive::WaitForApproval { stage: s, moment: Moment::Before };
                }
                (Admission::Start(hosts), None) => return Directive::Start(hosts),
                (Admission::Later, _) => return Directive::WaitForHosts,
                (Admission::Never(why), _) => {
                    // Nothing is in flight anywhere, so no more of the wave can be done for now.
                    if wave.tally.done() > 0 {
                        before = Some((s, w));
                    }
                    if stage.waves[w].canary {
                        // The rest of the stage must not be tried before its canary.
                        left.get_or_insert(format!(
                            "{why}, and stage {} does not go on without its canary",
                            stage.name
                        ));
                        break;
                    }
                    left.get_or_insert(why);
                }
            }
        }
    }
    if state.tally.in_flight > 0 {
        return Directive::WaitForHosts;
    }
    if let Some((stage, wave)) = state.gate_due() {
        return Directive::RunGate { stage, wave };
    }
    Directive::Finished(left.map_or(Ending::AllStarted, |why| Ending::Left { why }))
}

/// What must happen after wave `w` of stage `s` is done and before anything else starts: soak, gate, approval.
fn passage(state: &RunState, s: usize, w: usize, now: Now) -> Option<Directive> {
    let stage = &state.plan().stages[s];
    let wave = &state.stages[s].waves[w];
    if state.tally.in_flight > 0 {
        return Some(Directive::WaitForHosts);
    }
    if wave.gate.is_none() && now.rested < stage.soak {
        let left = stage.soak - now.rested;
        return Some(Directive::Soak { left, why: format!("soak after wave {} of stage {}", w + 1, stage.name) });
    }
    if !stage.gate.is_empty() && wave.gate.is_none() {
        return Some(Directive::RunGate { stage: s, wave: w });
    }
    let moment = Moment::AfterCanary;
    waits(state, s, moment).then_some(Directive::WaitForApproval { stage: s, moment })
}

/// Whether the stage waits for a person at this moment.
fn waits(state: &RunState, s: usize, moment: Moment) -> bool {
    state.plan().stages[s].approve == Some(moment) && !state.stages[s].approved(moment)
}

enum Admission {
    Start(Vec<HostName>),
    /// Something in flight must end first.
    Later,
    /// Nothing is in flight, and yet nothing may start.
    Never(String),
}

fn admit(state: &RunState, s: usize, stage: &Stage, w: usize, now: Timestamp, limits: Limits) -> Admission {
    let wave = &stage.waves[w];
    let wave_state = &state.stages[s].waves[w];
    let mut room = limits.forks.saturating_sub(state.tally.in_flight);
    if stage.mode == Mode::Sliding && !wave.canary {
        let size = stage.window_size.unwrap_or(wave.hosts.len());
        room = room.min(size.saturating_sub(wave_state.tally.in_flight));
    }
    if room == 0 {
        return Admission::Later;
    }
    let mut start: Vec<&PlannedHost> = Vec::new();
    let mut refused: Option<String> = None;
    let states = state.wave_hosts(s, w);
    for (host, host_state) in wave.hosts.iter().zip(states).skip(wave_state.cursor) {
        if start.len() == room {
            break;
        }
        if host_state.at != HostAt::Waiting || host_state.left_out {
            continue;
        }
        match obstacle(state, host, &start, now) {
            None => start.push(host),
            Some(why) => {
                refused.get_or_insert(why);
            }
        }
    }
    if !start.is_empty() {
        return Admission::Start(start.into_iter().map(|host| host.name.clone()).collect());
    }
    match refused {
        Some(why) if state.tally.in_flight == 0 => Admission::Never(why),
        _ => Admission::Later,
    }
}

fn obstacle(state: &RunState, host: &PlannedHost, starting: &[&PlannedHost], now: Timestamp) -> Option<String> {
    if let Err(closed) = state.schedule(host).open(now) {
        return Some(match closed {
            Closed::Frozen(hold) => format!("{} is frozen: {hold}", host.name),
            Closed::Window => format!("the maintenance window of {} is closed", host.name),
            Closed::Late(late) => format!("it is too late to start {}: {late}", host.name),
            Closed::Unusable(why) => format!("the maintenance window of {} is not known: {why}", host.name),
        });
    }
    let domain = host.domain.as_ref()?;
    let with_it = starting.iter().filter(|other| {
        other.domain.as_ref().is_some_and(|d| d.value == domain.value && d.spread.by == domain.spread.by)
    });
    let out = state.out_of_service(domain) + with_it.count();
    (out >= domain.spread.max_unavailable as usize)
        .then(|| format!("{} hosts with {}={} are out of service", out, domain.spread.by, domain.value))
}
