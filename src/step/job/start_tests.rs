//! A start that does all of it in one command: lease, claim, start and the first look.

use super::*;

/// A step behind the first change of a walk does not ask for the lease: its job looks after it.
#[tokio::test]
async fn a_small_change_is_one_command() {
    let mut bench = bench();
    for n in 1..=3 {
        bench.attempt = n;
        assert_eq!(bench.job(&sh("echo x >>\"$PATCHWAVE_ROOT/count\"; echo done")).await.unwrap().tail, b"done\n");
    }
    assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\nx\nx\n");
    assert_eq!(*bench.transport.ran.lock().unwrap(), ["job-start"; 3]);
}

/// What an ask for the lease finds, a start finds, too: it asks then, and begins only with the lease.
#[tokio::test]
async fn a_job_that_finds_another_at_work_asks_for_the_lease_first() {
    let alive = {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let start = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().to_owned();
        format!("{} {start} boot-1\n", std::process::id())
    };
    let me = rustix::process::getuid().as_raw();
    for (what, file, text) in [
        ("another run has the lease", "var/lib/patchwave/lease".to_owned(), "R2\nbob@jump2\n1\n".to_owned()),
        ("a job of this run", "var/lib/patchwave/jobs/20261122-020003-kxfa.x.s9.1.y/pid".to_owned(), alive.clone()),
        ("a job of another run", "var/lib/patchwave/jobs/R2.x.s1.1.y/pid".to_owned(), alive.clone()),
        ("a job of an ordinary login", format!("var/tmp/patchwave-{me}/jobs/R2.x.s1.1.y/pid"), alive.clone()),
    ] {
        let mut bench = bench();
        bench.limit = Duration::from_secs(2);
        bench.file(&file, text);
        match bench.job(&sh("echo x >>\"$PATCHWAVE_ROOT/count\"")).await.unwrap_err() {
            JobTrouble::Lease(result) => assert_eq!(result.class, "lease", "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        assert!(!bench.path("count").exists() && !bench.job_file("").exists(), "{what}");
    }
    // Nobody has it: it is taken, and the job begins once.
    let mut bench = untouched();
    assert!(bench.job(&sh("echo x >>\"$PATCHWAVE_ROOT/count\"")).await.unwrap().success());
    assert_eq!(*bench.transport.ran.lock().unwrap(), ["job-start", "lease-acquire", "job-start"]);
    assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n");
}

/// The connection is cut at some moment of the one command: before it claims, after that, while the job runs, while it
/// answers.
#[tokio::test]
async fn a_start_that_is_cut_anywhere_runs_once_and_its_end_is_found() {
    for milliseconds in (0..90).step_by(6) {
        let mut bench = bench();
        let cut = Fault::CutAfter(Duration::from_millis(milliseconds));
        bench.faults("job-start", [cut, cut]);
        let end = bench.job(&sh("echo x >>\"$PATCHWAVE_ROOT/count\"; echo over; exit 3")).await.unwrap();
        let case = format!("cut after {milliseconds} ms");
        assert_eq!((end.exit, &end.tail[..]), (Exit::Code(3), &b"over\n"[..]), "{case}");
        assert_eq!(bench.log.0, b"over\n", "{case}");
        assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n", "{case}");
    }
}

/// Power went before the code of a short job had reached the disk.
#[tokio::test]
async fn a_code_that_was_not_written_is_no_end() {
    let mut bench = bench();
    bench.boots("boot-2");
    bench.file(&format!("var/lib/patchwave/jobs/{ID}/pid"), "4194304 1 boot-1\n");
    bench.file(&format!("var/lib/patchwave/jobs/{ID}/rc"), "   \n");
    assert!(matches!(bench.job(&sh("true")).await, Err(JobTrouble::Rebooted { .. })));
}
