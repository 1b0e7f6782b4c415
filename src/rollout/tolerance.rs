//! How many broken hosts a plan tolerates, and what happens after that: the budgets of the stages and of the run
//! together. It says what will really happen: a budget that cannot be used up, or only after another one is, is left
//! out. Start at [`tolerance`].

use crate::{plan::Plan, policy::OnBudgetSpent};

/// What a plan tolerates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Per stage, in the plan's order.
    pub stages: Vec<Tolerated>,
    /// How many broken hosts the whole run tolerates; `None` if a stage's budget is always used up first, or if the run
    /// goes on anyway.
    pub run: Option<usize>,
}

/// What one stage tolerates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerated {
    /// This many; one more halts the run.
    ThenRun(usize),
    /// This many; one more halts only the stage.
    ThenStage(usize),
    /// This many, because the run's budget is used up before the stage's own.
    ByRun(usize),
    /// All its hosts.
    All,
}

/// What `plan` tolerates.
pub fn tolerance(plan: &Plan) -> Tolerance {
    let size = |stage: &crate::plan::Stage| stage.waves.iter().map(|wave| wave.hosts.len()).sum::<usize>();
    let total: usize = plan.stages.iter().map(size).sum();
    let run = plan.max_failures.filter(|max| plan.on_budget_spent != OnBudgetSpent::Continue && *max < total);
    let mut most = 0;
    let stages = plan.stages.iter().map(|stage| {
        let (hosts, max) = (size(stage), stage.max_failures);
        let own = match stage.on_budget_spent {
            _ if max >= hosts => Tolerated::All,
            OnBudgetSpent::HaltRun => Tolerated::ThenRun(max),
            OnBudgetSpent::HaltStage => Tolerated::ThenStage(max),
            OnBudgetSpent::Continue => Tolerated::All,
        };
        // How many hosts of a stage can break before its own budget halts the run.
        most += if let Tolerated::ThenRun(max) = own { max } else { hosts };
        match (own, run) {
            (Tolerated::ThenRun(max), Some(run)) if run < max => Tolerated::ByRun(run),
            (Tolerated::ThenStage(max), Some(run)) if run <= max => Tolerated::ByRun(run),
            (Tolerated::All, Some(run)) if run < hosts => Tolerated::ByRun(run),
            (own, _) => own,
        }
    });
    let stages = stages.collect();
    Tolerance { stages, run: run.filter(|run| *run < most) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    #[test]
    fn what_is_spent_first_counts() {
        use OnBudgetSpent::{Continue, HaltRun, HaltStage};
        use Tolerated::{All, ByRun, ThenRun, ThenStage};
        for (stages, run, expected, whole) in [
            ([(0, HaltRun), (0, HaltRun)], None, [ThenRun(0), ThenRun(0)], None),
            // Every stage halts before the run's budget can be used up.
            ([(0, HaltRun), (0, HaltRun)], Some(2), [ThenRun(0), ThenRun(0)], None),
            ([(1, HaltRun), (1, HaltRun)], Some(2), [ThenRun(1), ThenRun(1)], None),
            ([(1, HaltRun), (1, HaltRun)], Some(1), [ThenRun(1), ThenRun(1)], Some(1)),
            ([(2, HaltRun), (0, HaltRun)], Some(1), [ByRun(1), ThenRun(0)], Some(1)),
            ([(0, HaltStage), (1, HaltStage)], Some(1), [ThenStage(0), ByRun(1)], Some(1)),
            ([(0, HaltStage), (1, HaltStage)], Some(0), [ByRun(0), ByRun(0)], Some(0)),
            ([(0, Continue), (0, HaltRun)], Some(2), [ByRun(2), ThenRun(0)], Some(2)),
            ([(0, Continue), (0, HaltRun)], None, [All, ThenRun(0)], None),
            // Of three hosts no more than three can break.
            ([(3, HaltRun), (9, HaltStage)], Some(6), [All, All], None),
        ] {
            let mut plan = sample::plan(&[("a", &["a1 a2 a3"]), ("b", &["b1 b2 b3"])]);
            for (stage, (max, then)) in plan.stages.iter_mut().zip(stages) {
                (stage.max_failures, stage.on_budget_spent) = (max, then);
            }
            plan.max_failures = run;
            let seen = tolerance(&plan);
            assert_eq!((seen.stages.as_slice(), seen.run), (expected.as_slice(), whole), "{stages:?} {run:?}");
            plan.on_budget_spent = Continue;
            assert_eq!(tolerance(&plan).run, None);
        }
    }
}
