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

/// `setsid` and `timeout` of other makes, or none: the start looks again and again instead.
#[tokio::test]
async fn a_start_waits_for_a_small_change_whatever_programs_the_host_has() {
    const USAGE: &str = "echo 'unrecognized option' >&2; exit 1";
    let setsid = |options: &str| {
        format!("case $1 in {options}) {USAGE} ;; esac\n[ $1 != -f ] || shift\nexec /usr/bin/setsid -f \"$@\"")
    };
    let old = "case $2 in -w) echo 'setsid: invalid option' >&2; exit 1 ;; esac\nexec /usr/bin/setsid \"$@\"";
    for (what, program, text) in [
        ("no timeout", "timeout", "exit 127".to_owned()),
        (
            "a timeout that takes whole seconds",
            "timeout",
            "case $1 in *.*) exit 1 ;; esac\nexec /usr/bin/timeout \"$@\"".to_owned(),
        ),
        ("a timeout with -t", "timeout", "exec \"$@\"".to_owned()),
        ("a setsid without -w", "setsid", old.to_owned()),
        ("a setsid without options", "setsid", setsid("-f | -w")),
    ] {
        let mut bench = bench();
        bench.shim(program, &text);
        let end = bench.job(&sh("echo x >>\"$PATCHWAVE_ROOT/count\"; echo over; exit 3")).await.unwrap();
        assert_eq!((end.exit, &end.tail[..]), (Exit::Code(3), &b"over\n"[..]), "{what}");
        assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n", "{what}");
        assert_eq!(*bench.transport.ran.lock().unwrap(), ["job-start"], "{what}");
    }
}

/// A start asks the host for few processes, and none of them naps: a host may have hundreds of small changes.
#[tokio::test]
async fn a_start_of_a_small_change_takes_few_processes() {
    let mut bench = bench();
    // Once a minute the lease gets a sign of life.
    bench.file("var/lib/patchwave/lease.seen", format!("{} boot-1 10\n", bench.run));
    bench.file("proc/uptime", "11.0 1.0\n");
    fs::create_dir_all(bench.path("var/lib/patchwave/jobs")).unwrap();
    for program in [
        "flock", "mkdir", "timeout", "setsid", "ln", "sync", "mv", "rm", "sleep", "head", "tail", "wc", "stat",
        "touch", "cat",
    ] {
        bench.shim(program, &format!("echo {program} >>\"$PATCHWAVE_ROOT/took\"\nexec /usr/bin/{program} \"$@\""));
    }
    assert!(bench.job(&sh("echo x")).await.unwrap().success());
    let took = fs::read_to_string(bench.path("took")).unwrap();
    let mut took: Vec<&str> = took.lines().collect();
    took.sort_unstable();
    // Besides these there are the shell itself, the job's wrapper, and its program. The shell becomes `head`.
    assert_eq!(took, ["flock", "head", "ln", "mkdir", "setsid", "sync", "timeout"]);
}

/// The one who started a job, and the process that waited for it, are killed: the job goes on.
#[tokio::test]
async fn a_job_outlives_the_shell_that_started_it_and_the_process_that_waits() {
    let mut bench = bench();
    bench.faults("job-start", [Fault::CutAfter(Duration::from_millis(500))]);
    let end = bench.job(&sh("echo $$ >\"$PATCHWAVE_ROOT/me\"; sleep 2; echo over; exit 3")).await.unwrap();
    assert_eq!((end.exit, &end.tail[..]), (Exit::Code(3), &b"over\n"[..]));
    assert_eq!(bench.log.0, b"over\n");
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

/// The same at exact places, each of them once and twice, where the host has systemd and where it has not: the program
/// that runs there kills the command and its shell.
#[tokio::test]
async fn a_start_that_is_cut_between_its_parts_runs_once_and_its_end_is_found() {
    const PLACES: [(&str, &str, &str); 6] = [
        ("before the claim", "flock", "kill -KILL 0"),
        ("after the claim", "mkdir", "$real \"$@\"; kill -KILL 0"),
        ("before the start", "timeout", "kill -KILL 0"),
        ("after the start", "timeout", "setsid -f $real \"$@\"; sleep 0.05; kill -KILL 0"),
        ("after the end", "timeout", "$real \"$@\"; kill -KILL 0"),
        ("while it answers", "head", "printf ove; kill -KILL 0"),
    ];
    let cases = PLACES.into_iter().flat_map(|place| [1, 2].map(|times| (place, times)));
    let cases = cases.flat_map(|(place, times)| [false, true].map(|systemd| (place, times, systemd)));
    futures::future::join_all(cases.map(async |((place, program, cut), times, systemd)| {
        let mut bench = bench();
        let case = format!("{place}, {times} times, systemd: {systemd}");
        let text = format!(
            "real=/usr/bin/{program}\nif [ \"$(cat \"$PATCHWAVE_ROOT/cuts\" 2>/dev/null | wc -l)\" -lt {times} ]; then\n\
             echo >>\"$PATCHWAVE_ROOT/cuts\"\n{cut}\nfi\nexec $real \"$@\""
        );
        bench.shim(program, &text);
        if systemd {
            fs::create_dir_all(bench.path("run/systemd/system")).unwrap();
            bench.shim("id", "echo 0");
            bench.shim("systemctl", "exit 3");
            bench.shim("systemd-run", "while [ \"$1\" != /bin/sh ]; do shift; done\nexec setsid -f -w \"$@\"");
        }
        // A command that is killed counts as a lost connection.
        bench.faults("job-start", [Fault::CutAfter(Duration::from_secs(20)); 2]);
        let end = bench.job(&sh("echo x >>\"$PATCHWAVE_ROOT/count\"; echo over; exit 3")).await.expect(&case);
        assert_eq!((end.exit, &end.tail[..]), (Exit::Code(3), &b"over\n"[..]), "{case}");
        assert_eq!(bench.log.0, b"over\n", "{case}");
        assert_eq!(fs::read_to_string(bench.path("count")).unwrap(), "x\n", "{case}");
        let cuts = fs::read_to_string(bench.path("cuts")).unwrap().len();
        assert!(cuts >= 1, "{case}");
    }))
    .await;
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
