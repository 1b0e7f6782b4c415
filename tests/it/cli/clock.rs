//! The jump box's clock is set while a run waits. Durations must stay what they are.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::case::{Case, finished};

/// The library of the lab that adds the content of `file` to a program's wall clock.
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

#[test]
fn a_soak_is_as_long_as_it_says_whatever_the_clock_says() {
    const SOAK: Duration = Duration::from_secs(4);
    for jump in ["86400", "-7200"] {
        let site =
            Case::hosts(2).policy("batch: 1, soak: 4s").play("name: Soak\nsteps:\n  - command: \"true\"\n").site();
        let clock = site.write("clock", "0");
        let mut command = site.command("run play.yml -i inv.yml");
        command.env("LD_PRELOAD", library(&site.folder(), &clock));
        let running = site.started(command);
        site.until("the end of the first wave", |events| finished(events) == 1);
        let began = Instant::now();
        std::fs::write(&clock, jump).unwrap();
        running.end().ended(0).says(&["2 hosts: 2 ok"]);
        let took = began.elapsed();
        assert!(took > SOAK - Duration::from_millis(700), "{jump}: the soak was cut short: {took:?}");
        assert!(took < SOAK + Duration::from_secs(60), "{jump}: the soak took {took:?}");
        // The events carry the wall time: the clock did jump.
        let events = site.events(&site.last_run());
        let far = events.last().unwrap().at.duration_since(events[0].at).as_secs();
        assert!(!(0..3600).contains(&far), "{jump}: {far}");
    }
}
