//! One policy for a whole stage, from those of its hosts: defaults are filled in, then the most careful value counts.
//!
//! Hosts of one stage may come from groups with different policies. An error would refuse most real inventories, and
//! splitting the stage would change the order. Being too careful only costs time, and the plan shows it.

use std::time::Duration;

use super::batches;
use crate::{
    amount::Amount,
    host::Risk,
    policy::{Approve, Mode, OnBudgetSpent, Policy},
};

/// The default for `batch`: a quarter at a time.
const BATCH: [Amount; 1] = [Amount::Percent(25)];

/// The default for `batch`, as it is written.
pub(super) fn quarter() -> String {
    BATCH[0].to_string()
}

/// Whether a host gets a canary by default. One without a label might be anything.
pub(super) fn needs_canary(risk: Option<Risk>) -> bool {
    risk.is_none_or(|risk| risk >= Risk::High)
}

/// The rules of a stage, counted in hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StageRules {
    pub canary: usize,
    /// The last repeats.
    pub sizes: Vec<usize>,
    pub max_failures: usize,
    pub soak: Duration,
    pub approve: Approve,
    pub mode: Mode,
    pub on_budget_spent: OnBudgetSpent,
}

impl StageRules {
    /// The rules of a stage of `total` hosts with these policies (at least one; defaults are filled in here).
    pub fn of(policies: &[Policy], total: usize) -> Self {
        let mut rules = policies.iter().map(|policy| Self::one(policy, total));
        let first = rules.next().unwrap_or_else(|| Self::one(&Policy::default(), total));
        rules.fold(first, Self::joined)
    }

    fn one(policy: &Policy, total: usize) -> Self {
        Self {
            canary: policy.canary.map_or(usize::from(needs_canary(policy.risk)), |hosts| hosts as usize),
            sizes: batches::sizes(policy.batch.as_deref().unwrap_or(&BATCH), total),
            max_failures: policy.max_failures.map_or(0, |amount| amount.of(total)),
            soak: policy.soak.unwrap_or_default(),
            approve: policy.approve.unwrap_or_default(),
            mode: policy.mode.unwrap_or_default(),
            on_budget_spent: policy.on_budget_spent.unwrap_or_default(),
        }
    }

    /// The more careful of two, rule by rule.
    fn joined(self, other: Self) -> Self {
        let length = self.sizes.len().max(other.sizes.len());
        let stops = |what: OnBudgetSpent| match what {
            OnBudgetSpent::HaltRun => 0,
            OnBudgetSpent::HaltStage => 1,
            OnBudgetSpent::Continue => 2,
        };
        Self {
            canary: match (self.canary, other.canary) {
                (0, hosts) | (hosts, 0) => hosts,
                (one, two) => one.min(two),
            },
            sizes: (0..length).map(|i| batches::at(&self.sizes, i).min(batches::at(&other.sizes, i))).collect(),
            max_failures: self.max_failures.min(other.max_failures),
            soak: self.soak.max(other.soak),
            approve: self.approve.max(other.approve),
            mode: if self.mode == Mode::Sliding && other.mode == Mode::Sliding { Mode::Sliding } else { Mode::Waves },
            on_budget_spent: if stops(self.on_budget_spent) <= stops(other.on_budget_spent) {
                self.on_budget_spent
            } else {
                other.on_budget_spent
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn low() -> Policy {
        Policy { risk: Some(Risk::Low), ..Policy::default() }
    }

    fn batch(sizes: &[&str]) -> Option<Vec<Amount>> {
        Some(sizes.iter().map(|size| Amount::parse(size).unwrap()).collect())
    }

    fn rules(policies: &[Policy]) -> StageRules {
        StageRules::of(policies, 20)
    }

    #[test]
    fn defaults_are_a_quarter_at_a_time_and_a_canary_for_high_risk() {
        let expected = StageRules {
            canary: 0,
            sizes: vec![5],
            max_failures: 0,
            soak: Duration::ZERO,
            approve: Approve::No,
            mode: Mode::Waves,
            on_budget_spent: OnBudgetSpent::HaltRun,
        };
        assert_eq!(rules(&[low()]), expected);
        for (risk, canary) in [(Some(Risk::Medium), 0), (Some(Risk::High), 1), (Some(Risk::Critical), 1), (None, 1)] {
            assert_eq!(rules(&[Policy { risk, ..Policy::default() }]).canary, canary, "{risk:?}");
        }
        let none = Policy { canary: Some(0), ..Policy::default() };
        assert_eq!(rules(&[none]).canary, 0);
        assert_eq!(rules(&[]), rules(&[Policy::default()]));
    }

    #[test]
    fn the_most_careful_value_counts() {
        let (a, b) = (
            Policy {
                canary: Some(3),
                batch: batch(&["1", "50%"]),
                max_failures: Some(Amount::Percent(50)),
                soak: Some(Duration::from_secs(60)),
                approve: Some(Approve::AfterCanary),
                mode: Some(Mode::Sliding),
                on_budget_spent: Some(OnBudgetSpent::Continue),
                ..low()
            },
            Policy {
                canary: Some(2),
                batch: batch(&["4"]),
                max_failures: Some(Amount::Count(3)),
                soak: Some(Duration::from_secs(5)),
                approve: Some(Approve::Before),
                mode: Some(Mode::Waves),
                on_budget_spent: Some(OnBudgetSpent::HaltStage),
                ..low()
            },
        );
        let expected = StageRules {
            canary: 2,
            sizes: vec![1, 4],
            max_failures: 3,
            soak: Duration::from_secs(60),
            approve: Approve::Before,
            mode: Mode::Waves,
            on_budget_spent: OnBudgetSpent::HaltStage,
        };
        assert_eq!(rules(&[a.clone(), b.clone()]), expected);
        assert_eq!(rules(&[b, a.clone()]), expected, "the order of the hosts does not matter");
        // A host that says nothing has the defaults, and they count too.
        let silent = rules(&[a, low()]);
        assert_eq!((silent.canary, silent.sizes, silent.max_failures), (3, vec![1, 5], 0));
        assert_eq!((silent.mode, silent.on_budget_spent), (Mode::Waves, OnBudgetSpent::HaltRun));
    }
}
