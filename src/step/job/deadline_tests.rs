//! What a job's controller and its host do when an answer, an end or a file does not come.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::future::BoxFuture;

use super::*;
use crate::{
    command::Output,
    host::HostName,
    mask::Secrets,
    target::Target,
    transport::{ConnectError, ExecError, Link, Session, Sink, Transport},
};

/// The last look at a job waits on the host for no longer than its command may take: it is found alive at the deadline,
/// and the connection is not cut.
#[tokio::test]
async fn a_job_that_runs_at_the_deadline_is_found_alive() {
    let mut bench = bench();
    bench.limit = Duration::from_secs(12);
    match bench.job(&sh("echo on my way; exec sleep 15")).await.unwrap_err() {
        JobTrouble::Stuck { tail, .. } => assert_eq!(tail, b"on my way\n"),
        other => panic!("{other:?}"),
    }
}

/// A host that wants to be asked for its lease before every start, and always grants it.
#[derive(Clone, Default)]
struct AlwaysAsks(Arc<AtomicUsize>);

impl Transport for AlwaysAsks {
    fn connect(&self, _: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Session>) })
    }
}

impl Session for AlwaysAsks {
    fn exec<'a>(&'a mut self, command: &'a Command, _: &'a mut dyn Sink) -> BoxFuture<'a, Result<Output, ExecError>> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) < 1000, "it is asked for ever");
        let stdout = match command.label {
            "lease-acquire" => b"patchwave-lease\nheld\nnone\n".to_vec(),
            _ => b"patchwave-job ask \n".to_vec(),
        };
        Box::pin(async { Ok(Output { exit: Exit::Code(0), stdout, stderr: Vec::new(), dropped: 0 }) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

#[tokio::test]
async fn a_host_that_always_wants_to_be_asked_is_given_up() {
    let mut bench = bench();
    bench.limit = Duration::from_secs(1);
    let target = Arc::new(Target::plain(HostName::new("web1").unwrap(), "127.0.0.1"));
    bench.link = Link::new(Arc::new(AlwaysAsks::default()), target);
    assert!(bench.job(&sh("true")).await.is_err());
}

/// In a container `/proc/uptime` may be missing or broken (lxcfs).
#[test]
fn an_exit_code_is_left_where_the_uptime_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let job = folder.path();
    fs::write(job.join("wrapper"), include_str!("wrapper.sh").replace("/proc/uptime", "/nowhere/uptime")).unwrap();
    fs::write(job.join("run.7"), "exit 3").unwrap();
    let output = std::process::Command::new("/bin/sh").arg(job.join("wrapper")).arg(job).arg("7").output().unwrap();
    assert_eq!(fs::read_to_string(job.join("rc")).ok().as_deref(), Some("3  \n"), "{output:?}");
}

/// The connection of an earlier start was cut after it had written the program and before it started the wrapper.
#[tokio::test]
async fn the_program_of_a_start_that_was_cut_does_not_stay() {
    let mut bench = bench();
    bench.file(&format!("var/lib/patchwave/jobs/{ID}/run.4194303"), "TOKEN=s3cret\nexport TOKEN\nexec true\n");
    bench.file(&format!("var/lib/patchwave/jobs/{ID}/script.4194303"), "s3cret");
    assert!(bench.job(&sh("true")).await.unwrap().success());
    assert_eq!(bench.programs_left(), "");
    assert!(!bench.job_file("script.4194303").exists());
}

/// Walks that were never ended (an unreachable host, a controller that nobody resumed) leave folders without `acked`.
#[tokio::test]
async fn folders_that_stay_do_not_keep_others_from_being_removed() {
    let bench = untouched();
    let jobs = bench.path("var/lib/patchwave/jobs");
    let old = std::time::SystemTime::now() - Duration::from_secs(9 * 86400);
    for n in 0..60 {
        let folder = jobs.join(format!("R1.x.s{n}.1.main"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("rc"), "0  \n").unwrap();
        if n % 2 == 0 {
            fs::write(folder.join("acked"), "").unwrap();
        }
        fs::File::open(&folder).unwrap().set_modified(old).unwrap();
    }
    let mut bench = bench;
    for _ in 0..5 {
        crate::step::lease::acquire(&mut bench.cx()).await.unwrap();
        fs::remove_file(bench.path("var/lib/patchwave/lease")).unwrap();
    }
    let acked = (0..60).step_by(2).filter(|n| jobs.join(format!("R1.x.s{n}.1.main")).exists()).count();
    assert_eq!(acked, 0, "folders whose end is recorded");
}

/// The job takes the host's memory of it away, and the connection with it: it restores a snapshot, or reboots a host
/// whose /var does not outlive a boot.
#[tokio::test]
async fn a_job_that_takes_its_folder_and_the_connection_away_does_not_run_again() {
    let mut bench = bench();
    bench.faults("job-start", [Fault::LoseAfter(Duration::from_millis(1500))]);
    let job = "echo x >>\"$PATCHWAVE_ROOT/count\"; rm -rf \"$PATCHWAVE_ROOT/var/lib/patchwave\"; \
               echo boot-2 >\"$PATCHWAVE_ROOT/proc/sys/kernel/random/boot_id\"; sleep 4";
    let end = bench.job(&sh(job)).await;
    assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n", "{end:?}");
}

/// The process of a start whose connection was lost goes on. What its repeat says of itself is not said of that one.
#[tokio::test]
async fn a_start_that_is_called_refused_does_not_run_beside_its_retry() {
    let mut bench = bench();
    let me = rustix::process::getuid().as_raw();
    fs::create_dir_all(bench.path(&format!("var/tmp/patchwave-{me}/jobs"))).unwrap();
    // The first start is slow while it has the lock.
    bench.shim("find", "mkdir \"$PATCHWAVE_ROOT/slow\" 2>/dev/null && sleep 14\nexit 0");
    bench.faults("job-start", [Fault::LoseAfter(Duration::from_millis(1500))]);
    let job = sh("echo x >>\"$PATCHWAVE_ROOT/count\"");
    let end = bench.job(&job).await;
    if matches!(end, Err(JobTrouble::Refused { .. })) {
        // `failed`, and the step's `retries` begin the next attempt.
        bench.attempt = 2;
        let _ = bench.job(&job).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n", "{end:?}");
}

/// As above, with the first start in the lock while its repeat waits for it: what is refused must not begin later.
#[tokio::test]
async fn a_start_that_is_refused_never_begins() {
    let mut bench = bench();
    bench.shim(
        "flock",
        "/usr/bin/flock \"$@\"; rc=$?; mkdir \"$PATCHWAVE_ROOT/slow\" 2>/dev/null && sleep 13\nexit $rc",
    );
    bench.faults("job-start", [Fault::LoseAfter(Duration::from_millis(1000))]);
    let job = sh("echo x >>\"$PATCHWAVE_ROOT/count\"");
    match bench.job(&job).await.unwrap_err() {
        JobTrouble::Refused { why } => assert!(why.ends_with("lease.lock is held"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.count("job-cancel"), 1);
    bench.attempt = 2;
    assert!(bench.job(&job).await.unwrap().success());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n");
}

/// The host keeps the lease and forgets the job: that it began was heard before the connection was lost.
#[tokio::test]
async fn a_job_that_removes_its_folder_does_not_run_again() {
    let mut bench = bench();
    bench.faults("job-start", [Fault::LoseAfter(Duration::from_millis(1500))]);
    let end = bench.job(&sh("echo x >>\"$PATCHWAVE_ROOT/count\"; sleep 0.5; rm -rf \"$PATCHWAVE_JOB\"; sleep 3")).await;
    assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n", "{end:?}");
    assert!(matches!(end, Err(JobTrouble::Lost { .. })), "{end:?}");
    assert_eq!(bench.journal.notes["job.main"]["begun"], true);
}

/// Nothing that the start said was heard, and the host forgot the lease together with the job.
#[tokio::test]
async fn a_lease_that_is_gone_says_that_a_job_may_have_begun() {
    for asked_just_now in [false, true] {
        let mut bench = bench();
        bench.faults("job-start", [Fault::NotHeardAfter(Duration::from_millis(1500))]);
        let job = sh("echo x >>\"$PATCHWAVE_ROOT/count\"; rm -rf \"$PATCHWAVE_ROOT/var/lib/patchwave\"; sleep 3");
        let mut cx = bench.cx();
        cx.holds_lease = asked_just_now;
        let end = run(&mut cx, &job).await;
        assert!(matches!(end, Err(JobTrouble::Lost { .. })), "{asked_just_now}: {end:?}");
        assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n", "{asked_just_now}");
    }
}

/// The host keeps the lease, and loses the job's folder: somebody removed it, or /var was restored from a snapshot, in
/// this boot or in the next. Nothing that the start said was heard.
#[tokio::test]
async fn a_job_whose_folder_is_gone_does_not_run_again() {
    let forgets = "rm -rf \"$PATCHWAVE_JOB\"";
    let restores = "cd \"$PATCHWAVE_ROOT/var/lib\" && rm -rf patchwave && cp -a backup patchwave";
    let reboots = format!(
        "{restores}; rm -f \"$PATCHWAVE_ROOT/run/patchwave-claimed\"; echo boot-2 >\"$PATCHWAVE_ROOT/proc/sys/kernel/random/boot_id\""
    );
    for (what, script) in [("removed", forgets), ("restored", restores), ("rebooted", &reboots)] {
        for resumes in [false, true] {
            let mut bench = bench();
            bench.file("var/lib/patchwave/lease.seen", format!("{} boot-1 10\n", bench.run));
            fs::create_dir_all(bench.path("run")).unwrap();
            for folder in ["var/lib/patchwave", "var/lib/backup"] {
                fs::create_dir_all(bench.path(folder)).unwrap();
                fs::set_permissions(bench.path(folder), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
            }
            for file in ["lease", "lease.seen"] {
                fs::copy(
                    bench.path(&format!("var/lib/patchwave/{file}")),
                    bench.path(&format!("var/lib/backup/{file}")),
                )
                .unwrap();
            }
            let job = sh(&format!("echo x >>\"$PATCHWAVE_ROOT/count\"; {script}; sleep 2"));
            if resumes {
                // The controller dies before it hears anything.
                bench.journal.notes.insert("job.main".into(), serde_json::json!({ "id": ID, "attempt": 1 }));
                let start = start(
                    look_at(ID, &bench.run.0),
                    ID.trim_end_matches("main"),
                    None,
                    &job,
                    None,
                    &Secrets::default(),
                );
                let line = start.unwrap().shell_line().unwrap();
                let mut shell = std::process::Command::new("/bin/sh");
                shell.args(["-c", &line]).env("PATCHWAVE_ROOT", bench.path(""));
                assert!(shell.output().unwrap().status.success());
                appears(&bench.path("count")).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
                bench.resumed = true;
            } else {
                bench.faults("job-start", [Fault::NotHeardAfter(Duration::from_millis(1500))]);
            }
            let end = bench.job(&job).await;
            assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n", "{what} {resumes}: {end:?}");
            assert!(matches!(end, Err(JobTrouble::Lost { .. })), "{what} {resumes}: {end:?}");
            let told: Box<crate::event::StepResult> = end.unwrap_err().into();
            assert_eq!(told.verdict, crate::event::Verdict::Unknown);
        }
    }
}

/// A start that did not arrive is sent again, also in a boot of which the lease has no sign of life yet.
#[tokio::test]
async fn a_start_that_did_not_arrive_is_sent_again() {
    for seen_in in ["boot-1", "boot-0"] {
        let mut bench = bench();
        bench.file("var/lib/patchwave/lease.seen", format!("{} {seen_in} 10\n", bench.run));
        bench.faults("job-start", [Fault::CutAfter(Duration::ZERO)]);
        let job = sh("echo x >>\"$PATCHWAVE_ROOT/count\"");
        let mut cx = bench.cx();
        // The facts are asked after a reboot.
        cx.link.exec(&Command::sh("x", "true", [""; 0]), &mut crate::transport::NoSink).await.unwrap();
        let boot_id = Some("boot-1".to_owned());
        cx.link.learn_facts(true, crate::facts::HostFacts { boot_id, ..Default::default() });
        assert!(run(&mut cx, &job).await.unwrap().success(), "{seen_in}");
        assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n", "{seen_in}");
    }
}

/// A controller that dies while a start looks at its job leaves the note that it has begun.
#[tokio::test]
async fn a_job_is_noted_as_begun_before_its_start_has_answered() {
    let mut bench = bench();
    let spec = sh("sleep 4");
    tokio::select! {
        end = bench.job(&spec) => panic!("too early: {end:?}"),
        () = tokio::time::sleep(Duration::from_secs(3)) => {}
    }
    assert_eq!(bench.journal.notes["job.main"]["begun"], true);
}

/// For root a file on a read-only file system is writable until it is opened; a folder in its place is, too.
#[tokio::test]
async fn a_lock_that_cannot_be_opened_is_named() {
    let mut bench = bench();
    fs::create_dir_all(bench.path("var/lib/patchwave/lease.lock")).unwrap();
    match bench.job(&sh("true")).await.unwrap_err() {
        JobTrouble::Refused { why } => assert!(why.contains("lease.lock cannot be written"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn folders_of_jobs_whose_end_was_never_recorded_go_after_90_days() {
    let mut bench = untouched();
    let folder = |name: &str| bench.path(&format!("var/lib/patchwave/jobs/{name}"));
    let folders = ["R1.x.s1.1.main", "R1.x.s2.1.main", "R1.x.s3.1.main"].map(folder);
    for (folder, (days, over)) in folders.iter().zip([(91, true), (89, true), (91, false)]) {
        fs::create_dir_all(folder).unwrap();
        if over {
            fs::write(folder.join("rc"), "0  \n").unwrap();
        }
        let old = std::time::SystemTime::now() - Duration::from_secs(days * 86400 + 3600);
        fs::File::open(folder).unwrap().set_modified(old).unwrap();
    }
    crate::step::lease::acquire(&mut bench.cx()).await.unwrap();
    assert_eq!(folders.map(|folder| folder.exists()), [false, true, true]);
}
