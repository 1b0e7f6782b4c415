//! The jump box's clock is set while a run waits. A length of time stays what it is.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use patchwave::{
    demo::{Fleet, FleetSpec},
    event::{Event, Kind},
};

use crate::support::cli::Desk;

/// The library of the lab that puts what stands in `file` between a program and its wall clock.
fn library(folder: &Path, file: &Path) -> std::path::PathBuf {
    let made = folder.join("clock.so");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let built = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-fno-builtin", &format!("-DCLOCK_FILE=\"{}\"", file.display()), "-o"])
        .arg(&made)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/clock.c"))
        .status();
    assert!(built.expect("a C compiler, which the build needs, too").success());
    made
}

fn ended(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event.kind, Kind::HostFinished { .. })).count()
}

#[test]
fn a_soak_is_as_long_as_it_says_whatever_the_clock_says() {
    const SOAK: Duration = Duration::from_secs(4);
    for jump in ["86400", "-7200"] {
        let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
        let desk = Desk::of(&fleet);
        desk.write("inv.yml", &fleet.inventory().replace("canary: 1, batch: [50%, 100%]", "batch: 1, soak: 4s"));
        desk.write("play.yml", "name: Soak\nsteps:\n  - command: \"true\"\n");
        let clock = desk.write("clock", "0");
        let mut command = desk.command("run play.yml -i inv.yml");
        command.env("LD_PRELOAD", library(&desk.folder(), &clock));
        let running = desk.started(command);
        desk.until("the end of the first wave", |events| ended(events) == 1);
        let began = Instant::now();
        std::fs::write(&clock, jump).unwrap();
        running.end().ended(0).says(&["2 hosts: 2 ok"]);
        let took = began.elapsed();
        assert!(took > SOAK - Duration::from_millis(700), "{jump}: the soak was cut short: {took:?}");
        assert!(took < SOAK + Duration::from_secs(60), "{jump}: the soak took {took:?}");
        // The events are told in the wall's time: the clock did jump.
        let events = desk.events(&desk.last_run());
        let far = events.last().unwrap().at.duration_since(events[0].at).as_secs();
        assert!(!(0..3600).contains(&far), "{jump}: {far}");
    }
}
