//! What a run still has to do, and what keeps it from going on: gates that have not run, budgets that are used up, and
//! the state that a resume begins with. Computed from the state, never stored. Start at [`RunState::gate_due`].

use super::RunState;
use crate::policy::OnBudgetSpent;

impl RunState {
    /// More hosts of the stage broke than it tolerates.
    pub fn budget_spent(&self, stage: usize) -> bool {
        self.stages[stage].tally.broken() > self.plan().stages[stage].max_failures
    }

    /// The stage is halted and later stages go on.
    pub fn stage_halted(&self, stage: usize) -> bool {
        self.budget_spent(stage) && self.plan().stages[stage].on_budget_spent == OnBudgetSpent::HaltStage
    }

    /// The first wave that had hosts, has none in flight, and whose gate has not run. A check runs no gates, and a
    /// stage that is halted by itself needs none.
    pub fn gate_due(&self) -> Option<(usize, usize)> {
        if self.started.check {
            return None;
        }
        let gated = |s: &usize| !self.plan().stages[*s].gate.is_empty() && !self.stage_halted(*s);
        let waves =
            (0..self.stages.len()).filter(gated).flat_map(|s| (0..self.stages[s].waves.len()).map(move |w| (s, w)));
        waves.into_iter().find(|(s, w)| {
            let wave = &self.stages[*s].waves[*w];
            wave.gate.is_none() && wave.tally.in_flight == 0 && wave.tally.done() > 0
        })
    }

    /// The first gate that did not pass.
    pub fn gate_failed(&self) -> Option<(usize, usize)> {
        let waves =
            self.stages.iter().enumerate().flat_map(|(s, stage)| stage.waves.iter().enumerate().map(move |w| (s, w)));
        waves.into_iter().find_map(|(s, (w, wave))| matches!(wave.gate, Some((false, _))).then_some((s, w)))
    }

    /// Not everything in the plan was done: hosts have not started, or a gate did not pass or has not run.
    pub fn stopped_early(&self) -> bool {
        let gate_left = (self.stop.is_some() || !self.finished) && self.gate_due().is_some();
        self.tally.waiting() > 0 || self.gate_failed().is_some() || gate_left
    }

    /// The state that a resume without a limit begins with: requests to stop and earlier limits no longer count.
    #[must_use]
    pub fn as_resumed(&self) -> Self {
        let mut state = self.clone();
        (state.stop, state.finished) = (None, false);
        state.hosts.iter_mut().for_each(|host| host.left_out = false);
        state.stages.iter_mut().flat_map(|stage| &mut stage.waves).for_each(|wave| wave.left_out = 0);
        state
    }
}
