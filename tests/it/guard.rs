//! Guards on the simulated fleet: the host undoes a change that locks everyone out, whatever else goes wrong.

use std::time::Duration;

use patchwave::event::{Outcome, RunState};

use crate::support::{
    cases::{self, Case},
    matrix::{Aftermath, Blow, Strike, live_through},
    simulation::{over_cores, paused},
};

const LINE: &str = "lock everybody out";

fn live(case: &Case, strike: Option<Strike>) -> Aftermath {
    let folder = tempfile::tempdir().unwrap();
    paused(live_through(case, folder.path(), false, strike))
}

/// Both hosts rolled back by themselves, once, and the record says so.
fn undone(after: &Aftermath, what: &str) {
    let state: &RunState = &after.state;
    for host in &after.hosts {
        let of = state.host(host).unwrap();
        let class = of.broke_at().map(|(_, result)| result.class.as_str());
        assert_eq!((of.outcome(), class), (Outcome::Failed, Some("rolled-back")), "{what}: {host}: {:?}", of.steps);
        assert_eq!(cases::rollbacks(&after.fleet, host), 1, "{what}: {host}");
        let ends = of.steps.iter().filter(|(_, result)| result.summary.starts_with("rolled back by the host")).count();
        assert_eq!(ends, 1, "{what}: {host}: told twice: {:?}", of.steps);
        assert!(after.fleet.is_up(host) && !after.fleet.is_guarded(host), "{what}: {host}");
    }
}

#[test]
fn a_change_that_locks_us_out_is_undone_and_told() {
    fastrand::seed(1);
    undone(&live(&cases::guarded_step("step", LINE), None), "step");
    undone(&live(&cases::guarded_walk("walk", LINE), None), "walk");
}

#[test]
fn a_walk_that_breaks_before_its_end_is_undone_and_one_that_breaks_after_it_is_not() {
    for (at, undone) in [(2, 1), (4, 0)] {
        let mut case = cases::guarded_walk("walk", "patch everything");
        let mut bad = case.steps[0].clone();
        bad.when = Some("nobody.said == 1".to_owned());
        case.steps.insert(at, bad);
        fastrand::seed(1);
        let after = live(&case, None);
        for host in &after.hosts {
            let state = after.state.host(host).unwrap();
            let reason = state.broke_at().map(|(_, result)| result.class.as_str());
            assert_eq!((state.outcome(), reason), (Outcome::Failed, Some("template")), "{:?}", state.steps);
            let rolled = state.steps.iter().filter(|(_, result)| result.class == "rolled-back").count();
            assert_eq!((cases::rollbacks(&after.fleet, host), rolled), (undone as u32, undone), "{:?}", state.steps);
            assert_eq!(
                state.and_then(after.state.plan()).as_deref(),
                (undone == 1).then_some("rolled back by the host")
            );
            let bad = state.steps.iter().filter(|(_, result)| !result.class.is_empty()).count();
            assert_eq!((bad, after.fleet.is_guarded(host)), (1 + undone, false), "{:?}", state.steps);
        }
    }
}

#[test]
fn it_is_undone_and_told_whenever_the_controller_is_killed() {
    for case in [cases::guarded_step("step", LINE), cases::guarded_walk("walk", LINE)] {
        fastrand::seed(1);
        let moments = live(&case, None).trace.len() as u64;
        assert!(moments > 20, "{moments}");
        over_cores(moments * 4, |seed| {
            fastrand::seed(seed);
            let strike = Strike {
                blow: if seed % 2 == 0 { Blow::ControllerKilled } else { Blow::ControllerTerminated },
                moment: (seed / 4) as usize,
                delay: Duration::ZERO,
                then_killed: (seed % 4 > 1).then(|| Duration::from_secs(fastrand::u64(0..90))),
                rest: Duration::from_secs(fastrand::u64(0..300)),
                healed: true,
                killed_again: (seed % 4 > 1).then(|| Duration::from_secs(fastrand::u64(0..60))),
            };
            let what = format!("seed {seed}: {} {strike:?}", case.name);
            undone(&live(&case, Some(strike)), &what);
        });
    }
}
