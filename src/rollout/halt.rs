//! Why no further host may start, derived from what happened.

use std::fmt;

use crate::{
    event::{RunState, Stop},
    policy::OnBudgetSpent,
};

/// Why no further host of the run starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// More hosts of one stage broke than it tolerates.
    StageBudget {
        /// The stage's name.
        stage: String,
        /// Hosts that broke.
        broken: usize,
        /// Hosts that it tolerates.
        max: usize,
    },
    /// More hosts of the run broke than it tolerates.
    RunBudget {
        /// Hosts that broke.
        broken: usize,
        /// Hosts that it tolerates.
        max: usize,
    },
    /// The gate after a wave did not pass.
    Gate {
        /// The stage's name.
        stage: String,
        /// 1-based number of the wave before it.
        wave: usize,
        /// What the gate said.
        summary: String,
    },
    /// A person or the system asked the run to stop.
    Asked(Stop),
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = |n: usize| if n == 1 { "1 host".to_owned() } else { format!("{n} hosts") };
        match self {
            Self::StageBudget { stage, broken, max } => {
                write!(f, "{} of stage {stage} broke, max_failures is {max}", hosts(*broken))
            }
            Self::RunBudget { broken, max } => {
                write!(f, "{} of the run broke, max_failures of the run is {max}", hosts(*broken))
            }
            Self::Gate { stage, wave, summary } => {
                write!(f, "the gate after wave {wave} of stage {stage} did not pass: {summary}")
            }
            Self::Asked(Stop::Drain) => f.write_str("asked to stop"),
            Self::Asked(Stop::StepBorder) => f.write_str("asked to stop before the next step of each host"),
            Self::Asked(Stop::Detach) => f.write_str("asked to detach: jobs on hosts go on"),
        }
    }
}

/// Why the run is halted, if it is. A stage that halts alone is not a reason here.
pub fn halt(state: &RunState) -> Option<Halt> {
    if let Some(stop) = state.stop {
        return Some(Halt::Asked(stop));
    }
    let plan = state.plan();
    let broken = state.tally.broken();
    if let Some(max) = plan.max_failures
        && broken > max
        && plan.on_budget_spent != OnBudgetSpent::Continue
    {
        return Some(Halt::RunBudget { broken, max });
    }
    for (s, (stage, stage_state)) in plan.stages.iter().zip(&state.stages).enumerate() {
        if state.budget_spent(s) && stage.on_budget_spent == OnBudgetSpent::HaltRun {
            let (broken, max) = (stage_state.tally.broken(), stage.max_failures);
            return Some(Halt::StageBudget { stage: stage.name.clone(), broken, max });
        }
        if stage.gate.is_empty() {
            continue;
        }
        for (w, wave) in stage_state.waves.iter().enumerate() {
            if let Some((false, summary)) = &wave.gate {
                return Some(Halt::Gate { stage: stage.name.clone(), wave: w + 1, summary: summary.clone() });
            }
        }
    }
    None
}
