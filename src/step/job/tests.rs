//! The scripts themselves, on this machine's `/bin/sh`, in a folder.

use std::{fs, time::Duration};

use super::{
    JobEnd, JobSpec, JobTrouble,
    payload::{Look, start},
    run,
};
use crate::{
    command::{Command, Exit},
    playbook::{Pause, StepKind},
    step::testing::{Bench, Fault, appears},
    transport::Class,
};

#[path = "start_tests.rs"]
mod starts;

#[path = "deadline_tests.rs"]
mod deadlines;

const ID: &str = "20261122-020003-kxfa.659a7fb2.s1.1.main";

/// A host that nobody has touched.
fn untouched() -> Bench {
    Bench::new(StepKind::Pause(Pause { duration: Duration::ZERO }))
}

/// A host whose lease is this run's.
fn bench() -> Bench {
    let bench = untouched();
    bench.file("var/lib/patchwave/lease", format!("{}\nann@jump1\n1\n", bench.run));
    bench
}

fn sh(script: &str) -> JobSpec {
    JobSpec::new("main", Command::sh("work", script, [""; 0]).changing())
}

impl Bench {
    async fn job(&mut self, spec: &JobSpec) -> Result<JobEnd, JobTrouble> {
        run(&mut self.cx(), spec).await
    }

    fn job_file(&self, name: &str) -> std::path::PathBuf {
        self.path(&format!("var/lib/patchwave/jobs/{ID}/{name}"))
    }

    /// What is left in the job's files that must not stay: its program may hold secrets.
    fn programs_left(&self) -> String {
        let files = fs::read_dir(self.job_file("")).unwrap().map(|file| file.unwrap());
        let runs = files.filter(|file| file.file_name().to_string_lossy().starts_with("run"));
        runs.map(|file| fs::read_to_string(file.path()).unwrap()).collect()
    }

    /// Kills what the job's file `pid` or `child` names.
    fn kill(&self, name: &str) {
        let text = fs::read_to_string(self.job_file(name)).unwrap();
        let pid = text.split(' ').next().unwrap().parse().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL)
            .unwrap();
    }
}

fn look_at<'a>(id: &'a str, run: &'a str) -> Look<'a> {
    Look { id, run, offset: 0, wait: Duration::ZERO, gather: Duration::ZERO }
}

#[tokio::test]
async fn a_job_leaves_its_output_and_code_once() {
    let mut bench = bench();
    let spec = sh("echo out; echo err >&2; umask; echo \"$LC_ALL|$S\"; read x || echo no-input; exit 3");
    let spec = JobSpec { command: spec.command.env("S", "it's $x"), ..spec };
    let end = bench.job(&spec).await.unwrap();
    assert_eq!(end.exit, Exit::Code(3));
    assert_eq!(String::from_utf8(end.tail).unwrap(), "out\nerr\n0022\nC|it's $x\nno-input\n");
    assert_eq!(bench.log.0, b"out\nerr\n0022\nC|it's $x\nno-input\n");
    assert_eq!(bench.journal.notes["job.main"]["code"], 3);
    assert_eq!(bench.programs_left(), "", "the arguments may be secret");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(bench.job_file("out")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn two_names_of_one_machine_have_jobs_of_their_own() {
    let mut bench = bench();
    assert_eq!(bench.job(&sh("echo mine")).await.unwrap().tail, b"mine\n");
    bench.host = crate::host::HostName::new("web1-alias").unwrap();
    bench.journal.notes.clear();
    assert_eq!(bench.job(&sh("echo yours")).await.unwrap().tail, b"yours\n");
}

#[tokio::test]
async fn a_resumed_step_attaches_and_never_starts_twice() {
    let mut bench = bench();
    let count = bench.path("count").display().to_string();
    let go = bench.path("go");
    let spec = sh(&format!(
        "echo begun; echo x >>{count}; i=0; while [ ! -e {} ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done; echo over",
        go.display()
    ));
    // The controller dies while it follows: it has heard that the job runs, and asks for more.
    let ran = std::sync::Arc::clone(&bench.transport.ran);
    let follows = async {
        while ran.lock().unwrap().iter().filter(|label| **label == "job-poll").count() < 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        end = bench.job(&spec) => panic!("it was not cut: {end:?}"),
        () = follows => {}
    }
    fs::write(go, "").unwrap();
    bench.resumed = true;
    let end = bench.job(&spec).await.unwrap();
    assert_eq!(end.exit, Exit::Code(0));
    // A third one finds the recorded end.
    assert_eq!(bench.job(&spec).await.unwrap().exit, Exit::Code(0));
    assert_eq!(fs::read_to_string(count).unwrap(), "x\n");
    assert_eq!(bench.count("job-start"), 1);
}

#[test]
fn a_job_does_not_begin_on_a_disk_without_room() {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path();
    fs::write(job.join("wrapper"), include_str!("wrapper.sh")).unwrap();
    fs::write(job.join("run.7"), "mkdir \"$1/ran\"").unwrap();
    let wrapped = |limit: &str| {
        let script = format!("trap '' XFSZ; {limit}; exec /bin/sh \"$1/wrapper\" \"$1\" 7");
        std::process::Command::new("/bin/sh").args(["-c", &script, "sh"]).arg(job).output().unwrap();
    };
    // No file may have a byte.
    wrapped("ulimit -f 0");
    assert!(!job.join("ran").exists() && !job.join("pid").exists(), "nobody could have told that it runs");
    wrapped("true");
    assert!(job.join("ran").exists() && job.join("pid").exists());
    assert_eq!(fs::read_to_string(job.join("rc")).unwrap(), "0  \n");
}

#[tokio::test]
async fn a_retry_is_another_job() {
    let mut bench = bench();
    let count = bench.path("count").display().to_string();
    let spec = sh(&format!("echo x >>{count}; exit 1"));
    assert!(!bench.job(&spec).await.unwrap().success());
    bench.attempt = 2;
    assert!(!bench.job(&spec).await.unwrap().success());
    assert_eq!(fs::read_to_string(&count).unwrap(), "x\nx\n");
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_starts_once() {
    for fault in [Fault::LoseAfter(Duration::from_millis(1)), Fault::NotHeardAfter(Duration::from_millis(400))] {
        let mut bench = bench();
        let count = bench.path("count").display().to_string();
        bench.faults("job-start", [fault, fault]);
        let end = bench.job(&sh(&format!("echo x >>{count}; sleep 0.5"))).await.unwrap();
        assert!(end.success());
        assert_eq!(fs::read_to_string(count).unwrap(), "x\n", "{fault:?}");
        // On a busy machine the connection is cut late: what was heard until then needs no further start.
        let starts = bench.count("job-start");
        assert!(starts == 3 || starts == 2 && matches!(fault, Fault::LoseAfter(_)), "{fault:?}: {starts} starts");
    }
}

#[tokio::test]
async fn lost_connections_leave_no_gap_and_no_repeat() {
    let mut bench = bench();
    let fault = Fault::CutAfter(Duration::from_millis(150));
    bench.faults("job-poll", [fault, fault, Fault::NotSent]);
    let end = bench.job(&sh("i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done; sleep 1; echo end")).await;
    assert!(end.unwrap().success());
    let expected: String = (0..300).map(|i| format!("line {i}\n")).chain(["end\n".to_owned()]).collect();
    assert_eq!(String::from_utf8_lossy(&bench.log.0), expected);
}

#[tokio::test]
async fn a_killed_wrapper_is_waited_out_and_then_lost() {
    let mut bench = bench();
    let (count, pid) = (bench.path("count"), bench.job_file("child"));
    let spec = sh(&format!("echo working; sleep 1.5; echo x >>{}", count.display()));
    let killer = async {
        appears(&pid).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let text = {
        let mut cx = bench.cx();
        let follow = run(&mut cx, &spec);
        tokio::pin!(follow);
        tokio::select! { _ = &mut follow => panic!("too early"), () = killer => {} }
        fs::read_to_string(pid.with_file_name("pid")).unwrap()
    };
    assert!(text.ends_with(" boot-1\n"), "{text}");
    bench.kill("pid");
    bench.resumed = true;
    // Its program still works: the verdict waits for it.
    let trouble = bench.job(&spec).await.unwrap_err();
    assert!(matches!(trouble, JobTrouble::Lost { .. }), "{trouble:?}");
    assert_eq!(fs::read_to_string(count).unwrap(), "x\n");
}

#[tokio::test]
async fn a_killed_job_is_lost_or_rebooted() {
    for boot in ["boot-1", "boot-2"] {
        let mut bench = bench();
        let child = bench.job_file("child");
        let spec = sh("echo working; sleep 60");
        {
            let mut cx = bench.cx();
            let follow = run(&mut cx, &spec);
            tokio::select! { _ = follow => panic!("too early"), () = appears(&child) => {} }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.kill("pid");
        bench.kill("child");
        bench.boots(boot);
        bench.resumed = true;
        match bench.job(&spec).await.unwrap_err() {
            JobTrouble::Lost { .. } => assert_eq!(boot, "boot-1"),
            JobTrouble::Rebooted { .. } => assert_eq!(boot, "boot-2"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_job_that_outlives_its_deadline_is_left_alone() {
    let mut bench = bench();
    bench.limit = Duration::from_secs(1);
    let done = bench.path("done");
    let spec = sh(&format!("echo on my way; sleep 2; echo x >{}", done.display()));
    match bench.job(&spec).await.unwrap_err() {
        JobTrouble::Stuck { id, tail } => assert_eq!((id.as_str(), &tail[..]), (ID, &b"on my way\n"[..])),
        other => panic!("{other:?}"),
    }
    appears(&done).await;
}

#[tokio::test]
async fn five_megabytes_of_anything_arrive_whole() {
    let mut bench = bench();
    let bytes: Vec<u8> = (0..5_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut spec = sh("cat \"$PATCHWAVE_JOB/script\"");
    spec.script = Some(bytes.clone());
    let end = bench.job(&spec).await.unwrap();
    assert!(bench.log.0 == bytes, "the output is not what was written");
    assert_eq!(end.tail, bytes[bytes.len() - (64 << 10)..]);
    assert!(bench.journal.progress.iter().all(|line| !line.chars().any(|c| c.is_control() && c != '\t')));
}

#[tokio::test]
async fn foreign_folders_are_refused() {
    let mut bench = untouched();
    fs::create_dir_all(bench.path("var/lib")).unwrap();
    std::os::unix::fs::symlink("/tmp", bench.path("var/lib/patchwave")).unwrap();
    match bench.job(&sh("echo x")).await.unwrap_err() {
        JobTrouble::Lease(result) => assert!(result.summary.contains("symbolic link"), "{}", result.summary),
        other => panic!("{other:?}"),
    }
    assert!(!std::path::Path::new("/tmp/jobs").exists());
}

#[tokio::test]
async fn a_dead_host_is_unreachable_and_nothing_began() {
    let mut bench = untouched();
    bench.transport.refuse.lock().unwrap().push_back(Class::TimedOut);
    match bench.job(&sh("echo x")).await.unwrap_err() {
        JobTrouble::Link { begun: None, error } => assert!(error.unreachable()),
        other => panic!("{other:?}"),
    }
    assert!(!bench.path("var/lib/patchwave").exists());
}

#[tokio::test]
async fn nothing_starts_when_the_note_cannot_be_written() {
    let mut bench = bench();
    bench.journal.closed = true;
    assert!(matches!(bench.job(&sh("echo x")).await, Err(JobTrouble::Interrupted(_))));
    assert_eq!(bench.count("job-start"), 0);
}

#[tokio::test]
async fn a_systemd_host_gets_a_unit() {
    // An older one does not know `--pipe`, and hosts without coreutils have no `timeout`.
    for (refuses, timeout) in [("", true), ("--pipe", true), ("", false)] {
        let mut bench = bench();
        fs::create_dir_all(bench.path("run/systemd/system")).unwrap();
        bench.shim("id", "echo 0");
        bench.shim(
            "systemd-run",
            &format!(
                "echo \"$*\" >>\"$PATCHWAVE_ROOT/asked\"\ncase $* in {}) exit 1 ;; *--wait*) wait=-w ;; esac\n\
                 while [ \"$1\" != /bin/sh ]; do shift; done\nsetsid -f $wait \"$@\"",
                if refuses.is_empty() { "nothing" } else { "*--pipe*" }
            ),
        );
        bench.shim("systemctl", "exit 3");
        if !timeout {
            bench.shim("timeout", "exit 127");
        }
        let end = bench.job(&sh("echo x")).await.unwrap();
        assert!(end.success() && end.tail == b"x\n");
        let asked = fs::read_to_string(bench.path("asked")).unwrap();
        let start = format!("--unit=patchwave-{ID} -p KillMode=process -p TimeoutStopSec=infinity /bin/sh ");
        let waits = format!("--quiet --wait --pipe {start}");
        let plain = format!("--quiet {start}");
        let lines: Vec<bool> = asked.lines().map(|line| line.starts_with(&waits)).collect();
        assert!(asked.lines().all(|line| line.starts_with(&waits) || line.starts_with(&plain)), "{asked}");
        let expected: &[bool] = match (refuses, timeout) {
            ("", true) => &[true],
            ("", false) => &[false],
            _ => &[true, false],
        };
        assert_eq!(lines, expected, "{asked}");
        assert_eq!(*bench.transport.ran.lock().unwrap(), ["job-start"]);
    }
}

#[tokio::test]
async fn a_unit_that_cannot_be_made_changes_nothing() {
    let mut bench = bench();
    fs::create_dir_all(bench.path("run/systemd/system")).unwrap();
    bench.shim("id", "echo 0");
    bench.shim("systemd-run", "echo Failed to connect to bus >&2; exit 1");
    bench.shim("systemctl", "exit 3");
    match bench.job(&sh("echo x")).await.unwrap_err() {
        JobTrouble::Refused { why } => assert_eq!(why, "systemd-run: Failed to connect to bus"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn old_folders_go_when_their_end_is_recorded() {
    let mut bench = untouched();
    let jobs = bench.path("var/lib/patchwave/jobs");
    for (name, acked) in [("R1.s1.1.main", true), ("R2.s1.1.main", false), ("new.s1.1.main", true)] {
        fs::create_dir_all(jobs.join(name)).unwrap();
        fs::write(jobs.join(name).join("rc"), "0  \n").unwrap();
        if acked {
            fs::write(jobs.join(name).join("acked"), "").unwrap();
        }
        if name.starts_with('R') {
            let old = std::time::SystemTime::now() - Duration::from_secs(9 * 86400);
            fs::File::open(jobs.join(name)).unwrap().set_modified(old).unwrap();
        }
    }
    crate::step::lease::acquire(&mut bench.cx()).await.unwrap();
    assert_eq!(
        ["R1.s1.1.main", "R2.s1.1.main", "new.s1.1.main"].map(|name| jobs.join(name).exists()),
        [false, true, true]
    );
}

#[tokio::test]
async fn a_program_does_not_begin_once_its_guard_is_over() {
    let mut bench = bench();
    bench.file("var/lib/patchwave/guards/R.s1.1/verdict", "rolled-back\n");
    let count = bench.path("count");
    let spec = sh(&format!("echo x >>{}", count.display()));
    let start = start(look_at("R.s1.1.main", ""), "", None, &spec, Some("R.s1.1"), bench.link.secrets()).unwrap();
    bench.link.exec(&start, &mut crate::transport::NoSink).await.unwrap();
    let rc = bench.path("var/lib/patchwave/jobs/R.s1.1.main/rc");
    appears(&rc).await;
    assert_eq!(fs::read_to_string(rc).unwrap().trim(), "113");
    assert!(!count.exists());
}

/// Between the lease and the start the controller may have slept for as long as it likes.
#[tokio::test]
async fn a_job_does_not_begin_once_the_lease_is_another_runs() {
    for (lease, why) in [
        ("R2\nbob@jump2\n1\n", "run R2 of bob@jump2 took the host's lease from this run: this change was not started"),
        ("", "this run's lease of the host is gone (its file on the host was removed): this change was not started"),
    ] {
        // A start of it that was sent before may have claimed its folder.
        for claimed in [false, true] {
            let mut bench = bench();
            bench.file("var/lib/patchwave/lease", lease);
            if claimed {
                fs::create_dir_all(bench.job_file("")).unwrap();
            }
            let count = bench.path("count");
            let spec = sh(&format!("echo x >>{}", count.display()));
            let mut cx = bench.cx();
            cx.holds_lease = true;
            match run(&mut cx, &spec).await.unwrap_err() {
                JobTrouble::Lease(result) => {
                    assert_eq!((result.class.as_str(), result.summary.as_str()), ("lease-lost", why));
                }
                other => panic!("{other:?}"),
            }
            assert!(!count.exists());
            if claimed {
                assert_eq!(fs::read_to_string(bench.job_file("pid")).unwrap(), "cancelled - -\n");
            }
        }
    }
}

/// Whoever takes the lease sees to it that what was claimed before never begins.
#[tokio::test]
async fn a_claim_of_a_run_that_lost_its_lease_never_begins() {
    let mut bench = bench();
    let count = bench.path("count");
    let spec = sh(&format!("echo x >>{}", count.display()));
    // It was claimed, and its unit waits.
    fs::create_dir_all(bench.path("run/systemd/system")).unwrap();
    bench.shim("id", "echo 0");
    bench.shim("systemd-run", "exit 0");
    let start = start(look_at(ID, &bench.run.0), "", None, &spec, None, bench.link.secrets()).unwrap();
    bench.link.exec(&start, &mut crate::transport::NoSink).await.unwrap();
    let files = fs::read_dir(bench.job_file("")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let starter = files.filter_map(|name| name.strip_prefix("wrapper.").map(str::to_owned)).next().unwrap();
    assert!(!bench.job_file("pid").exists());
    let mine = std::mem::replace(&mut bench.run, crate::event::RunId("R2".into()));
    bench.file("proc/uptime", "9000.1 1.0\n");
    bench.file("var/lib/patchwave/lease.seen", format!("{mine} boot-1 10\n"));
    crate::step::lease::acquire(&mut bench.cx()).await.unwrap();
    bench.run = mine;
    // The unit has its turn at last.
    let wrapped = std::process::Command::new("/bin/sh")
        .arg(bench.job_file(&format!("wrapper.{starter}")))
        .arg(bench.job_file(""))
        .arg(starter)
        .env("PATCHWAVE_ROOT", bench.path(""))
        .status();
    assert!(wrapped.unwrap().success());
    assert!(!count.exists());
    bench.resumed = true;
    bench.journal.notes.insert("job.main".into(), serde_json::json!({ "id": ID, "attempt": 1 }));
    match bench.job(&spec).await.unwrap_err() {
        JobTrouble::Lease(result) => assert!(result.summary.contains("run R2 of ann@jump1"), "{}", result.summary),
        other => panic!("{other:?}"),
    }
    assert!(!count.exists());
}

#[tokio::test]
async fn a_job_goes_on_when_its_lease_is_taken_and_the_step_is_told() {
    let mut bench = bench();
    let child = bench.job_file("child");
    let spec = sh("echo working; sleep 2; echo over");
    let lease = bench.path("var/lib/patchwave/lease");
    let taken = async {
        appears(&child).await;
        fs::write(&lease, "R2\nbob the 2nd@jump2\n1\n").unwrap();
    };
    let mut cx = bench.cx();
    let (end, ()) = tokio::join!(run(&mut cx, &spec), taken);
    assert!(end.unwrap().success());
    let lost = cx.lost_lease.clone().unwrap();
    assert_eq!((lost.run.as_str(), lost.owner.as_str()), ("R2", "bob the 2nd@jump2"));
    assert_eq!(fs::read_to_string(lease).unwrap(), "R2\nbob the 2nd@jump2\n1\n");
}

/// Where an ordinary login has its folder, anybody may make one.
#[tokio::test]
async fn what_somebody_else_put_there_is_no_end_of_a_job() {
    let mut bench = untouched();
    for (name, text) in [("pid", "1 1 boot-1\n"), ("rc", "0  \n"), ("out", "all is well\n")] {
        bench.file(&format!("theirs/jobs/{ID}/{name}"), text);
    }
    fs::create_dir_all(bench.path("var/lib")).unwrap();
    std::os::unix::fs::symlink(bench.path("theirs"), bench.path("var/lib/patchwave")).unwrap();
    bench.resumed = true;
    bench.journal.notes.insert("job.main".into(), serde_json::json!({ "id": ID, "attempt": 1, "begun": true }));
    let end = bench.job(&sh("true")).await;
    assert!(matches!(end, Err(JobTrouble::Lost { .. })), "{end:?}");
}
