//! How many failures a plan tolerates, in words: the headline of a plan and the last column of its table. `rollout`
//! computes what will happen; here it becomes a sentence. Start at [`headline`].

use indexmap::IndexMap;

use super::text;
use crate::{
    plan::Plan,
    rollout::{Tolerance, Tolerated},
};

/// The most stages that a clause names.
const NAMED: usize = 3;

/// Names of stages by the number of broken hosts that they tolerate.
type ByLimit<'a> = IndexMap<usize, Vec<&'a str>>;

/// When the run halts: `halts at the first failed host`, `halts when more than 3 hosts fail in edge`.
pub(super) fn headline(plan: &Plan, tolerance: &Tolerance) -> String {
    let (mut run, mut alone) = (ByLimit::new(), ByLimit::new());
    for (stage, tolerated) in plan.stages.iter().zip(&tolerance.stages) {
        match tolerated {
            Tolerated::ThenRun(max) => run.entry(*max).or_default().push(&stage.name),
            Tolerated::ThenStage(max) => alone.entry(*max).or_default().push(&stage.name),
            Tolerated::ByRun(_) | Tolerated::All => {}
        }
    }
    run.sort_unstable_keys();
    alone.sort_unstable_keys();
    let everywhere = run.len() == 1 && run.values().all(|stages| stages.len() == plan.stages.len());
    let mut clauses: Vec<String> = match (tolerance.run, run.first()) {
        (Some(0), _) => return format!("halts at the first failed host{}", and_alone(&alone)),
        (None, Some((0, _))) if everywhere => vec!["at the first failed host".to_owned()],
        (None, Some((max, _))) if everywhere && plan.stages.len() == 1 => vec![more_than(*max)],
        (None, Some((max, _))) if everywhere => vec![format!("{} in one stage", more_than(*max))],
        _ => run.iter().map(|(max, stages)| clause(*max, stages)).collect(),
    };
    clauses.extend(tolerance.run.map(|max| format!("{} in total", more_than(max))));
    let halts = match clauses.split_last() {
        None if alone.is_empty() => return "goes on after any failure".to_owned(),
        None => return and_alone(&alone).trim_start_matches("; ").to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{}, or {last}", rest.join(", ")),
    };
    format!("halts {halts}{}", and_alone(&alone))
}

/// What one stage tolerates: `0`, `3 (stage)`, `2 (run)`, `any`.
pub(super) fn column(tolerated: Tolerated) -> String {
    match tolerated {
        Tolerated::ThenRun(max) => max.to_string(),
        Tolerated::ThenStage(max) => format!("{max} (stage)"),
        Tolerated::ByRun(max) => format!("{max} (run)"),
        Tolerated::All => "any".to_owned(),
    }
}

fn clause(max: usize, stages: &[&str]) -> String {
    let what = if max == 0 { "at the first failed host".to_owned() } else { more_than(max) };
    let each = if stages.len() > 1 && max > 0 { "one of " } else { "" };
    format!("{what} in {each}{}", names(stages))
}

fn more_than(max: usize) -> String {
    let fail = if max == 1 { "fails" } else { "fail" };
    format!("when more than {} {fail}", text::count(max, "host"))
}

/// `; edge stops alone when more than 3 of its hosts fail`.
fn and_alone(alone: &ByLimit<'_>) -> String {
    let clause = |(max, stages): (&usize, &Vec<&str>)| {
        let (stop, their) = if stages.len() == 1 { ("stops", "its") } else { ("each stop", "their") };
        let when = match max {
            0 => format!("at {their} first failed host"),
            max => format!("when more than {max} of {their} hosts fail"),
        };
        format!("; {} {stop} alone {when}", names(stages))
    };
    alone.iter().map(clause).collect()
}

fn names(stages: &[&str]) -> String {
    let cleaned: Vec<String> = stages.iter().map(|name| text::clean(name, 60)).collect();
    match cleaned.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) if cleaned.len() <= NAMED => format!("{} and {last}", rest.join(", ")),
        _ => text::count(stages.len(), "stage"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::sample,
        policy::OnBudgetSpent::{self, Continue, HaltRun, HaltStage},
        rollout::tolerance,
    };

    fn said(stages: &[(&str, usize, OnBudgetSpent)], run: Option<usize>) -> String {
        let waves: Vec<(&str, String)> =
            stages.iter().map(|(name, ..)| (*name, (1..=9).map(|n| format!("{name}{n} ")).collect())).collect();
        let waves: Vec<(&str, [&str; 1])> = waves.iter().map(|(name, hosts)| (*name, [hosts.as_str()])).collect();
        let waves: Vec<(&str, &[&str])> = waves.iter().map(|(name, waves)| (*name, waves.as_slice())).collect();
        let mut plan = sample::plan(&waves);
        plan.max_failures = run;
        for (stage, (_, max, then)) in plan.stages.iter_mut().zip(stages) {
            (stage.max_failures, stage.on_budget_spent) = (*max, *then);
        }
        headline(&plan, &tolerance(&plan))
    }

    #[test]
    fn the_headline_says_what_will_happen() {
        let first = "halts at the first failed host";
        for (stages, run, expected) in [
            (&[("a", 0, HaltRun)][..], None, first.to_owned()),
            (&[("a", 0, HaltRun), ("b", 0, HaltRun)], None, first.to_owned()),
            // The run's own budget cannot be used up before a stage's.
            (&[("a", 0, HaltRun), ("b", 0, HaltRun)], Some(2), first.to_owned()),
            (&[("a", 3, HaltRun), ("b", 3, HaltStage)], Some(0), first.to_owned()),
            (&[("a", 1, HaltRun)], None, "halts when more than 1 host fail".to_owned()),
            (&[("a", 2, HaltRun), ("b", 2, HaltRun)], None, "halts when more than 2 hosts fail in one stage".to_owned()),
            (
                &[("a", 0, HaltRun), ("b", 3, HaltRun), ("c", 0, HaltRun)],
                None,
                format!("{first} in a and c, or when more than 3 hosts fail in b"),
            ),
            (
                &[("a", 1, HaltRun), ("b", 2, HaltRun), ("c", 2, HaltRun)],
                Some(3),
                "halts when more than 1 host fail in a, when more than 2 hosts fail in one of b and c, or when more than \
                 3 hosts fail in total"
                    .to_owned(),
            ),
            (&[("a", 3, HaltStage)], None, "a stops alone when more than 3 of its hosts fail".to_owned()),
            (
                &[("a", 0, HaltStage), ("b", 0, HaltRun)],
                None,
                format!("{first} in b; a stops alone at its first failed host"),
            ),
            (&[("a", 0, Continue), ("b", 9, HaltRun)], None, "goes on after any failure".to_owned()),
            (&[("a", 0, Continue)], Some(4), "halts when more than 4 hosts fail in total".to_owned()),
        ] {
            assert_eq!(said(stages, run), expected.replace("1 host fail", "1 host fails"), "{stages:?} {run:?}");
        }
        let many: Vec<(&str, usize, OnBudgetSpent)> =
            ["a", "b", "c", "d"].iter().map(|name| (*name, 0, HaltRun)).chain([("e", 1, HaltRun)]).collect();
        assert_eq!(said(&many, None), format!("{first} in 4 stages, or when more than 1 host fails in e"));
    }
}
