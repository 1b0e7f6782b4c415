//! A watchdog is alive or is reported as gone, a rollback ends or is ended, and what is reported stays true after the
//! next boot.

use std::process::Stdio;

use super::*;
use crate::step::guard::{
    answer::{self, State},
    commands::{self, Wish},
};

impl Bench {
    /// The guard's state after this wish.
    async fn state(&mut self, wish: Wish) -> (State, Option<u32>) {
        let command = commands::settle(ID, wish, 0, Duration::from_secs(3));
        let output = self.link.exec(&command, &mut NoSink).await.unwrap();
        let settled = answer::settled(&output).unwrap();
        (settled.state, settled.process)
    }

    /// A host on which `systemctl start` starts what the unit says.
    fn has_systemd(&self) {
        fs::create_dir_all(self.path("run/systemd/system")).unwrap();
        self.shim("id", "echo 0");
        let systemctl = r#"echo "$*" >>"$PATCHWAVE_ROOT/asked"
[ "$1" = start ] && ! [ -e "$PATCHWAVE_ROOT/no-bus" ] || exit 0
unit=$PATCHWAVE_ROOT/etc/systemd/system/$3
cp "$unit" "$PATCHWAVE_ROOT/unit"
setsid -f $(sed -n s/^ExecStart=//p "$unit") </dev/null >/dev/null 2>&1"#;
        self.shim("systemctl", systemctl);
    }

    /// The watchdog is armed, its guard is to roll back, and another program installs packages.
    async fn waits_for_an_installation(&mut self) {
        use std::os::unix::fs::MetadataExt;
        self.arm(Outlives::Nothing).await.unwrap();
        self.file("var/lib/dpkg/lock-frontend", "");
        let inode = fs::metadata(self.path("var/lib/dpkg/lock-frontend")).unwrap().ino();
        self.file("proc/locks", format!("1: POSIX  ADVISORY  WRITE 812 fe:01:{inode} 0 EOF\n"));
        self.file("proc/812/cmdline", "apt-get\0upgrade\0");
        let waits = self.guard_file("waits");
        for _ in 0..20 {
            if waits.exists() {
                return;
            }
            self.state(Wish::RollBack).await;
        }
        panic!("it does not wait");
    }

    /// The guard's state once it no longer waits.
    async fn ends_up(&mut self) -> State {
        for _ in 0..20 {
            let (state, _) = self.state(Wish::RollBack).await;
            if !matches!(state, State::Held | State::Armed | State::Rolling) {
                return state;
            }
        }
        State::Held
    }

    /// Another run takes the host's lease, or is refused.
    async fn another(&mut self) -> Result<(), Box<StepResult>> {
        let first = std::mem::replace(&mut self.run, RunId("20261122-030000-abcd".into()));
        let answer = crate::step::lease::acquire(&mut self.cx()).await;
        self.run = first;
        answer.map(drop)
    }

    /// The watchdog has a process id different from this one.
    async fn another_watchdog(&self, than: &str) {
        for _ in 0..200 {
            let id = self.id_in("pid");
            if id != than && std::path::Path::new(&format!("/proc/{id}")).exists() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no other watchdog than {than}");
    }
}

#[tokio::test]
async fn without_systemd_a_watchdog_outlives_signals_and_is_started_again() {
    let mut bench = bench("true", "echo undone >>$H/log");
    bench.arm(Outlives::Nothing).await.unwrap();
    let (first, keeper) = (bench.id_in("pid"), bench.id_in("keeper"));
    for signal in ["TERM", "HUP", "INT"] {
        bench.sends(signal, "pid").await;
        bench.sends(signal, "keeper").await;
    }
    assert_eq!(bench.state(Wish::RollBack).await.0, State::RolledBack(0));
    assert_eq!((bench.id_in("pid"), bench.id_in("keeper"), bench.lines("log")), (first, keeper, "undone\n".to_owned()));

    let mut bench = super::bench("true", "echo undone >>$H/log");
    bench.arm(Outlives::Nothing).await.unwrap();
    let first = bench.id_in("pid");
    bench.sends("KILL", "pid").await;
    bench.another_watchdog(&first).await;
    // Its time has restarted, and ends.
    bench.up_for(2_000);
    appears(&bench.guard_file("rc")).await;
    assert_eq!(bench.lines("log"), "undone\n");
}

#[tokio::test]
async fn a_watchdog_that_is_found_dead_is_started_again_by_its_own_run() {
    for systemd in [false, true] {
        let mut bench = bench("true", "echo undone >>$H/log");
        if systemd {
            bench.has_systemd();
        }
        bench.arm(Outlives::Nothing).await.unwrap();
        bench.kill_watchdog().await;
        assert_eq!(bench.state(Wish::RollBack).await.0, State::RolledBack(0), "systemd: {systemd}");
        assert_eq!(bench.lines("log"), "undone\n");
    }
}

#[tokio::test]
async fn a_watchdog_that_cannot_be_started_again_is_lost_for_good() {
    let mut bench = bench("true", "echo undone >>$H/log");
    bench.has_systemd();
    bench.arm(Outlives::Nothing).await.unwrap();
    bench.kill_watchdog().await;
    bench.file("no-bus", "");
    assert_eq!(bench.state(Wish::RollBack).await.0, State::Dead);
    assert_eq!(bench.state(Wish::GiveUp).await.0, State::Lost);
    assert_eq!(bench.state(Wish::RollBack).await.0, State::Lost);
    // Weeks later the host boots: what was reported is still true.
    bench.boot_watchdog("boot-2").await;
    appears(&bench.guard_file("pid")).await;
    bench.watchdog_ends().await;
    assert_eq!((bench.lines("log"), bench.state(Wish::Confirm).await.0), (String::new(), State::Lost));
    assert!(!bench.path(&format!("etc/systemd/system/patchwave-guard-{ID}.service")).exists());
    assert!(bench.another().await.is_ok());
}

#[tokio::test]
async fn what_was_decided_and_not_carried_out_can_be_given_up_and_what_has_begun_cannot() {
    for (begun, state) in [(false, State::Lost), (true, State::Cut)] {
        let mut bench = bench("true", "echo undone >>$H/log");
        bench.arm(Outlives::Nothing).await.unwrap();
        bench.kill_watchdog().await;
        bench.sh(&format!("cd {} && ln rolled-back verdict", bench.guard_file("").display())).await;
        if begun {
            fs::rename(bench.guard_file("ready"), bench.guard_file("begun")).unwrap();
        }
        assert_eq!(bench.state(Wish::GiveUp).await.0, state);
        bench.start_watchdog().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!((bench.lines("log"), bench.state(Wish::RollBack).await.0), (String::new(), state));
    }
}

#[tokio::test]
async fn nobody_rolls_back_at_a_boot_a_week_after_the_last_watch() {
    const DAY: i64 = 86_400;
    // The host's calendar at the boot, compared with that of the last watch: a clock that is a day off in either
    // direction, one that was reset, a long weekend; then a week.
    for (days, acts) in [(1, true), (-1, true), (-20_000, true), (4, true), (8, false), (300, false)] {
        let mut bench = bench("true", "echo undone >>$H/log");
        bench.arm(Outlives::Nothing).await.unwrap();
        bench.kill_watchdog().await;
        bench.shim("date", &format!("echo {}", jiff::Timestamp::now().as_second() + days * DAY));
        bench.up_for(5);
        bench.boot_watchdog("boot-2").await;
        if acts {
            appears(&bench.guard_file("pid")).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(bench.lines("log"), "", "{days} days: too early");
            bench.up_for(1_000);
            appears(&bench.guard_file("rc")).await;
        } else {
            appears(&bench.guard_file("pid")).await;
            bench.watchdog_ends().await;
            assert_eq!(bench.state(Wish::RollBack).await.0, State::Lost);
        }
        assert_eq!(bench.lines("log"), if acts { "undone\n" } else { "" }, "{days} days");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_changes_nothing_while_the_host_is_up() {
    for days in [-3, 1, 400] {
        let mut bench = bench("true", "echo undone >>$H/log");
        bench.arm(Outlives::Nothing).await.unwrap();
        bench.shim("date", &format!("echo {}", jiff::Timestamp::now().as_second() + days * 86_400));
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!((bench.lines("log"), bench.state(Wish::Confirm).await.0), (String::new(), State::Confirmed));
    }
}

#[tokio::test]
async fn a_rollback_that_takes_too_long_is_ended_and_told() {
    let mut bench = bench("exit 4", "echo begun | tee -a $H/log; sleep 1000");
    let log = bench.path("log");
    let proc = bench.path("proc");
    let result = {
        let mut cx = bench.cx();
        let passes = async {
            appears(&log).await;
            fs::write(proc.join(".u"), "9000 0\n").unwrap();
            fs::rename(proc.join(".u"), proc.join("uptime")).unwrap();
        };
        tokio::join!(step::run(&mut cx), passes).0
    };
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Unknown, "rollback-hangs"), "{result:?}");
    assert!(result.summary.starts_with("the host's rollback did not end within 600 s and was ended"), "{result:?}");
    assert_eq!(result.detail[0], "begun");
    let group = bench.id_in("runner");
    bench.sh(&format!("while kill -0 -{group} 2>/dev/null; do sleep 0.1; done")).await;
    // It does not block any run.
    fs::remove_file(bench.path("var/lib/patchwave/lease")).unwrap();
    assert!(bench.another().await.is_ok());
}

#[tokio::test]
async fn while_a_rollback_runs_others_are_told_so_and_how_to_end_it() {
    let mut bench = bench("true", "echo begun >>$H/log; sleep 1000");
    bench.arm(Outlives::Nothing).await.unwrap();
    let (state, process) = bench.state(Wish::RollBack).await;
    assert_eq!(state, State::Rolling);
    let process = process.expect("the group of the rollback");
    bench.up_for(160);
    let refused = bench.another().await.unwrap_err();
    assert_eq!(refused.class, "lease");
    assert!(
        refused.summary.contains(&format!("for 60 s now (process {process}); the host ends it after 600 s")),
        "{refused:?}"
    );
    // A watchdog that is killed meanwhile continues where it was.
    let first = bench.id_in("pid");
    bench.sends("KILL", "pid").await;
    bench.another_watchdog(&first).await;
    assert_eq!(bench.state(Wish::RollBack).await, (State::Rolling, Some(process)));
    bench.sh(&format!("kill -TERM -{process}")).await;
    appears(&bench.guard_file("rc")).await;
    assert_eq!(bench.state(Wish::RollBack).await.0, State::RolledBack(143));
    assert!(bench.another().await.is_ok());
}

#[tokio::test]
async fn boots_after_which_its_run_came_back_do_not_count() {
    let mut bench = bench("true", "echo undone >>$H/log");
    bench.arm(Outlives::Nothing).await.unwrap();
    for boot in 2..7 {
        bench.kill_watchdog().await;
        bench.boot_watchdog(&format!("boot-{boot}")).await;
        appears(&bench.guard_file("pid")).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        // The next change of the walk.
        bench.arm(Outlives::Nothing).await.unwrap();
    }
    // Three boots without a confirmation: there is no time left.
    for boot in 7..10 {
        assert_eq!(bench.lines("log"), "", "boot {boot}");
        bench.kill_watchdog().await;
        bench.boot_watchdog(&format!("boot-{boot}")).await;
        appears(&bench.guard_file("pid")).await;
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    appears(&bench.guard_file("rc")).await;
}

#[tokio::test]
async fn of_two_runs_at_the_same_moment_one_arms() {
    for _ in 0..5 {
        let mut bench = bench("true", "true");
        let guard = bench.spec.guard.clone().unwrap();
        let rollback = Command::changes("rollback", ["true"]);
        let mut sent = Vec::new();
        for run in ["20261122-030000-aaaa", "20261122-030000-bbbb"] {
            bench.run = RunId(run.into());
            let id = format!("{run}.659a7fb2.s1.1");
            let command = commands::arm(&bench.cx(), &guard, &id, Outlives::Nothing, &rollback).unwrap();
            let mut child = std::process::Command::new("/bin/sh")
                .args(["-c", &command.shell_line().unwrap()])
                .env("PATCHWAVE_ROOT", bench.path(""))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), &command.stdin).unwrap();
            sent.push(child);
        }
        let said: Vec<String> = sent
            .into_iter()
            .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
            .collect();
        let armed = said.iter().filter(|said| said.starts_with("patchwave-guard armed")).count();
        let refused = said.iter().filter(|said| said.contains("is armed")).count();
        assert_eq!((armed, refused), (1, 1), "{said:?}");
    }
}

#[tokio::test]
async fn a_unit_comes_back_whatever_ends_it_and_nobody_stops_it_in_passing() {
    let mut bench = bench("true", "true");
    bench.has_systemd();
    bench.arm(Outlives::Reboot).await.unwrap();
    let unit = bench.lines("unit");
    for line in ["Restart=always", "RestartPreventExitStatus=0", "StartLimitInterval=0", "RefuseManualStop=yes"] {
        assert!(unit.lines().any(|there| there == line), "{line}: {unit}");
    }
}

#[tokio::test]
async fn a_rollback_that_waits_for_a_job_is_told_as_waiting() {
    let mut bench = bench("true", "echo undone >>$H/log");
    bench.arm(Outlives::Nothing).await.unwrap();
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let start = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().to_owned();
    let job = "var/lib/patchwave/jobs/20261122-020003-kxfa.s1";
    bench.file(&format!("{job}/pid"), format!("{} {start} boot-1\n", std::process::id()));
    assert_eq!(bench.state(Wish::RollBack).await.0, State::Held);
    let refused = bench.another().await.unwrap_err();
    assert!(refused.summary.ends_with("rolls the host back once a job or an installation there ends"), "{refused:?}");
    bench.file(&format!("{job}/rc"), "0  \n");
    assert_eq!(bench.state(Wish::RollBack).await.0, State::RolledBack(0));
    assert_eq!(bench.lines("log"), "undone\n");
}

#[tokio::test]
async fn a_rollback_does_not_begin_in_the_middle_of_somebodys_installation() {
    let mut bench = bench("true", "echo undone >>$H/log");
    bench.waits_for_an_installation().await;
    assert_eq!(bench.state(Wish::RollBack).await.0, State::Held);
    let refused = bench.another().await.unwrap_err();
    assert!(refused.summary.ends_with("rolls the host back once a job or an installation there ends"), "{refused:?}");
    assert_eq!(bench.lines("log"), "");
    bench.file("proc/locks", "");
    assert_eq!(bench.ends_up().await, State::RolledBack(0));
    assert_eq!(bench.lines("log"), "undone\n");
}

#[tokio::test]
async fn an_installation_that_does_not_end_does_not_keep_a_host_out_of_reach() {
    let mut bench = bench("true", "echo undone >>$H/log");
    bench.waits_for_an_installation().await;
    assert_eq!(bench.lines("log"), "");
    bench.up_for(99_999);
    assert_eq!(bench.ends_up().await, State::RolledBack(0));
    assert_eq!(bench.lines("log"), "undone\n");
}
