//! What a resume of a run would do: its first directive, and how many of the waiting hosts it could start. Decides
//! nothing by itself: it asks [`super::next`] about the state that a resume begins with. Start at [`prospect`].

use jiff::Timestamp;

use super::{Directive, Limits, Now, halt, next};
use crate::{
    event::{HostAt, HostState, RunState},
    plan::PlannedHost,
};

/// What a resume without a limit would do. Only valid while no host is in flight: those are settled first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// The first thing it would do.
    pub first: Directive,
    /// Waiting hosts that it would start sooner or later.
    pub free: usize,
    /// Waiting hosts whose maintenance window, or that of their canary, is closed.
    pub closed: usize,
    /// Waiting hosts that no resume starts: the run or their stage is halted, or their failure domain is full of broken
    /// hosts. They need a new run.
    pub held: usize,
}

/// What keeps a host from starting. Later variants are stronger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    Nothing,
    Window,
    ForGood,
}

/// What a resume of the run would do at this moment.
pub fn prospect(state: &RunState, wall: Timestamp) -> Prospect {
    let state = state.as_resumed();
    let halted = halt(&state).is_some();
    let (mut free, mut closed, mut held) = (0, 0, 0);
    for (s, stage) in state.plan().stages.iter().enumerate() {
        let mut stage_hold = if halted || state.stage_halted(s) { Hold::ForGood } else { Hold::Nothing };
        for (w, wave) in stage.waves.iter().enumerate() {
            let waiting = |(_, host): &(&PlannedHost, &HostState)| host.at == HostAt::Waiting;
            let hosts = wave.hosts.iter().zip(state.wave_hosts(s, w)).filter(waiting);
            let holds: Vec<Hold> = hosts.map(|(host, _)| hold(&state, host, wall).max(stage_hold)).collect();
            let of = |wanted: Hold| holds.iter().filter(|hold| **hold == wanted).count();
            free += of(Hold::Nothing);
            closed += of(Hold::Window);
            held += of(Hold::ForGood);
            if wave.canary {
                // The rest of the stage must not be tried before its canary.
                stage_hold = holds.iter().copied().max().unwrap_or(stage_hold);
            }
        }
    }
    let first = next(&state, Now::by_the_record(&state, wall), Limits { forks: usize::MAX });
    Prospect { first, free, closed, held }
}

fn hold(state: &RunState, host: &PlannedHost, wall: Timestamp) -> Hold {
    let full = |domain: &crate::plan::Domain| state.out_of_service(domain) >= domain.spread.max_unavailable as usize;
    if host.domain.as_ref().is_some_and(full) {
        return Hold::ForGood;
    }
    let closed = state.schedule(host).open(wall).is_err();
    if closed { Hold::Window } else { Hold::Nothing }
}
