//! The rollout rules over random fleets and faults, and a crash after every event. Paused time: hours take
//! milliseconds.

use patchwave::event::{Event, HostAt, Outcome, RunState, Verdict};

use crate::support::simulation::{Shared, World, drive, over_cores, paused, settled};

/// Seeds of the plain simulation; each is a different fleet with different faults.
const SEEDS: u64 = 2_000;
/// Seeds whose run is cut after every event.
const CUT_SEEDS: u64 = 40;

fn simulate(seed: u64, health: u32, most: usize) -> (World, Vec<Event>, RunState) {
    let world = World::of(seed, health, most);
    let journal = Shared::default();
    fastrand::seed(seed);
    let ended = paused(drive(&world, journal.clone()));
    assert!(ended.lost.is_none(), "seed {seed}: {:?}", ended.lost);
    let events = journal.events();
    let state = settled(&world, &events);
    assert_eq!(format!("{:?}", ended.state.tally), format!("{:?}", state.tally), "seed {seed}: the fold differs");
    assert_eq!(state.tally.in_flight, 0, "seed {seed}: a host in flight was left");
    assert!(state.finished, "seed {seed}");
    (world, events, state)
}

#[test]
fn the_rules_hold_over_random_fleets_and_faults() {
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    let states = over_cores(SEEDS, |seed| simulate(seed, 60, 24).2);
    for (_, outcome) in states.iter().flat_map(RunState::outcomes) {
        *seen.entry(outcome.as_str()).or_default() += 1;
    }
    // A simulation in which nothing breaks, or nothing works, proves nothing.
    for outcome in ["ok", "failed", "unreachable", "unknown", "not_started"] {
        assert!(seen.get(outcome).is_some_and(|n| *n > 100), "{seen:?}");
    }
}

#[test]
fn a_healthy_fleet_is_patched_whole() {
    over_cores(200, |seed| {
        let (world, _, state) = simulate(seed, 100, 24);
        let broken: Vec<_> = state.outcomes().filter(|(_, o)| *o != Outcome::Ok).map(|(h, o)| (&h.name, o)).collect();
        assert!(broken.is_empty(), "seed {seed}, {} hosts: {broken:?}", world.hosts.len());
    });
}

/// The number of seeds whose run left a frozen host. That nothing starts while a freeze holds, and all other rules, are
/// checked at every start.
fn frozen(seeds: u64, ends: bool) -> usize {
    let left = over_cores(seeds, |seed| {
        let world = World::frozen(seed, (90, 12), ends);
        let journal = Shared::default();
        fastrand::seed(seed);
        let ended = paused(drive(&world, journal.clone()));
        assert!(ended.lost.is_none() && ended.state.finished, "seed {seed}: {:?}", ended.lost);
        let state = RunState::fold(&journal.events()).unwrap();
        assert_eq!(state.tally.in_flight, 0, "seed {seed}: a host in flight was left");
        let waits = |name| state.host(name).is_some_and(|host| host.at == HostAt::Waiting);
        usize::from(state.plan().hosts().any(|(host, ..)| host.freezes.is_some() && waits(&host.name)))
    });
    left.into_iter().sum()
}

#[test]
fn nothing_starts_while_a_freeze_holds() {
    let left = frozen(500, false);
    assert!((50..450).contains(&left), "{left} of 500 runs left a frozen host");
}

#[test]
fn hosts_whose_freeze_ends_under_way_start_by_the_same_rules() {
    let left = frozen(500, true);
    assert!(left < 450, "{left} of 500 runs left a frozen host");
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_its_host_and_not_the_run() {
    let mut world = World::of(1, 100, 6);
    world.plan.steps[0].when = Some("nobody.said == 1".to_owned());
    let journal = Shared::default();
    let ended = paused(drive(&world, journal.clone()));
    assert!(ended.lost.is_none(), "{:?}", ended.lost);
    let state = RunState::fold(&journal.events()).unwrap();
    assert!(state.tally.failed > 0 && state.tally.ok == 0 && state.tally.in_flight == 0, "{:?}", state.tally);
    let (step, result) = state.hosts.iter().find_map(|host| host.broke_at()).unwrap();
    assert_eq!((step.index, result.class.as_str()), (0, "template"), "{}", result.summary);
    assert!(result.summary.contains("nobody"), "{}", result.summary);
}

#[test]
fn a_crash_after_every_event_is_resumed_to_the_end() {
    let counts = over_cores(CUT_SEEDS, |seed| {
        let whole = simulate(seed, 70, 6).1.len();
        let ok: usize = (1..whole).map(|room| cut_and_resume(seed, room, Shared::with_room(room))).sum();
        (whole - 1, ok)
    });
    let (cuts, ok) = counts.into_iter().fold((0, 0), |(c, o), (cuts, ok)| (c + cuts, o + ok));
    assert!(cuts > 1_000 && ok > 1_000, "{cuts} cuts, {ok} hosts ok");
}

/// A ledger of an earlier version may end between events that are one transaction today.
#[test]
fn a_crash_inside_a_transaction_is_resumed_to_the_end() {
    let ok: usize = over_cores(CUT_SEEDS, |seed| {
        let whole = simulate(seed, 70, 6).1.len();
        (1..whole).map(|room| cut_and_resume(seed, room, Shared::torn(room))).sum::<usize>()
    })
    .into_iter()
    .sum();
    assert!(ok > 1_000, "{ok} hosts ok");
}

fn fine(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Ok | Verdict::Skipped)
}

/// A run whose controller dies before event `room + 1`, and a second controller that continues. Returns the hosts that
/// ended well.
fn cut_and_resume(seed: u64, room: usize, journal: Shared) -> usize {
    let world = World::of(seed, 70, 6);
    fastrand::seed(seed);
    let first = paused(drive(&world, journal.clone()));
    assert!(first.lost.is_some(), "seed {seed} was not cut at {room}");
    // What the ledger shows after the crash: every host has one outcome, no open host is ok, and a paused host has no
    // step that has begun and not ended.
    for (host, outcome) in settled(&world, &journal.events()).outcomes() {
        let expected = match host.at {
            HostAt::Waiting => Outcome::NotStarted,
            HostAt::InFlight if host.current.is_some() => Outcome::Unknown,
            HostAt::InFlight => match host.steps.iter().find(|(_, result)| !fine(result.verdict)) {
                None => Outcome::Paused,
                Some((_, result)) if result.verdict == Verdict::Unreachable => Outcome::Unreachable,
                Some((_, result)) if result.verdict == Verdict::Unknown => Outcome::Unknown,
                Some(_) => Outcome::Failed,
            },
            HostAt::Done(outcome) => outcome,
        };
        assert_eq!(outcome, expected, "seed {seed} cut at {room}: {}", host.name);
    }
    journal.heal();
    let second = paused(drive(&world, journal.clone()));
    assert!(second.lost.is_none(), "seed {seed} cut at {room}");
    let state = settled(&world, &journal.events());
    assert_eq!(state.tally.in_flight, 0, "seed {seed} cut at {room}: a host is still open");
    assert!(state.finished, "seed {seed} cut at {room}");
    state.tally.ok
}

#[test]
fn a_host_that_stops_at_a_border_has_its_last_step_recorded_and_the_next_not_begun() {
    let stopped: usize = over_cores(100, |seed| {
        let world = World::of(seed, 100, 24);
        // The first look is at the start.
        let journal = Shared::stopping(2);
        fastrand::seed(seed);
        let ended = paused(drive(&world, journal.clone()));
        assert!(ended.lost.is_none(), "seed {seed}: {:?}", ended.lost);
        let open: Vec<_> = ended.state.hosts.iter().filter(|host| host.at == HostAt::InFlight).collect();
        for host in &open {
            assert_eq!(host.current, None, "seed {seed}: {} is in a step", host.name);
            let broke = host.steps.iter().any(|(_, result)| !fine(result.verdict));
            assert_eq!(host.outcome() == Outcome::Paused, !broke, "seed {seed}: {}", host.name);
        }
        let stopped = open.iter().filter(|host| !host.steps.is_empty()).count();
        journal.heal();
        let ended = paused(drive(&world, journal.clone()));
        assert!(ended.lost.is_none(), "seed {seed}: {:?}", ended.lost);
        let state = settled(&world, &journal.events());
        assert!(state.finished && state.tally.in_flight == 0, "seed {seed}");
        stopped
    })
    .into_iter()
    .sum();
    assert!(stopped > 20, "{stopped} hosts stopped between two steps");
}

#[test]
fn a_transaction_carries_what_many_hosts_said() {
    fastrand::seed(7);
    let transactions_per_host = |forks: usize| {
        let mut world = World::wide(600);
        world.forks = forks;
        let journal = Shared::default();
        let ended = paused(drive(&world, journal.clone()));
        assert_eq!(ended.state.tally.ok, 600);
        (journal.events().len() / 600, journal.transactions() as f64 / 600.0)
    };
    let (events, alone) = transactions_per_host(1);
    let (_, many) = transactions_per_host(200);
    assert!(events >= 14, "{events} events per host");
    assert!(alone < 11.5, "a step ends and the next begins in one transaction: {alone}");
    assert!(many < 2.0, "{many}");
}
