//! Every fault × every kind of step × before, during, after: `resume` ends with the right outcome for every host, and
//! nothing is done twice. Which fault strikes where is in `support/matrix.rs`; the steps are in `support/cases.rs`.

use std::{collections::BTreeMap, time::Duration};

use patchwave::{
    event::{HostState, Outcome, Verdict},
    host::HostName,
    playbook::{Side, StepKind},
    step,
};

use crate::support::{
    cases::{self, Case},
    matrix::{Aftermath, Blow, Phase, Strike, live_through},
    simulation::{over_cores, paused},
};

/// Seeds per cell of the matrix.
const SEEDS: u64 = 12;
const PHASES: [Phase; 3] = [Phase::Before, Phase::During, Phase::After];

#[test]
fn after_every_fault_in_every_step_the_truth_is_found_and_nothing_is_done_twice() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("script.sh"), "#!/bin/sh\necho fine\n").unwrap();
    let cases = cases::all();
    let traces: Vec<Vec<Phase>> = cases.iter().map(|case| undisturbed(case, folder.path())).collect();
    let cells = cases.len() * Blow::ALL.len() * PHASES.len();
    let began = std::time::Instant::now();
    let only: Option<u64> = std::env::var("PATCHWAVE_MATRIX_SEED").ok().and_then(|seed| seed.parse().ok());
    let results = over_cores(cells as u64 * SEEDS, |seed| {
        if only.is_some_and(|only| only != seed) {
            return None;
        }
        let cell = (seed / SEEDS) as usize;
        let phase = PHASES[cell % 3];
        let blow = Blow::ALL[cell / 3 % Blow::ALL.len()];
        let (case, trace) = (&cases[cell / 3 / Blow::ALL.len()], &traces[cell / 3 / Blow::ALL.len()]);
        fastrand::seed(seed);
        let strict = fastrand::bool();
        let strike = strike(blow, phase, trace, seed % SEEDS);
        let after = paused(live_through(case, folder.path(), strict, Some(strike.clone())));
        let mut wrong = judge(case, &strike, &after);
        let verdict = reason(after.state.host(&after.hosts[0]).unwrap());
        wrong.iter_mut().for_each(|why| {
            *why = format!("seed {seed}: {blow:?} {phase:?} {}: {why} ({verdict}) {strike:?}", case.name);
        });
        Some((case.name, blow, phase, after.struck, after.state.outcomes().next().unwrap().1, verdict, wrong))
    });
    let results: Vec<_> = results.into_iter().flatten().collect();
    let mut seen = BTreeMap::<_, usize>::new();
    for (case, blow, phase, _, _, verdict, _) in &results {
        *seen.entry((blow, phase, *case, verdict.clone())).or_default() += 1;
    }
    if std::env::var_os("PATCHWAVE_MATRIX_SHOW").is_some() {
        for ((blow, phase, case, verdict), count) in &seen {
            println!("{blow:?} {phase:?} {case}: {count} x {verdict}");
        }
    }
    let wrong: Vec<&String> = results.iter().flat_map(|result| &result.6).collect();
    let struck = results.iter().filter(|result| result.3.is_some()).count();
    let ok = results.iter().filter(|result| result.4 == Outcome::Ok).count();
    println!("{} runs, {struck} struck, {ok} ok, {:?}", results.len(), began.elapsed());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), results.len(), show(&wrong));
    if only.is_none() {
        assert!(struck * 10 > results.len() * 7, "{struck} of {} were struck", results.len());
        assert!(ok * 2 > results.len() && ok < results.len(), "{ok} of {} ended well", results.len());
    }
}

fn show(wrong: &[&String]) -> String {
    wrong.iter().take(40).map(|line| format!("{line}\n")).collect()
}

/// Runs a case without a fault; both hosts must be ok. Returns the moments of the first one's walk.
fn undisturbed(case: &Case, folder: &std::path::Path) -> Vec<Phase> {
    fastrand::seed(1);
    let after = paused(live_through(case, folder, false, None));
    for host in &after.hosts {
        let state = after.state.host(host).unwrap();
        assert_eq!(state.outcome(), Outcome::Ok, "{}: {}", case.name, reason(state));
        assert!((case.proof)(&after.fleet, &after.jump_box, host), "{}: not proved", case.name);
        assert_eq!(after.fleet.lease(host), None, "{}: the lease is left behind", case.name);
        assert_eq!(after.fleet.guards(host), 0, "{}: a guard is left behind", case.name);
    }
    after.trace
}

/// Where and how it strikes. The first seed strikes exactly at the border; the others at any moment of the phase, with
/// something added: a delay, a controller that dies a little later, a second one that dies too.
fn strike(blow: Blow, phase: Phase, trace: &[Phase], seed: u64) -> Strike {
    let moments: Vec<usize> = (0..trace.len()).filter(|n| trace[*n] == phase).collect();
    let moment = match (seed, phase) {
        (0, Phase::Before) => moments[moments.len() - 1],
        (0, Phase::During) => moments[moments.len() / 2],
        (0, Phase::After) => moments[0],
        _ => moments[fastrand::usize(..moments.len())],
    };
    let seconds = |most: u64| Duration::from_millis(fastrand::u64(0..most * 1000));
    let company = seed % 6;
    let delay = match company {
        0 | 1 | 3 => Duration::ZERO,
        2 => seconds(25),
        _ => seconds(2),
    };
    Strike {
        blow,
        moment,
        delay,
        then_killed: (company == 2 || company == 4).then(|| seconds(90)),
        rest: seconds(120),
        healed: company != 4,
        killed_again: (company >= 3).then(|| seconds(60)),
    }
}

/// Everything that is wrong afterwards.
fn judge(case: &Case, strike: &Strike, after: &Aftermath) -> Vec<String> {
    let mut wrong = Vec::new();
    if !after.state.finished || after.state.tally.in_flight > 0 {
        wrong.push("something is left open".to_owned());
    }
    let [subject, other] = &after.hosts;
    for host in [subject, other] {
        let state = after.state.host(host).unwrap();
        wrong.extend(truth(case, strike, after, host, state));
        wrong.extend(once(case, after, host));
    }
    let (mine, theirs) = (after.state.host(subject).unwrap(), after.state.host(other).unwrap());
    match theirs.outcome() {
        Outcome::Ok => {}
        Outcome::NotStarted if mine.outcome() != Outcome::Ok => {}
        // The controller that was killed took this host's programs with it.
        Outcome::Unknown if controller_died(strike) && asks(case) => {}
        Outcome::Failed if undone(strike, theirs) => {}
        outcome => wrong.push(format!("the other host is {outcome:?}: {}", reason(theirs))),
    }
    wrong.extend(unexpected(case, strike, after, mine));
    wrong
}

fn controller_died(strike: &Strike) -> bool {
    matches!(strike.blow, Blow::ControllerKilled | Blow::ControllerTerminated | Blow::JumpBoxDiskFull)
        || strike.then_killed.is_some()
        || strike.killed_again.is_some()
}

/// The time of a guard is running while there is no terminal to confirm.
fn undone(strike: &Strike, host: &HostState) -> bool {
    controller_died(strike) && host.broke_at().is_some_and(|(_, result)| result.class == "rolled-back")
}

/// A program that must not run twice. On this jump box programs die with their controller and leave no record, so
/// nothing shows how far it got.
fn asks(case: &Case) -> bool {
    let harmless = matches!(case.spec().kind, StepKind::Snapshot(_) | StepKind::Drain(_) | StepKind::Undrain(_));
    case.spec().on == Side::Controller && step::is_change(&case.spec().kind) && !harmless
}

/// Compares what an outcome claims with the host.
fn truth(case: &Case, strike: &Strike, after: &Aftermath, host: &HostName, state: &HostState) -> Vec<String> {
    let mut wrong = Vec::new();
    let broken = state.broke_at();
    let rollbacks = cases::rollbacks(&after.fleet, host);
    let said = broken.map(|(_, result)| result.class.as_str());
    if rollbacks != u32::from(said == Some("rolled-back")) && state.outcome() != Outcome::Unknown {
        // A walk that broke is rolled back at its end; the reason is still what broke it.
        let at_the_end = state.steps.iter().any(|(_, result)| result.class == "rolled-back");
        if rollbacks != u32::from(at_the_end) {
            wrong.push(format!("rolled back {rollbacks} times, and it says {said:?}"));
        }
    }
    if after.fleet.is_guarded(host) && !matches!(state.outcome(), Outcome::Unknown) {
        wrong.push(format!("{:?}, and a guard may still roll back", state.outcome()));
    }
    match (state.outcome(), broken) {
        (Outcome::Ok, None) => {
            if state.steps.len() != case.steps.len() {
                wrong.push("ok without all its steps".to_owned());
            }
            if !(case.proof)(&after.fleet, &after.jump_box, host) {
                wrong.push(format!("{host} is ok, but it is not so: {:?}", after.fleet.transactions(host)));
            }
            // A host that is away at that moment keeps its lease until the lease expires.
            if after.fleet.lease(host).is_some() && !matches!(strike.blow, Blow::ForeignReboot | Blow::PowerOff) {
                wrong.push(format!("{host} is ok and its lease is left behind"));
            }
            if !after.fleet.is_healthy(host) {
                wrong.push(format!("{host} is ok with broken packages"));
            }
        }
        (Outcome::NotStarted, None) => {}
        (outcome @ (Outcome::Failed | Outcome::Unknown | Outcome::Unreachable), Some((step, result))) => {
            let same = match result.verdict {
                Verdict::Failed => Outcome::Failed,
                Verdict::Unknown => Outcome::Unknown,
                _ => Outcome::Unreachable,
            };
            if outcome != same || result.summary.is_empty() || result.class.is_empty() {
                wrong.push(format!("{outcome:?} without its reason: {result:?}"));
            }
            let prefix = format!(".s{}.", step.index + 1);
            let touched = after.fleet.transactions(host).iter().any(|(id, _)| id.contains(&prefix));
            let touched =
                touched || (step.index == case.at && after.fleet.effects(host).contains_key("copy /etc/motd"));
            if touched && outcome == Outcome::Unreachable {
                wrong.push("unreachable, but a job was begun".to_owned());
            }
        }
        (outcome, broken) => wrong.push(format!("{outcome:?} with {broken:?}")),
    }
    wrong
}

/// Whatever makes a change ran at most once.
fn once(case: &Case, after: &Aftermath, host: &HostName) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut names = BTreeMap::<String, u32>::new();
    for (id, times) in after.fleet.transactions(host) {
        let name = id.rsplit('.').next().unwrap_or_default().to_owned();
        *names.entry(name).or_default() += times;
    }
    let rollbacks = cases::rollbacks(&after.fleet, host);
    if rollbacks > 1 {
        wrong.push(format!("rolled back {rollbacks} times"));
    }
    wrong.extend(names.iter().filter(|(_, n)| **n > 1).map(|(name, n)| format!("{name} was begun {n} times")));
    let asked = after.fleet.effects(host).get("reboot asked").copied().unwrap_or(0);
    if asked > 1 || after.fleet.reboots(host) > 1 {
        wrong.push(format!("asked to reboot {asked} times"));
    }
    let drains = if case.name == "drain" { 2 } else { 1 };
    let most = if asks(case) { 1 } else { after.controllers * drains };
    for what in ["hook begun", "command begun", "script begun", "notify begun", "post"] {
        let count = after.jump_box.count(host, what);
        if count > most {
            wrong.push(format!("{what} {count} times"));
        }
    }
    wrong
}

/// Outcomes that are worse than the fault explains.
fn unexpected(case: &Case, strike: &Strike, after: &Aftermath, mine: &HostState) -> Option<String> {
    let outcome = mine.outcome();
    if outcome == Outcome::Ok {
        return None;
    }
    let on_host = case.spec().on == Side::Host;
    let busy = after.struck == Some(true);
    let killed_a_program = controller_died(strike) && asks(case) && outcome == Outcome::Unknown;
    let allowed = match strike.blow {
        _ if killed_a_program || undone(strike, mine) => true,
        blow if blow.spares_the_host() => false,
        Blow::LinkCut => case.name == "cleanup" && outcome == Outcome::Unknown,
        Blow::JobKilled | Blow::ProgramKilled => busy && outcome != Outcome::Unreachable,
        // A host that was unreachable from the start is not waited for; nothing was done to it then.
        Blow::ForeignReboot if outcome == Outcome::Unreachable => mine.steps.len() == 1 || controller_died(strike),
        // A step that only looks waits until the host is back.
        // One that comes while a reboot has to prove itself is a reboot too many.
        Blow::ForeignReboot => on_host && (busy || case.name.ends_with("reboot") || case.name == "cleanup"),
        Blow::PowerOff => true,
        Blow::HostDiskFull => matches!(outcome, Outcome::Failed | Outcome::Unknown),
        _ => false,
    };
    (!allowed).then(|| format!("{outcome:?} is worse than the fault"))
}

/// Why a host is not ok, in one line.
fn reason(host: &HostState) -> String {
    let fine = |verdict| matches!(verdict, Verdict::Ok | Verdict::Skipped);
    match host.steps.iter().find(|(_, result)| !fine(result.verdict)) {
        Some((step, result)) => {
            format!("{:?} in step {}: {} {}", host.outcome(), step.index, result.class, result.summary)
        }
        None => format!("{:?}", host.outcome()),
    }
}
