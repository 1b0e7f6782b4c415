//! When gates run, and what happens when one does not pass.

use super::*;

#[test]
fn a_gate_runs_after_the_soak_and_a_failed_one_halts() {
    for passed in [true, false] {
        let s = Stage { soak: Duration::from_secs(60), gate: gate(), ..stage("s", "a | b") };
        let mut run = Run::new(vec![s], None);
        run.starts("a").end("a", Outcome::Ok).passes(60).says(Directive::RunGate { stage: 0, wave: 0 });
        run.push(Kind::GateFinished { stage: 0, wave: 0, passed, summary: "x".to_owned() });
        if passed {
            run.starts("b");
        } else {
            let why = Halt::Gate { stage: "s".to_owned(), wave: 1, summary: "x".to_owned() };
            run.says(Directive::Finished(Ending::Halted(why)));
        }
    }
}

/// The gate runs after each wave. It does not run for a halted stage or in a check.
#[test]
fn a_gate_runs_after_the_last_wave_as_well() {
    for waves in ["a", "a | b"] {
        for passed in [true, false] {
            let s = Stage { soak: Duration::from_secs(60), gate: gate(), ..stage("s", waves) };
            let last = s.waves.len() - 1;
            let mut run = Run::new(vec![s], None);
            run.starts("a").end("a", Outcome::Ok);
            if last > 0 {
                run.passes(60).says(Directive::RunGate { stage: 0, wave: 0 });
                run.push(Kind::GateFinished { stage: 0, wave: 0, passed: true, summary: String::new() });
                run.starts("b").end("b", Outcome::Ok);
            }
            // Nothing follows, so there is no soak.
            run.says(Directive::RunGate { stage: 0, wave: last });
            run.push(Kind::GateFinished { stage: 0, wave: last, passed, summary: "x".to_owned() });
            let why = Halt::Gate { stage: "s".to_owned(), wave: last + 1, summary: "x".to_owned() };
            run.says(if passed { OVER } else { Directive::Finished(Ending::Halted(why)) });
            assert_eq!(run.state.exit_code(), if passed { 0 } else { 4 }, "{waves} {passed}");
        }
    }
    let s = Stage { gate: gate(), on_budget_spent: OnBudgetSpent::HaltStage, ..stage("s", "a | b") };
    let mut run = Run::new(vec![s], None);
    run.starts("a").end("a", Outcome::Failed);
    assert!(matches!(run.next(), Directive::Finished(Ending::Left { .. })), "{:?}", run.next());
    let mut run = Run::new(vec![Stage { gate: gate(), ..stage("s", "a | b") }], None);
    Arc::make_mut(&mut run.state.started).check = true;
    run.starts("a b").end("a b", Outcome::Ok).says(OVER);
}

/// The gate after a wave that a limit cut short runs, and runs again when the rest of the wave is done.
#[test]
fn hosts_that_come_late_are_looked_at_as_well() {
    let s = Stage { gate: gate(), ..stage("s", "a b | c") };
    let mut run = Run::new(vec![s], None);
    let passes = |run: &mut Run, wave| {
        run.says(Directive::RunGate { stage: 0, wave });
        run.push(Kind::GateFinished { stage: 0, wave, passed: true, summary: String::new() });
    };
    run.push(leave_out("b"));
    run.starts("a").end("a", Outcome::Ok);
    passes(&mut run, 0);
    run.starts("c").end("c", Outcome::Ok);
    passes(&mut run, 1);
    assert!(matches!(run.next(), Directive::Finished(Ending::Left { .. })), "{:?}", run.next());
    run.push(leave_out(""));
    run.starts("b").end("b", Outcome::Ok);
    passes(&mut run, 0);
    run.says(OVER);
}
