//! The scripts themselves, run by this machine's `/bin/sh` on folders that stand for a host. Their time comes from a
//! file.

mod living;

use std::{fs, path::PathBuf, sync::atomic::Ordering, time::Duration};

use super::{Outlives, arm_or_stop};
use crate::{
    command::Command,
    event::{RunId, StepResult, Verdict},
    playbook::{CommandLine, CommandSpec, Guard, StepKind, Template},
    step::{
        self,
        testing::{Bench, Fault, appears},
    },
    transport::NoSink,
};

const ID: &str = "20261122-020003-kxfa.659a7fb2.s1.1";

fn shell(line: String) -> CommandLine {
    CommandLine::Shell(Template(line))
}

/// A host on which this line makes a guarded change. Both lines may name the host's folder as `$H`.
fn bench(change: &str, rollback: &str) -> Bench {
    let kind = StepKind::Command(CommandSpec {
        run: shell(String::new()),
        changes: true,
        environment: Default::default(),
        ok_codes: vec![0],
    });
    let mut bench = Bench::new(kind);
    let on_host = |line: &str| shell(format!("H='{}'; {line}", bench.path("").display()));
    let (change, rollback) = (on_host(change), on_host(rollback));
    if let StepKind::Command(command) = &mut bench.spec.kind {
        command.run = change;
    }
    bench.spec.guard =
        Some(Guard { within: Duration::from_secs(600), rollback, timeout: Guard::TIMEOUT, whole_walk: false });
    bench.up_for(100);
    bench
}

impl Bench {
    /// Sets how long the host has been up, in seconds.
    fn up_for(&self, seconds: u64) {
        self.file("proc/.uptime", format!("{seconds}.50 12.00\n"));
        fs::rename(self.path("proc/.uptime"), self.path("proc/uptime")).unwrap();
    }

    fn guard_file(&self, name: &str) -> PathBuf {
        self.path(&format!("var/lib/patchwave/guards/{ID}/{name}"))
    }

    fn guarded_job(&self, name: &str) -> PathBuf {
        self.path(&format!("var/lib/patchwave/jobs/{ID}.command/{name}"))
    }

    fn lines(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    async fn guarded(&mut self) -> StepResult {
        step::run(&mut self.cx()).await
    }

    async fn arm(&mut self, outlives: Outlives) -> Result<Option<String>, Box<StepResult>> {
        arm_or_stop(&mut self.cx(), outlives).await
    }

    async fn sh(&mut self, script: &str) {
        self.link.exec(&Command::sh("test", script, [""; 0]), &mut NoSink).await.unwrap();
    }

    /// Ends the watchdog as a host does when it goes down: with everything that would start it again.
    async fn kill_watchdog(&mut self) {
        let watch = self.guard_file("watch").display().to_string();
        let of_it = |id: &String| {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).split('\0').any(|word| word == watch)
        };
        loop {
            let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name().display().to_string());
            let ids: Vec<String> = all.filter(of_it).collect();
            if ids.is_empty() {
                break;
            }
            self.sh(&format!("kill -9 {} 2>/dev/null; sleep 0.02", ids.join(" "))).await;
        }
        self.watchdog_ends().await;
    }

    /// Sends a signal to the process whose id is in this file of the guard.
    async fn sends(&mut self, signal: &str, name: &str) {
        let id = self.id_in(name);
        self.sh(&format!("[ {id} = - ] || kill -{signal} {id}")).await;
    }

    /// The process id in this file of the guard.
    fn id_in(&self, name: &str) -> String {
        let text = fs::read_to_string(self.guard_file(name)).unwrap();
        text.split(' ').next().unwrap().to_owned()
    }

    /// Waits until the watchdog is gone; a zombie counts as gone.
    async fn watchdog_ends(&mut self) {
        let pid = self.guard_file("pid").display().to_string();
        let gone = "case ${s##*) } in Z*) exit ;; esac; sleep 0.05";
        self.sh(&format!("read -r p rest <{pid}; while s=$(cat /proc/$p/stat 2>/dev/null); do {gone}; done")).await;
    }

    /// What systemd does at boot: starts the watchdog, if there is one.
    async fn boot_watchdog(&mut self, boot: &str) {
        self.boots(boot);
        let _ = fs::remove_file(self.guard_file("pid"));
        self.start_watchdog().await;
    }

    async fn start_watchdog(&mut self) {
        let guard = self.guard_file("");
        let guard = guard.display().to_string();
        let guard = guard.trim_end_matches('/');
        self.sh(&format!("setsid -f /bin/sh {guard}/watch {guard} </dev/null >/dev/null 2>&1")).await;
    }
}

#[tokio::test]
async fn a_change_that_went_well_is_confirmed_over_a_new_connection_and_leaves_nothing() {
    let mut bench = bench("echo changed >>$H/log", "echo rolled back >>$H/log");
    let result = bench.guarded().await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert_eq!(bench.transport.opened.load(Ordering::Relaxed), 2, "the old connection proves nothing");
    assert_eq!(bench.journal.notes["guard"]["stand"], "confirmed");
    assert!(!bench.path("var/lib/patchwave/guards").exists());
    // The time is long over.
    bench.up_for(99_999);
    assert_eq!(bench.lines("log"), "changed\n");
    assert_eq!((bench.count("guard-arm"), bench.count("guard-settle"), bench.count("guard-clean")), (1, 1, 1));
}

#[tokio::test]
async fn a_host_that_locks_us_out_rolls_back_by_itself_and_says_so() {
    let mut bench =
        bench("touch $H/locked-out; echo changed >>$H/log", "rm $H/locked-out; echo undone | tee -a $H/log");
    let (done, time) = (bench.guarded_job("rc"), bench.path("proc"));
    let result = {
        let mut cx = bench.cx();
        let passes = async {
            appears(&done).await;
            fs::write(time.join(".u"), "701 0\n").unwrap();
            fs::rename(time.join(".u"), time.join("uptime")).unwrap();
        };
        tokio::join!(step::run(&mut cx), passes).0
    };
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "rolled-back"), "{result:?}");
    assert_eq!(result.summary, "rolled back by the host: no new connection confirmed within 600 s");
    assert_eq!(result.detail, ["undone"]);
    assert!(result.changed && result.help.is_some());
    assert_eq!(bench.lines("log"), "changed\nundone\n");
    assert!(String::from_utf8_lossy(&bench.log.0).ends_with("undone\nthe rollback ended with exit code 0\n"));
    assert!(bench.guard_file("acked").exists() && !bench.guard_file("rollback").exists());
    assert_eq!(bench.journal.notes["guard"]["stand"], "rolled back");
}

#[tokio::test]
async fn a_step_that_fails_is_rolled_back_at_once() {
    let mut bench = bench("echo changed >>$H/log; echo no use; exit 4", "echo undone >>$H/log");
    let result = bench.guarded().await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "rolled-back"), "{result:?}");
    assert_eq!(result.summary, "rolled back by the host: the step did not succeed: exit code 4: no use");
    assert_eq!(bench.lines("log"), "changed\nundone\n");
}

#[tokio::test]
async fn a_rollback_that_fails_is_told_with_its_code() {
    let mut bench = bench("exit 4", "echo cannot; exit 3");
    let result = bench.guarded().await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "rollback-failed"), "{result:?}");
    assert!(result.summary.starts_with("the host's rollback failed with exit code 3"), "{}", result.summary);
    assert_eq!(result.detail[0], "cannot");
}

#[tokio::test]
async fn a_rollback_that_is_killed_is_never_run_again() {
    let mut bench = bench("exit 4", "echo undone >>$H/log; kill -9 $PPID $$");
    let result = bench.guarded().await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Unknown, "rollback-cut"), "{result:?}");
    assert!(!bench.guard_file("rollback").exists(), "it may hold secrets");
    bench.boot_watchdog("boot-2").await;
    appears(&bench.guard_file("pid")).await;
    bench.watchdog_ends().await;
    bench.resumed = true;
    assert_eq!(bench.guarded().await.class, "rollback-cut");
    assert_eq!(bench.lines("log"), "undone\n");
}

#[tokio::test]
async fn a_controller_that_dies_finds_out_what_the_host_did() {
    let mut bench = bench("touch $H/locked-out; echo changed >>$H/log", "rm $H/locked-out; echo undone >>$H/log");
    let done = bench.guarded_job("rc");
    {
        let mut cx = bench.cx();
        // It dies before it can confirm, which needs another connection.
        tokio::select! {
            biased;
            () = appears(&done) => {}
            result = step::run(&mut cx) => panic!("{result:?}"),
        }
    }
    bench.up_for(701);
    appears(&bench.guard_file("rc")).await;
    bench.resumed = true;
    let result = bench.guarded().await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "rolled-back"), "{result:?}");
    assert_eq!(bench.lines("log"), "changed\nundone\n");
    // And once more, as if the end of the step had not been recorded.
    let again = bench.guarded().await;
    assert_eq!((again.verdict, again.summary), (result.verdict, result.summary));
    assert_eq!(String::from_utf8_lossy(&bench.log.0).matches("undone\n").count(), 0, "it printed nothing");
    assert_eq!(bench.lines("log"), "changed\nundone\n");
}

#[tokio::test]
async fn a_controller_that_dies_in_time_comes_back_and_confirms() {
    let mut bench = bench("echo changed >>$H/log; sleep 0.3", "echo undone >>$H/log");
    let began = bench.guarded_job("pid");
    {
        let mut cx = bench.cx();
        tokio::select! {
            biased;
            () = appears(&began) => {}
            result = step::run(&mut cx) => panic!("{result:?}"),
        }
    }
    bench.resumed = true;
    let result = bench.guarded().await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert_eq!(bench.lines("log"), "changed\n");
    assert!(!bench.path("var/lib/patchwave/guards").exists());
}

#[tokio::test]
async fn the_time_does_not_run_while_a_job_does() {
    let mut bench = bench(
        "echo begun >>$H/log; touch $H/locked-out; sleep 2; echo done >>$H/log",
        "rm $H/locked-out; echo undone >>$H/log",
    );
    let (log, done, time) = (bench.path("log"), bench.guarded_job("rc"), bench.path("proc"));
    let set = |seconds: u32| {
        fs::write(time.join(".u"), format!("{seconds} 0\n")).unwrap();
        fs::rename(time.join(".u"), time.join("uptime")).unwrap();
    };
    let result = {
        let mut cx = bench.cx();
        let passes = async {
            appears(&log).await;
            set(5_000);
            appears(&done).await;
            // More than its time has passed since the watchdog's last look.
            set(50_000);
        };
        tokio::join!(step::run(&mut cx), passes).0
    };
    assert_eq!(result.class, "rolled-back", "{result:?}");
    assert_eq!(bench.lines("log"), "begun\ndone\nundone\n");
}

#[tokio::test]
async fn time_that_passed_while_the_job_ran_does_not_count() {
    let mut bench = bench("echo begun >>$H/log; sleep 3; echo done >>$H/log", "echo undone >>$H/log");
    let (log, time) = (bench.path("log"), bench.path("proc"));
    let result = {
        let mut cx = bench.cx();
        let passes = async {
            appears(&log).await;
            fs::write(time.join(".u"), "5000 0\n").unwrap();
            fs::rename(time.join(".u"), time.join("uptime")).unwrap();
        };
        tokio::join!(step::run(&mut cx), passes).0
    };
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert_eq!(bench.lines("log"), "begun\ndone\n");
}

#[tokio::test]
async fn a_change_does_not_begin_when_its_guard_is_over() {
    let mut bench = bench("echo changed >>$H/log", "echo undone >>$H/log");
    bench.arm(Outlives::Nothing).await.unwrap();
    bench.up_for(701);
    appears(&bench.guard_file("rc")).await;
    bench.resumed = true;
    let result = bench.guarded().await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "rolled-back"), "{result:?}");
    assert!(result.summary.ends_with("this change was not started"), "{}", result.summary);
    assert_eq!(bench.lines("log"), "undone\n");
    assert_eq!(bench.count("job-start"), 0);
}

#[tokio::test]
async fn a_change_that_had_begun_is_found_again_though_its_guard_is_over() {
    let mut bench = bench("echo changed | tee -a $H/log", "echo undone >>$H/log");
    let done = bench.guarded_job("rc");
    // No answer about the job reaches the controller before it dies.
    bench.faults("job-start", [Fault::NotHeardAfter(Duration::from_secs(30)); 200]);
    {
        let mut cx = bench.cx();
        tokio::select! {
            biased;
            () = appears(&done) => {}
            result = step::run(&mut cx) => panic!("{result:?}"),
        }
    }
    bench.no_faults();
    assert_eq!(bench.journal.notes["job.command"]["begun"], false);
    bench.up_for(701);
    appears(&bench.guard_file("rc")).await;
    bench.resumed = true;
    let result = bench.guarded().await;
    assert_eq!(result.summary, "rolled back by the host: no new connection confirmed within 600 s");
    assert_eq!(bench.lines("log"), "changed\nundone\n");
    assert!(String::from_utf8_lossy(&bench.log.0).starts_with("changed\n"));
}

#[tokio::test]
async fn lost_answers_arm_once_and_confirm_once() {
    let lost = |ms| Fault::LoseAfter(Duration::from_millis(ms));
    let mut bench = bench("echo changed >>$H/log", "echo undone >>$H/log");
    bench.faults("guard-arm", [lost(1), lost(300), Fault::NotSent]);
    bench.faults("guard-settle", [Fault::NotSent, lost(1), lost(300)]);
    bench.faults("guard-clean", [Fault::NotSent, lost(1)]);
    let result = bench.guarded().await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    bench.up_for(9_999);
    assert_eq!(bench.lines("log"), "changed\n");
}

#[tokio::test]
async fn another_run_changes_nothing_while_a_guard_is_armed() {
    let mut bench = bench("echo changed >>$H/log", "echo undone >>$H/log");
    bench.arm(Outlives::Nothing).await.unwrap();
    let first = std::mem::replace(&mut bench.run, RunId("20261122-030000-abcd".into()));
    bench.journal.notes.clear();
    let result = bench.guarded().await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "lease"), "{result:?}");
    assert!(result.summary.starts_with(&format!("a guard of ann@jump1, run {first}, is armed")), "{}", result.summary);
    assert!(result.help.as_ref().is_some_and(|help| help.contains(&format!("patchwave resume {first}"))), "{result:?}");
    assert_eq!((bench.count("guard-arm"), bench.lines("log")), (1, String::new()));
    // It stays over.
    bench.up_for(701);
    appears(&bench.guard_file("rc")).await;
    assert_eq!(bench.guarded().await.verdict, Verdict::Ok);
    assert_eq!(bench.lines("log"), "undone\nchanged\n");
}

#[tokio::test]
async fn a_reboot_begins_the_time_anew_three_times_at_the_most() {
    let mut bench = bench("true", "echo undone >>$H/log");
    bench.arm(Outlives::Nothing).await.unwrap();
    bench.up_for(650);
    for boot in ["boot-2", "boot-3"] {
        bench.kill_watchdog().await;
        bench.up_for(5);
        bench.boot_watchdog(boot).await;
        appears(&bench.guard_file("pid")).await;
        bench.up_for(400);
    }
    assert_eq!(bench.lines("log"), "");
    bench.kill_watchdog().await;
    bench.boot_watchdog("boot-4").await;
    appears(&bench.guard_file("rc")).await;
    assert_eq!(bench.lines("log"), "undone\n");
}

#[tokio::test]
async fn a_watchdog_that_is_gone_is_told_and_a_confirmation_still_counts() {
    let mut bench = bench("true", "echo undone >>$H/log");
    bench.arm(Outlives::Nothing).await.unwrap();
    bench.kill_watchdog().await;
    // It does not block other runs, and will not act in the middle of one, even if it is started again.
    let first = std::mem::replace(&mut bench.run, RunId("20261122-030000-abcd".into()));
    let notes = std::mem::take(&mut bench.journal.notes);
    assert_eq!(bench.guarded().await.verdict, Verdict::Ok);
    assert_eq!(bench.lines(&format!("var/lib/patchwave/guards/{ID}/verdict")), "lost\n");
    bench.up_for(9_999);
    bench.boot_watchdog("boot-2").await;
    appears(&bench.guard_file("pid")).await;
    bench.watchdog_ends().await;
    assert_eq!(bench.lines("log"), "");
    // Its own run finds out.
    (bench.run, bench.journal.notes, bench.resumed) = (first, notes, true);
    bench.sh("rm -f $PATCHWAVE_ROOT/var/lib/patchwave/lease").await;
    let result = bench.guarded().await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Unknown, "guard-lost"), "{result:?}");
    assert!(result.summary.contains("it will not act any more"), "{}", result.summary);
    assert_eq!(bench.lines("log"), "");
}

#[tokio::test]
async fn what_cannot_be_guarded_is_refused_before_anything_is_changed() {
    let mut bench = bench("true", "true");
    let refused = bench.arm(Outlives::Reboot).await.unwrap_err();
    assert_eq!(refused.class, "guard");
    assert!(refused.summary.contains("nothing was changed: without systemd"), "{}", refused.summary);
    assert!(!bench.guard_file("").exists());
    fs::create_dir_all(bench.path("var/lib/patchwave")).unwrap();
    std::os::unix::fs::symlink("/tmp", bench.path("var/lib/patchwave/guards")).unwrap();
    assert!(bench.arm(Outlives::Nothing).await.unwrap_err().summary.contains("symbolic link"));
}

#[tokio::test]
async fn a_systemd_host_gets_a_unit_that_outlives_a_boot() {
    let mut bench = bench("echo changed >>$H/log", "echo undone >>$H/log");
    fs::create_dir_all(bench.path("run/systemd/system")).unwrap();
    bench.shim("id", "echo 0");
    bench.shim("systemd-run", "while [ \"$1\" != /bin/sh ]; do shift; done\nsetsid -f \"$@\" >/dev/null 2>&1");
    let systemctl = r#"echo "$*" >>"$PATCHWAVE_ROOT/asked"
[ "$1" = start ] || exit 0
cp "$PATCHWAVE_ROOT/etc/systemd/system/$3" "$PATCHWAVE_ROOT/unit"
ls "$PATCHWAVE_ROOT/etc/systemd/system/sysinit.target.wants" >"$PATCHWAVE_ROOT/wanted"
setsid -f $(sed -n s/^ExecStart=//p "$PATCHWAVE_ROOT/unit") </dev/null >/dev/null 2>&1"#;
    bench.shim("systemctl", systemctl);
    assert_eq!(bench.guarded().await.verdict, Verdict::Ok);
    let unit = format!("patchwave-guard-{ID}.service");
    assert!(
        bench.lines("asked").contains(&format!("daemon-reload\nstart --no-block {unit}\n")),
        "{}",
        bench.lines("asked")
    );
    assert_eq!(bench.lines("wanted"), format!("{unit}\n"));
    assert!(bench.lines("unit").contains("IgnoreOnIsolate=yes\n"), "{}", bench.lines("unit"));
    assert!(!bench.path(&format!("etc/systemd/system/{unit}")).exists());
    assert_eq!(fs::read_dir(bench.path("etc/systemd/system/sysinit.target.wants")).unwrap().count(), 0);
    assert_eq!(bench.lines("log"), "changed\n");
}

#[tokio::test]
async fn a_unit_that_cannot_be_started_leaves_nothing() {
    let mut bench = bench("echo changed >>$H/log", "echo undone >>$H/log");
    fs::create_dir_all(bench.path("run/systemd/system")).unwrap();
    bench.shim("id", "echo 0");
    bench.shim("systemctl", "[ \"$1\" != start ] || { echo Failed to connect to bus; exit 1; }");
    let result = bench.guarded().await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "guard"), "{result:?}");
    assert!(result.summary.ends_with("systemctl: Failed to connect to bus"), "{}", result.summary);
    assert_eq!(fs::read_dir(bench.path("var/lib/patchwave/guards")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(bench.path("etc/systemd/system/sysinit.target.wants")).unwrap().count(), 0);
    assert_eq!(bench.lines("log"), "");
}

#[tokio::test]
async fn a_check_arms_nothing_and_says_what_it_would() {
    let mut bench = bench("true", "echo undone");
    bench.check = true;
    let result = bench.guarded().await;
    assert_eq!(result.verdict, Verdict::Skipped);
    assert!(
        result
            .summary
            .starts_with("would run the command; guarded: unless confirmed within 600 s, the host would run: H='"),
        "{result:?}"
    );
    assert_eq!(bench.count("guard-arm"), 0);
    if let Some(guard) = &mut bench.spec.guard {
        guard.rollback = shell("{{ nowhere }}".to_owned());
    }
    assert_eq!(bench.guarded().await.class, "template");
}

#[tokio::test]
async fn a_change_that_lost_its_lease_before_it_began_is_not_rolled_back() {
    let mut bench = bench("echo changed >>$H/log", "echo undone >>$H/log");
    // Another run takes the host by force while the guard is being armed: both scripts ask for the date.
    let steal = "printf 'R2\\nbob@jump2\\n1\\n' >\"$PATCHWAVE_ROOT/var/lib/patchwave/lease\"; exec /bin/date \"$@\"";
    bench.shim("date", steal);
    let result = bench.guarded().await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "lease-lost"), "{result:?}");
    assert!(!result.changed, "{result:?}");
    assert_eq!((bench.count("guard-arm"), bench.lines("log").as_str()), (1, ""));
    assert!(!bench.path("var/lib/patchwave/guards").exists(), "the guard is withdrawn");
}
