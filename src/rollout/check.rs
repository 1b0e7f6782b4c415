//! What a check does next. It changes nothing, so it visits every host at once: no wave, budget, window or approval
//! holds it back, and a host that would fail stops nobody.

use super::{
    halt::Halt,
    next::{Directive, Ending, Limits},
};
use crate::{
    event::{HostAt, RunState},
    host::HostName,
};

/// Starts as many waiting hosts as the limit allows, in the plan's order. Only a request to stop ends it early.
pub(super) fn next(state: &RunState, limits: Limits) -> Directive {
    let in_flight = state.tally.in_flight;
    if let Some(stop) = state.stop {
        let why = Halt::Asked(stop);
        return if in_flight > 0 { Directive::Drain(why) } else { Directive::Finished(Ending::Halted(why)) };
    }
    let hosts = waiting(state, limits.forks.saturating_sub(in_flight));
    if !hosts.is_empty() {
        return Directive::Start(hosts);
    }
    if in_flight > 0 {
        return Directive::WaitForHosts;
    }
    Directive::Finished(match state.tally.waiting() {
        0 => Ending::AllStarted,
        _ => Ending::Left { why: "hosts are outside the limit of the resume".to_owned() },
    })
}

/// The first hosts that may start.
fn waiting(state: &RunState, room: usize) -> Vec<HostName> {
    let mut hosts = Vec::new();
    for (s, stage) in state.stages.iter().enumerate().filter(|(_, stage)| stage.tally.waiting() > 0) {
        for (w, wave) in stage.waves.iter().enumerate().filter(|(_, wave)| wave.tally.waiting() > wave.left_out) {
            let states = state.wave_hosts(s, w).iter().skip(wave.cursor);
            let open = states.filter(|host| host.at == HostAt::Waiting && !host.left_out);
            hosts.extend(open.take(room - hosts.len()).map(|host| host.name.clone()));
            if hosts.len() == room {
                return hosts;
            }
        }
    }
    hosts
}
