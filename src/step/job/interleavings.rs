//! Every order in which two controllers, a host and faults can act on each other, up to a depth: the real controller
//! code and the real scripts, on a folder that plays host. `laws.rs` says what must hold after every move; which moves
//! there are, `search.rs` says. `PATCHWAVE_INTERLEAVINGS=DEPTH` walks to another depth.
//! Not in it: two scripts of one host at the same moment (a lock keeps them apart), systemd, and guards.

mod controller;
mod host;
mod laws;
mod search;

use std::time::Duration;

use self::{
    controller::Orders,
    host::Mutant,
    search::{Faults, Scenario},
};

/// At most one fault in each order of moves, of whatever kind.
const ONE: Faults = Faults { all: 1, ..TWO };
/// At most two.
const TWO: Faults = Faults { all: 2, losses: 2, delays: 1, deaths: 1, kills: 1, reboots: 1, ages: 1 };
const LOST: Faults = Faults { losses: 1, ..Faults::NONE };
const AGED: Faults = Faults { ages: 1, ..Faults::NONE };

fn orders(run: &'static str, owner: &'static str) -> Orders {
    let other = if run == "A" { "B" } else { "A" };
    Orders { run, other, owner, steals: false, leased: false, limit: Duration::from_secs(3600) }
}

/// Runs of two jump boxes that know nothing of each other.
fn two_jump_boxes() -> Scenario {
    Scenario { orders: [orders("A", "ann@jump1"), orders("B", "bob@jump2")], alike: true }
}

/// B is of the ledger that also has A, and sees there when A has finished.
fn one_ledger() -> Scenario {
    Scenario { orders: [orders("A", "ann@jump1"), orders("B", "ann@jump1")], alike: true }
}

/// A is behind its first change when B comes with `--steal-lease`.
fn one_steals() -> Scenario {
    let [mut a, mut b] = two_jump_boxes().orders;
    (a.leased, b.steals) = (true, true);
    Scenario { orders: [a, b], alike: false }
}

/// A is behind its first change, and its step has little time: its job may be left alone. B is of the same ledger.
fn one_gives_up() -> Scenario {
    let [mut a, b] = one_ledger().orders;
    (a.leased, a.limit) = (true, Duration::from_secs(5));
    Scenario { orders: [a, b], alike: false }
}

#[test]
fn two_jump_boxes_keep_the_laws_in_every_order() {
    holds(&two_jump_boxes(), [(ONE, 8), (TWO, 6)]);
}

#[test]
fn two_runs_of_one_ledger_keep_the_laws_in_every_order() {
    holds(&one_ledger(), [(ONE, 7), (TWO, 5)]);
}

#[test]
fn a_run_that_steals_keeps_the_laws_in_every_order() {
    holds(&one_steals(), [(ONE, 6), (TWO, 5)]);
}

#[test]
fn a_run_that_gives_up_keeps_the_laws_in_every_order() {
    holds(&one_gives_up(), [(ONE, 7), (TWO, 6)]);
}

/// Walks every order of so many moves. Without a fault two whole walks take six moves.
fn holds(scenario: &Scenario, walks: [(Faults, usize); 2]) {
    let deeper = std::env::var("PATCHWAVE_INTERLEAVINGS").ok().map(|depth| depth.parse().expect("a number of moves"));
    for (faults, depth) in walks {
        let depth = deeper.unwrap_or(depth);
        let found = search::walk(scenario, faults, depth, None);
        println!("at most {} faults: {found}", faults.all);
        assert!(found.broken.is_none(), "{found}");
        assert_eq!(found.depth, depth, "the orders end earlier: {found}");
    }
}

/// A change of the scripts that breaks a law.
struct Wrong {
    what: &'static str,
    mutant: Mutant,
    scenario: fn() -> Scenario,
    faults: Faults,
    /// How the law that it breaks begins.
    law: &'static str,
    /// How many moves show it.
    moves: usize,
}

const fn mutant(from: &'static str, to: &'static str) -> Mutant {
    Mutant { from, to }
}

const WRONG: [Wrong; 11] = [
    Wrong {
        what: "gives the lease away under a job",
        mutant: mutant(r#"none_at_work "$@""#, ":"),
        scenario: two_jump_boxes,
        faults: AGED,
        law: "the lease went",
        moves: 6,
    },
    Wrong {
        what: "sees no job at work",
        mutant: mutant(r#"alive "$1/pid" || alive "$1/child""#, "false"),
        scenario: two_jump_boxes,
        faults: AGED,
        law: "the lease went",
        moves: 5,
    },
    Wrong {
        what: "steals the lease from under a job that was not recorded",
        mutant: mutant(r#"[ "$jobs" = "$7" ]"#, "true"),
        scenario: one_steals,
        faults: Faults::NONE,
        law: "the lease went",
        moves: 3,
    },
    Wrong {
        what: "gives the lease back under a job",
        mutant: mutant(r#"works "$job" && exit 0"#, ":"),
        scenario: one_gives_up,
        faults: Faults::NONE,
        law: "the lease went",
        moves: 4,
    },
    Wrong {
        what: "starts a job without the lease",
        mutant: mutant(r#"is_mine "$6""#, "true"),
        scenario: two_jump_boxes,
        faults: AGED,
        law: "began without the lease",
        moves: 5,
    },
    Wrong {
        what: "lets a job begin that was claimed before the lease was taken",
        mutant: mutant(r#"forbid "$job""#, ":"),
        scenario: two_jump_boxes,
        faults: AGED,
        law: "began without the lease",
        moves: 6,
    },
    Wrong {
        what: "runs a job as often as it is started",
        mutant: mutant(r#"! ln "$job/pid.$$" "$job/pid""#, r#"! mv "$job/pid.$$" "$job/pid""#),
        scenario: two_jump_boxes,
        faults: LOST,
        law: "run twice",
        moves: 4,
    },
    Wrong {
        what: "loses the exit code",
        mutant: mutant(r#"printf '%-3s\n' "$rc" >"$job/rc""#, ":"),
        scenario: two_jump_boxes,
        faults: Faults::NONE,
        law: "A says Unknown job-lost",
        moves: 3,
    },
    Wrong {
        what: "makes up an exit code",
        mutant: mutant(r#"printf '%-3s\n' "" >"$job/rc.$$""#, r#"printf '0  \n' >"$job/rc""#),
        scenario: two_jump_boxes,
        faults: Faults::NONE,
        law: "A says Ok",
        moves: 2,
    },
    Wrong {
        what: "does not say, at a look, that the lease was taken",
        mutant: mutant(r#"if is_lost "$6""#, "if false"),
        scenario: one_steals,
        faults: Faults::NONE,
        law: "A says Ok",
        moves: 5,
    },
    Wrong {
        what: "does not leave the name of the run that lost the lease",
        mutant: mutant(r#"mv -f "$base/lost/.new" "$base/lost/$holder""#, ":"),
        scenario: one_steals,
        faults: Faults::NONE,
        law: "A is ok, and another run took its lease",
        moves: 4,
    },
];

/// A script that is wrong is found, by the shortest order of moves that shows it.
#[test]
fn a_wrong_script_is_found() {
    let mut missed = Vec::new();
    for Wrong { what, mutant, scenario, faults, law, moves } in WRONG {
        let found = search::walk(&scenario(), faults, moves, Some(mutant));
        println!("{what}: {found}");
        assert!(found.met, "{what}: no script has this text any more: {}", mutant.from);
        if !found.broken.as_ref().is_some_and(|(broken, order)| broken.starts_with(law) && order.len() == moves) {
            missed.push(format!("{what}: {found}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
