//! The lease's scripts, on this machine's `/bin/sh`, on folders that play host.

use std::sync::Arc;

use super::*;

use crate::{
    playbook::{Pause, StepKind},
    step::testing::Bench,
    target::Target,
};

fn bench() -> Bench {
    Bench::new(StepKind::Pause(Pause { duration: Duration::ZERO }))
}

#[tokio::test]
async fn a_second_run_is_refused_by_name_until_the_first_gives_back() {
    let mut bench = bench();
    acquire(&mut bench.cx()).await.unwrap();
    acquire(&mut bench.cx()).await.unwrap();
    let first = std::mem::replace(&mut bench.run, RunId("20261122-030000-abcd".into()));
    let refused = acquire(&mut bench.cx()).await.unwrap_err();
    assert_eq!(refused.class, "lease");
    assert_eq!(
        refused.summary,
        "the host is being changed by ann@jump1, run 20261122-020003-kxfa (last report 0 min ago)"
    );
    let help = refused.help.unwrap_or_default();
    assert!(help.starts_with("it is your own run: `patchwave status 20261122-020003-kxfa`"), "{help}");
    let other = bench.run.clone();
    // Another's lease is not given back.
    bench.link.exec(&release_command(&other, false), &mut NoSink).await.unwrap();
    assert!(acquire(&mut bench.cx()).await.is_err());
    bench.link.exec(&release_command(&first, false), &mut NoSink).await.unwrap();
    acquire(&mut bench.cx()).await.unwrap();
}

#[tokio::test]
async fn a_lease_is_taken_from_another_run_when_that_is_asked_for_and_it_is_recorded() {
    let mut bench = bench();
    bench.file("var/lib/patchwave/lease", "R1\nbob@jump2\n1\n");
    let help = acquire(&mut bench.cx()).await.unwrap_err().help.unwrap_or_default();
    assert!(help.starts_with("ask bob@jump2") && help.contains("min; --steal-lease"), "{help}");
    let mut target = Target::plain(bench.host.clone(), "127.0.0.1");
    target.steal_lease = true;
    bench.link = Link::new(Arc::new(bench.transport.clone()), Arc::new(target));
    bench.journal.closed = true;
    assert!(acquire(&mut bench.cx()).await.is_err(), "not without a record");
    bench.journal.closed = false;
    acquire(&mut bench.cx()).await.unwrap();
    assert_eq!(bench.journal.notes["lease.stolen"]["run"], "R1");
    assert_eq!(bench.journal.notes["lease.stolen"]["owner"], "bob@jump2");
    let text = std::fs::read_to_string(bench.path("var/lib/patchwave/lease")).unwrap();
    assert!(text.starts_with(&format!("{}\nann@jump1\n", bench.run)), "{text}");
    // The first run is the one that is refused now.
    bench.run = RunId("R1".into());
    bench.link = Link::new(Arc::new(bench.transport.clone()), Arc::new(Target::plain(bench.host.clone(), "127.0.0.1")));
    assert!(acquire(&mut bench.cx()).await.is_err());
}

#[tokio::test]
async fn a_lease_that_a_run_of_this_ledger_left_behind_counts_no_more() {
    for (owner, known, free) in [
        ("ann@jump1", "R1", true),
        // The account counts, not who was behind it.
        ("ann@jump1 (login bob)", "R1", true),
        ("ann@jump1", "R2", false),
        ("bob@jump2", "R1", false),
        ("bob@jump1 (login ann)", "R1", false),
    ] {
        let mut bench = bench();
        bench.file("var/lib/patchwave/lease", format!("R1\n{owner}\n1\n"));
        let mut target = Target::plain(bench.host.clone(), "127.0.0.1");
        let host = bench.host.clone();
        target.finished_runs = Some(crate::target::FinishedRuns(Arc::new(move |run, of| run == known && *of == host)));
        bench.link = Link::new(Arc::new(bench.transport.clone()), Arc::new(target));
        assert_eq!(acquire(&mut bench.cx()).await.is_ok(), free, "{owner}, {known} is settled");
        assert_eq!(bench.journal.notes.contains_key("lease.left_behind"), free);
    }
}

/// A process that lives: this one, as a file `pid` or `child` names it.
fn alive() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let start = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().to_owned();
    format!("{} {start}", std::process::id())
}

impl Bench {
    async fn releases(&mut self) -> Option<LostLease> {
        self.spec.kind = StepKind::Cleanup(crate::playbook::Cleanup {
            old_kernels: None,
            package_cache: true,
            lock_timeout: Duration::from_secs(600),
        });
        let steps = [self.spec.clone()];
        release(&mut self.link, &self.run.clone(), &steps).await
    }

    fn takes_by_force(&mut self, yes: bool) {
        let mut target = Target::plain(self.host.clone(), "127.0.0.1");
        target.steal_lease = yes;
        self.link = Link::new(Arc::new(self.transport.clone()), Arc::new(target));
    }

    /// From now on this ledger knows the run as done with every host.
    fn knows_as_done(&mut self, known: &'static str) {
        let mut target = Target::plain(self.host.clone(), "127.0.0.1");
        target.finished_runs = Some(crate::target::FinishedRuns(Arc::new(move |run, _| run == known)));
        self.link = Link::new(Arc::new(self.transport.clone()), Arc::new(target));
    }

    /// How long the host has been up.
    fn up(&self, seconds: u64) {
        self.file("proc/uptime", format!("{seconds}.42 1.00\n"));
    }

    fn holder(&self) -> String {
        let text = std::fs::read_to_string(self.path("var/lib/patchwave/lease")).unwrap_or_default();
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// Another run asks for the lease; what it came to.
    async fn as_another<T>(&mut self, run: &str, what: impl AsyncFnOnce(&mut Self) -> T) -> T {
        let mine = std::mem::replace(&mut self.run, RunId(run.to_owned()));
        let notes = std::mem::take(&mut self.journal.notes);
        let done = what(self).await;
        (self.run, self.journal.notes) = (mine, notes);
        done
    }
}

#[tokio::test]
async fn a_lease_stays_as_long_as_a_job_of_its_run_works() {
    let mut bench = bench();
    acquire(&mut bench.cx()).await.unwrap();
    let job = format!("var/lib/patchwave/jobs/{}.s1.1.main", bench.run);
    let lease = bench.path("var/lib/patchwave/lease");
    bench.file(&format!("{job}/pid"), format!("{} 1 boot-1\n", std::process::id()));
    bench.file(&format!("{job}/child"), format!("{}\n", alive()));
    assert_eq!(bench.releases().await, None);
    assert!(lease.exists(), "its program lives");
    bench.file(&format!("{job}/rc"), "0  \n");
    assert!(!bench.path(&format!("{job}/acked")).exists());
    bench.releases().await;
    assert!(bench.path(&format!("{job}/acked")).exists(), "its end is recorded by the end of the walk");
    assert!(!lease.exists() && !bench.path("var/lib/patchwave/lease.seen").exists(), "it is over");
    acquire(&mut bench.cx()).await.unwrap();
    std::fs::remove_file(bench.path(&format!("{job}/rc"))).unwrap();
    bench.file(&format!("{job}/child"), format!("{} 1\n", std::process::id()));
    bench.releases().await;
    assert!(!lease.exists(), "another process has its id");
}

/// Whoever asks, however old the lease is: while a job of it works only force takes it, and says so.
#[tokio::test]
async fn while_a_job_works_the_lease_is_given_to_nobody() {
    const JOB: &str = "R1.aaaaaaaa.s1.1.command";
    for hours in [0, 3, 9] {
        for (owner, known) in [("bob@jump2", ""), ("ann@jump1", ""), ("ann@jump1", "R1")] {
            for dir in ["var/lib/patchwave", "var/tmp/patchwave-4711"] {
                let mut bench = bench();
                bench.limit = Duration::from_secs(2);
                bench.up(hours * 3600 + 10);
                bench.file("var/lib/patchwave/lease", format!("R1\n{owner}\n1\n"));
                bench.file("var/lib/patchwave/lease.seen", "R1 boot-1 10\n");
                bench.file(&format!("{dir}/jobs/{JOB}/pid"), format!("{} boot-1\n", alive()));
                // The folder of an ordinary login counts where it belongs to that login.
                let me = rustix::process::getuid().as_raw().to_string();
                let mine = bench.path(&format!("var/tmp/patchwave-{me}"));
                if dir.contains("tmp") {
                    std::fs::rename(bench.path(dir), mine).unwrap();
                }
                bench.knows_as_done(known);
                let case = format!("{hours} h, {owner}, {known:?} is done, {dir}");
                let refused = acquire(&mut bench.cx()).await.expect_err(&case);
                assert_eq!(refused.class, "lease", "{case}");
                assert!(refused.summary.contains(JOB), "{case}: {}", refused.summary);
                let help = refused.help.unwrap_or_default();
                assert!(help.contains(&format!("systemctl status 'patchwave-{JOB}'")), "{case}: {help}");
                assert_eq!((bench.holder().as_str(), bench.journal.notes.len()), ("R1", 0), "{case}");

                bench.takes_by_force(true);
                acquire(&mut bench.cx()).await.expect(&case);
                let said = bench.journal.notes["lease.stolen"]["jobs"][0].as_str().unwrap_or_default();
                assert!(said.starts_with(JOB), "{case}: {said}");
                assert_eq!(bench.holder(), bench.run.0, "{case}");
            }
        }
    }
}

/// What looks like a job that works, and is none.
#[tokio::test]
async fn a_process_that_has_the_id_of_a_job_is_no_job() {
    let pid = std::process::id();
    for (what, file, text, rc) in [
        ("the id was used again", "pid", format!("{pid} 1 boot-1"), ""),
        ("the id was used again", "child", format!("{pid} 1"), ""),
        ("it began in an earlier boot", "pid", format!("{} boot-0", alive()), ""),
        ("it is over", "pid", format!("{} boot-1", alive()), "0  "),
        ("it was cancelled", "pid", "cancelled - -".to_owned(), ""),
        ("no process", "pid", "../tmp 1 boot-1".to_owned(), ""),
        ("nothing", "pid", String::new(), ""),
    ] {
        let mut bench = bench();
        bench.up(3 * 3600);
        bench.file("var/lib/patchwave/lease", "R1\nbob@jump2\n1\n");
        bench.file("var/lib/patchwave/lease.seen", "R1 boot-1 10\n");
        let job = "var/lib/patchwave/jobs/R1.aaaaaaaa.s1.1.command";
        bench.file(&format!("{job}/pid"), "4194304 1 boot-1\n");
        bench.file(&format!("{job}/{file}"), format!("{text}\n"));
        if !rc.is_empty() {
            bench.file(&format!("{job}/rc"), format!("{rc}\n"));
        }
        acquire(&mut bench.cx()).await.expect(what);
        // An expired lease is not taken without a word either.
        assert_eq!(bench.journal.notes["lease.expired"]["run"], "R1", "{what}");
    }
}

#[tokio::test]
async fn a_rerun_waits_for_the_job_that_its_ledger_left_behind() {
    let mut bench = bench();
    bench.file("var/lib/patchwave/lease", "R1\nann@jump1\n1\n");
    let job = "var/lib/patchwave/jobs/R1.aaaaaaaa.s1.1.command";
    bench.file(&format!("{job}/pid"), format!("{} boot-1\n", alive()));
    bench.knows_as_done("R1");
    let rc = bench.path(&format!("{job}/rc"));
    let ends = async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        std::fs::write(rc, "0  \n").unwrap();
    };
    let (taken, ()) = tokio::join!(async { acquire(&mut bench.cx()).await }, ends);
    taken.unwrap();
    assert_eq!(bench.journal.notes["lease.left_behind"]["run"], "R1");
    assert!(bench.journal.progress[0].contains("R1.aaaaaaaa.s1.1.command"), "{:?}", bench.journal.progress);

    // A job that nobody's lease covers any more counts as well, and so does one of this run, even by force.
    for run in ["R7", "20261122-020003-kxfa"] {
        let mut bench = self::bench();
        bench.limit = Duration::from_secs(2);
        bench.takes_by_force(run != "R7");
        bench.file(&format!("var/lib/patchwave/jobs/{run}.aaaaaaaa.s1.1.x/pid"), format!("{} boot-1\n", alive()));
        let refused = acquire(&mut bench.cx()).await.unwrap_err();
        assert!(refused.class == "lease" && refused.summary.contains(&format!("{run}.aaaaaaaa")), "{refused:?}");
    }
}

/// A lease's age is the host's own time since its boot: no clock that is set gives a lease away or keeps it for ever.
#[tokio::test]
async fn a_clock_that_is_set_makes_no_lease_older_or_younger() {
    const HOUR: i64 = 3600;
    for (what, boot, seen, up, free) in [
        ("just now", "boot-1", 500, 510, false),
        ("an hour ago", "boot-1", 500, 4100, false),
        ("two hours ago", "boot-1", 500, 7700, true),
        ("in the boot before, the host is back for a minute", "boot-0", 90_000, 60, false),
        ("in the boot before, the host is back for two hours", "boot-0", 500, 7200, true),
        ("later than now: a container that began again", "boot-1", 90_000, 60, false),
    ] {
        for wall in [0, 3 * HOUR, -3 * HOUR, 500 * 24 * HOUR, -500 * 24 * HOUR] {
            let mut bench = bench();
            bench.up(up);
            bench.file("var/lib/patchwave/lease", "R1\nbob@jump2\n1\n");
            bench.file("var/lib/patchwave/lease.seen", format!("R1 {boot} {seen}\n"));
            bench.shim(
                "date",
                &format!("case $1 in +%s) echo $(($(/bin/date +%s) + {wall})) ;; *) exec /bin/date \"$@\" ;; esac"),
            );
            let case = format!("{what}, the clock is {wall} s off");
            assert_eq!(acquire(&mut bench.cx()).await.is_ok(), free, "{case}");
        }
    }
    // Only who has the lease keeps it fresh.
    let mut bench = bench();
    bench.up(100);
    acquire(&mut bench.cx()).await.unwrap();
    let seen = bench.path("var/lib/patchwave/lease.seen");
    assert_eq!(std::fs::read_to_string(&seen).unwrap(), format!("{} boot-1 100\n", bench.run));
    bench.up(200);
    bench.as_another("R2", async |bench| acquire(&mut bench.cx()).await.unwrap_err()).await;
    bench.boots("boot-2");
    acquire(&mut bench.cx()).await.unwrap();
    assert_eq!(std::fs::read_to_string(&seen).unwrap(), format!("{} boot-2 200\n", bench.run));
}

#[tokio::test]
async fn a_run_that_lost_its_lease_hears_of_it_whatever_it_does_next() {
    let mut bench = bench();
    acquire(&mut bench.cx()).await.unwrap();
    let thief = LostLease { run: "R2".into(), owner: "ann@jump1".into() };
    bench.takes_by_force(true);
    bench.as_another("R2", async |bench| acquire(&mut bench.cx()).await.unwrap()).await;
    bench.takes_by_force(false);
    for over in [false, true] {
        if over {
            // The other run came, worked and went: the host is free, and is not as this run left it.
            assert_eq!(bench.as_another("R2", async |bench| bench.releases().await).await, None);
            assert_eq!(bench.holder(), "");
        }
        let next = acquire(&mut bench.cx()).await.unwrap_err();
        assert_eq!(
            (next.verdict, next.class.as_str(), next.summary.as_str()),
            (
                Verdict::Failed,
                "lease-lost",
                "run R2 of ann@jump1 took the host's lease from this run: this change was not started"
            )
        );
        assert_eq!(bench.releases().await, Some(thief.clone()), "at the end of its walk");
        let script = Command::sh("x", "echo x >\"$PATCHWAVE_ROOT/changed\"", [""; 0]);
        let program = Command::changes("x", ["touch", bench.path("changed").to_str().unwrap()]);
        for short in [script, program] {
            let short = checked(&bench.cx(), short);
            let kept = bench.link.exec(&short, &mut NoSink).await.unwrap();
            assert_eq!(kept_from(&kept).map(|result| result.class), Some("lease-lost".to_owned()));
        }
        assert!(!bench.path("changed").exists());
    }
    // Only on purpose it goes on.
    bench.takes_by_force(true);
    acquire(&mut bench.cx()).await.unwrap();
    assert_eq!(bench.releases().await, None);
}

#[tokio::test]
async fn what_was_ok_is_not_when_another_run_was_there() {
    let mut bench = bench();
    let lost = Some(LostLease { run: "R2".into(), owner: "bob@jump2".into() });
    for (result, verdict, class) in [
        (StepResult::ok("fine"), Verdict::Unknown, "lease-lost"),
        (StepResult::skipped("fine"), Verdict::Unknown, "lease-lost"),
        (StepResult::failed("other", "bad"), Verdict::Failed, "other"),
        (StepResult::unknown("stuck", "bad"), Verdict::Unknown, "stuck"),
    ] {
        let mut cx = bench.cx();
        assert_eq!(told(&cx, result.clone()), result);
        cx.lost_lease.clone_from(&lost);
        let told = told(&cx, result);
        assert_eq!((told.verdict, told.class.as_str()), (verdict, class));
        assert!(format!("{told:?}").contains("run R2 of bob@jump2 took the host's lease"), "{told:?}");
    }
}

/// Somebody else was first in a folder where everybody may write.
#[tokio::test]
async fn a_folder_that_is_not_ours_alone_is_refused() {
    use std::{fs, os::unix::fs::PermissionsExt};
    const BASE: &str = "var/lib/patchwave";
    type Plant = fn(&Bench);
    let rows: [(&str, Plant); 5] = [
        ("is a symbolic link", |bench| {
            fs::create_dir_all(bench.path("elsewhere")).unwrap();
            std::os::unix::fs::symlink(bench.path("elsewhere"), bench.path(BASE)).unwrap();
        }),
        ("is a symbolic link", |bench| {
            std::os::unix::fs::symlink(bench.path("nowhere"), bench.path(BASE)).unwrap();
        }),
        ("File exists", |bench| bench.file(BASE, "a file")),
        ("others may write to", |bench| {
            fs::create_dir(bench.path(BASE)).unwrap();
            fs::set_permissions(bench.path(BASE), fs::Permissions::from_mode(0o777)).unwrap();
        }),
        ("others may write to", |bench| {
            fs::create_dir(bench.path(BASE)).unwrap();
            fs::set_permissions(bench.path(BASE), fs::Permissions::from_mode(0o1770)).unwrap();
        }),
    ];
    for (why, plant) in rows {
        let mut bench = bench();
        fs::create_dir_all(bench.path("var/lib")).unwrap();
        plant(&bench);
        let refused = acquire(&mut bench.cx()).await.unwrap_err();
        assert!(refused.class == "lease" && refused.summary.contains(why), "{why}: {refused:?}");
        assert!(!bench.path("elsewhere/lease").exists() && !bench.path("nowhere").exists());
    }
    // What others left in a folder of theirs is not read, and holds nobody up.
    let mut bench = bench();
    let jobs = bench.path("var/tmp/patchwave-4711/jobs/R9.a.s1.1.x");
    fs::create_dir_all(&jobs).unwrap();
    let me = rustix::process::getuid().as_raw();
    fs::rename(bench.path("var/tmp/patchwave-4711"), bench.path(&format!("var/tmp/patchwave-{me}"))).unwrap();
    let jobs = bench.path(&format!("var/tmp/patchwave-{me}/jobs/R9.a.s1.1.x"));
    assert!(std::process::Command::new("mkfifo").arg(jobs.join("pid")).status().unwrap().success());
    acquire(&mut bench.cx()).await.unwrap();
    fs::remove_file(jobs.join("pid")).unwrap();
    fs::write(jobs.join("pid"), format!("{} boot-1\n", 4_194_304)).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(jobs.join("child")).status().unwrap().success());
    acquire(&mut bench.cx()).await.unwrap();
}

#[tokio::test]
async fn a_lease_expires_and_a_broken_one_counts_not() {
    let mut bench = bench();
    let path = bench.path("var/lib/patchwave/lease");
    for (text, hours, free) in
        [("R\no\n1\n", 3, true), ("R\no\n1\n", 1, false), ("", 0, true), ("R\no\n1\n", -48, true), ("R", 0, false)]
    {
        bench.file("var/lib/patchwave/lease", text);
        let seconds = hours * 3600;
        let now = std::time::SystemTime::now();
        let at = if seconds >= 0 {
            now - Duration::from_secs(seconds as u64)
        } else {
            now + Duration::from_secs(-seconds as u64)
        };
        std::fs::File::open(&path).unwrap().set_modified(at).unwrap();
        assert_eq!(acquire(&mut bench.cx()).await.is_ok(), free, "{text:?} {hours}");
    }
}
