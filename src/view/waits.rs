//! Why no further host starts just now, in the rule's own words, with the moment at which that ends.

use jiff::Timestamp;

use super::RunView;
use crate::{
    event::HostAt,
    rollout::{self, Directive, Ending, Limits, Now},
};

/// Why no further host starts, if not for hosts that are in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    /// In one word, for machines: `soak`, `approval`, `gate`, `halted`, `left`.
    pub what: &'static str,
    /// For people.
    pub why: String,
    /// When it goes on by itself.
    pub until: Option<Timestamp>,
    /// Whether `approve` lets it go on.
    pub approve: bool,
    /// Stage and wave that it is about.
    pub at: Option<(usize, usize)>,
}

impl RunView<'_> {
    /// Why no further host starts just now; `None`: hosts start, or those in flight are waited for.
    pub fn waits(&self) -> Option<Waits> {
        let plain = |what, why: String| Waits { what, why, until: None, approve: false, at: None };
        let stage = |stage: usize| &self.state.plan().stages[stage].name;
        let now = Now::by_the_record(self.state, self.now);
        // Whether one host may start is enough to know.
        Some(match rollout::next(self.state, now, Limits { forks: 1 }) {
            Directive::Soak { left, why } => {
                Waits { until: self.now.checked_add(left).ok(), at: self.newest_wave(), ..plain("soak", why) }
            }
            Directive::WaitForApproval { stage: s, moment } => Waits {
                approve: true,
                at: Some((s, 0)),
                ..plain("approval", format!("approval of stage {} {moment}", stage(s)))
            },
            Directive::RunGate { stage: s, wave } => Waits {
                at: Some((s, wave)),
                ..plain("gate", format!("the gate after wave {} of stage {}", wave + 1, stage(s)))
            },
            Directive::Drain(why) => plain("halted", format!("halted: {why}; hosts in flight finish")),
            Directive::Finished(Ending::Halted(why)) => plain("halted", format!("halted: {why}")),
            Directive::Finished(Ending::Left { why }) => plain("left", format!("remaining hosts not started: {why}")),
            Directive::Finished(Ending::AllStarted) | Directive::WaitForHosts | Directive::Start(_) => return None,
        })
    }

    /// Until when the next host of this wave, or of a later one, may be started, by its windows and freezes; `None`:
    /// without a limit, or not now.
    pub fn window_closes(&self, stage: usize, wave: usize) -> Option<Timestamp> {
        if self.state.started.check {
            return None;
        }
        let stages = self.state.plan().stages.iter().enumerate().skip(stage);
        let waves = stages.flat_map(|(s, planned)| (0..planned.waves.len()).map(move |w| (s, w)));
        let mut open = waves.filter(|at| *at >= (stage, wave)).filter_map(|(s, w)| {
            let at = &self.state.stages[s].waves[w];
            let hosts = self.state.wave_hosts(s, w).iter().enumerate().skip(at.cursor);
            let next = hosts.into_iter().find(|(_, host)| host.at == HostAt::Waiting && !host.left_out)?.0;
            self.state.plan().stages[s].waves[w].hosts.get(next)
        });
        let schedule = self.state.plan().schedule(open.next()?);
        schedule.open(self.now).ok().filter(|until| *until < Timestamp::MAX)
    }

    /// The last wave in the plan's order that has hosts that are done.
    fn newest_wave(&self) -> Option<(usize, usize)> {
        let stages = self.state.stages.iter().enumerate();
        let mut waves = stages.flat_map(|(s, stage)| stage.waves.iter().enumerate().map(move |(w, wave)| (s, w, wave)));
        waves.rfind(|(.., wave)| wave.tally.done() > 0).map(|(s, w, _)| (s, w))
    }
}
