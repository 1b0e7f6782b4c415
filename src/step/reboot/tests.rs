//! Reboots of a machine that is only a script, in paused time.

mod leave;
mod trial;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::{
    command::{Command, Exit, Output},
    event::{StepResult, Verdict},
    playbook::{Reboot, RebootWhen, StepKind},
    step::{run, testing::Bench},
    target::Target,
    transport::{Class, ConnectError, ExecError, Link, Phase, Session, Sink, Transport},
};

const OLD: &str = "11111111-1111-1111-1111-111111111111";
const NEW: &str = "22222222-2222-2222-2222-222222222222";
const THIRD: &str = "33333333-3333-3333-3333-333333333333";

/// How the machine behaves; times in seconds after the first request to reboot.
#[derive(Clone)]
struct Machine {
    needed: bool,
    /// It does not answer from this time …
    down: u64,
    /// … until this time.
    up: u64,
    boot: &'static str,
    /// When it goes down, its connections end, and its address answers at once that nobody listens. Else it is silent.
    closed: bool,
    /// Until then logins are refused.
    nologin: u64,
    /// Until then the system is `starting`.
    starting: u64,
    state: &'static str,
    failed: &'static [&'static str],
    failed_before: &'static [&'static str],
    kernel: &'static str,
    /// The host has a new key when it is back.
    other_key: bool,
    /// It boots once more this long after its new boot id was first read, because the attempts come at random moments.
    again: u64,
    /// The answer to the request; `None`: the connection is lost during it.
    says: Option<(&'static str, u32)>,
    garbage: bool,
    /// Another program holds the packages for this many seconds of the run.
    locked: u64,
    /// And begins only when the reboot is requested.
    late: bool,
    /// Packages that are half-configured: before and after the reboot.
    broken: [&'static [&'static str]; 2],
    /// Another program installs for this many seconds after the boot; until then half-configured packages are normal.
    installs_at_boot: u64,
    /// Kernels besides the two.
    images: &'static [&'static str],
    /// The content of its boot loader's files.
    loader: &'static str,
    /// A unit that uses replaced files.
    stale: &'static str,
    /// What it reports about the refused reboot.
    refuses: &'static str,
    began: Instant,
    seen: Arc<Mutex<Seen>>,
}

const LOCK: &str = "lock /var/lib/dpkg/lock-frontend 812 /usr/bin/python3 /usr/bin/unattended-upgrade\n";

#[derive(Default)]
struct Seen {
    asked: Option<Instant>,
    /// Requests that were not rejected because of a lock.
    requests: usize,
    /// The new boot id was first read.
    met: Option<Instant>,
    labels: Vec<&'static str>,
    /// Seconds after the request, for each login since then.
    logins: Vec<u64>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            needed: true,
            down: 5,
            up: 40,
            boot: NEW,
            closed: false,
            nologin: 0,
            starting: 0,
            state: "running",
            failed: &[],
            failed_before: &[],
            kernel: "6.1.0-2-amd64",
            other_key: false,
            again: u64::MAX,
            says: Some(("asked\n", 0)),
            garbage: false,
            locked: 0,
            late: false,
            broken: [&[], &[]],
            installs_at_boot: 0,
            images: &[],
            loader: "",
            stale: "",
            refuses: "",
            began: Instant::now(),
            seen: Arc::default(),
        }
    }
}

impl Machine {
    /// Seconds since the request; `None` before it.
    fn since(&self) -> Option<u64> {
        self.seen.lock().unwrap().asked.map(|asked| asked.elapsed().as_secs())
    }

    fn is_new(&self) -> bool {
        self.since().is_some_and(|s| s >= self.up)
    }

    fn boot(&self) -> &'static str {
        if !self.is_new() {
            return OLD;
        }
        let met = *self.seen.lock().unwrap().met.get_or_insert_with(Instant::now);
        if met.elapsed().as_secs() >= self.again { THIRD } else { self.boot }
    }

    fn is_locked(&self, asking: bool) -> bool {
        let at_boot = self.since().is_some_and(|s| s >= self.up && s < self.up + self.installs_at_boot);
        at_boot || (asking || !self.late) && self.began.elapsed().as_secs() < self.locked
    }

    fn count(&self, label: &str) -> usize {
        self.seen.lock().unwrap().labels.iter().filter(|seen| **seen == label).count()
    }

    fn answer(&self, command: &Command) -> Option<(String, u32)> {
        let units = |units: &[&str]| units.iter().map(|unit| format!("failed {unit}\n")).collect::<String>();
        let kernel = if self.is_new() { self.kernel } else { "6.1.0-1-amd64" };
        let text = match command.label {
            "host-facts" => format!("os ID=debian\ntool apt-get\nkernel {kernel}\nuid 0\nboot {OLD}\nsystemd\nend\n"),
            "boot-id" if self.garbage && self.is_new() && self.since() < Some(self.up + 20) => "oops\n".to_owned(),
            "boot-id" => format!("{}\n", self.boot()),
            "stale-look" if self.stale.is_empty() || self.is_new() => "systemd\nend\n".to_owned(),
            "stale-look" => {
                format!(
                    "systemd\nprocess 7\nin /system.slice/{}\nname x\nfile /usr/lib/x.so (deleted)\nend\n",
                    self.stale
                )
            }
            "baseline" => {
                let failed = if self.is_new() { self.failed } else { self.failed_before };
                format!("boot x\nnow 1\n{}end\n", units(failed))
            }
            "system-state" => {
                let starting = self.since() < Some(self.up + self.starting);
                let state = if starting { "starting" } else { self.state };
                format!("boot {}\nstate {state}\nkernel {kernel}\n", self.boot())
            }
            "apt-boot" => {
                let flag = if self.needed { "flag\n" } else { "" };
                let images: String = self.images.iter().map(|image| format!("image /boot/vmlinuz-{image}\n")).collect();
                let newest = if self.needed { "image /boot/vmlinuz-6.1.0-2-amd64\n" } else { "" };
                let first = "image /boot/vmlinuz-6.1.0-1-amd64\n";
                format!("running {kernel}\nmodules\n{flag}{first}{newest}{images}{}end\n", self.loader)
            }
            "package-locks" => {
                let held = if self.is_locked(false) { LOCK } else { "" };
                held.to_owned() + &"end\n".repeat(crate::pkg::ALL.len())
            }
            "apt-state" => {
                let row = |name: &str, status: &str| format!("pkg\t{name}\t1\tamd64\tinstall\t{status}\tok\n");
                let broken = self.broken[usize::from(self.is_new())];
                let gone = self.is_new() && self.installs_at_boot > 0 && !self.is_locked(false);
                let broken = broken.iter().filter(|_| !gone).map(|name| row(name, "half-configured"));
                format!("native amd64\n{}{}end\n", row("bash", "installed"), broken.collect::<String>())
            }
            "reboot-refused" if self.refuses.is_empty() => "end\n".to_owned(),
            "reboot-refused" => format!("{}refused 1\nend\n", self.refuses),
            "reboot-ask" if self.is_locked(true) => format!("locked\n{LOCK}{}", "end\n".repeat(crate::pkg::ALL.len())),
            "reboot-ask" => {
                let mut seen = self.seen.lock().unwrap();
                seen.asked.get_or_insert_with(Instant::now);
                seen.requests += 1;
                return self.says.map(|(text, code)| (text.to_owned(), code));
            }
            "lease-acquire" => "patchwave-lease\ntaken\n".to_owned(),
            "reboot-warn" => String::new(),
            "reboot-mark" => if self.is_new() { "gone\n" } else { "there\n" }.to_owned(),
            // Of a manager that it does not have.
            other if other.ends_with("-state") || other.ends_with("-health") => return Some((String::new(), 127)),
            other => panic!("{other} is not known to this machine"),
        };
        Some((text, 0))
    }
}

impl Transport for Machine {
    fn connect(&self, _: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>> {
        Box::pin(async {
            let fail = |class, phase| Err(ConnectError { phase, class, message: format!("{class}"), help: None });
            match self.since() {
                Some(s) if s >= self.down && s < self.up && self.closed => fail(Class::Refused, Phase::Connect),
                Some(s) if s >= self.down && s < self.up => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    fail(Class::TimedOut, Phase::Connect)
                }
                Some(s) if s >= self.up && self.other_key => fail(Class::HostKeyChanged, Phase::HostKey),
                Some(s) if s >= self.up && s < self.up + self.nologin => fail(Class::Auth, Phase::Auth),
                since => {
                    self.seen.lock().unwrap().logins.extend(since);
                    Ok(Box::new(self.clone()) as Box<dyn Session>)
                }
            }
        })
    }
}

impl Session for Machine {
    fn exec<'a>(
        &'a mut self,
        command: &'a Command,
        sink: &'a mut dyn Sink,
    ) -> BoxFuture<'a, Result<Output, ExecError>> {
        Box::pin(async move {
            self.seen.lock().unwrap().labels.push(command.label);
            let answer = match command.label {
                "reboot-watch" => self.watched(command, sink).await,
                _ => self.answer(command),
            };
            match answer {
                Some((text, code)) => {
                    Ok(Output { exit: Exit::Code(code), stdout: text.into_bytes(), stderr: Vec::new(), dropped: 0 })
                }
                None => Err(ExecError { sent: true, class: Class::Lost, message: "lost".into(), help: None }),
            }
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

fn bench(machine: &Machine) -> Bench {
    let reboot = Reboot {
        when: RebootWhen::Required,
        warn: Duration::ZERO,
        message: None,
        timeout: Duration::from_secs(900),
        stable: Duration::from_secs(10),
        trial: false,
        lock_timeout: Duration::from_secs(600),
    };
    let mut bench = Bench::new(StepKind::Reboot(reboot));
    bench.limit = Duration::from_secs(7200);
    bench.link = Link::new(Arc::new(machine.clone()), Arc::new(Target::plain(bench.host.clone(), "x")));
    bench
}

async fn reboots(machine: Machine) -> StepResult {
    run(&mut bench(&machine).cx()).await
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_only_a_reboot_starts_again_is_a_reason_once_its_files_are_replaced() {
    for (stale, rebooted) in [("dbus.service", true), ("nginx.service", false)] {
        let result = reboots(Machine { needed: false, kernel: "6.1.0-1-amd64", stale, ..Default::default() }).await;
        assert_eq!(result.rebooted, rebooted, "{result:?}");
        assert_eq!(result.summary.contains("dbus uses files that were replaced"), rebooted, "{result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_reboot_is_proved() {
    let machine = Machine { nologin: 20, starting: 30, ..Default::default() };
    let began = Instant::now();
    let result = reboots(machine.clone()).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert!(result.rebooted && result.changed);
    assert!(result.summary.contains("kernel 6.1.0-2-amd64"), "{}", result.summary);
    // Up, settled and stable.
    assert!(began.elapsed() >= Duration::from_secs(40 + 30 + 10));
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    assert_eq!(machine.count("reboot-ask"), 1);
}

#[tokio::test(start_paused = true)]
async fn every_end_has_its_class() {
    let base = Machine::default;
    for (what, machine, verdict, class) in [
        ("no need", Machine { needed: false, ..base() }, Verdict::Skipped, ""),
        ("lost while asked", Machine { says: None, ..base() }, Verdict::Ok, ""),
        ("garbage does not count as an answer", Machine { garbage: true, ..base() }, Verdict::Ok, ""),
        ("refused but done", Machine { says: Some(("no", 1)), ..base() }, Verdict::Ok, ""),
        ("never down", Machine { down: 9999, up: 9999, ..base() }, Verdict::Failed, "never-went-down"),
        ("never back", Machine { up: 9999, ..base() }, Verdict::Unreachable, "never-came-back"),
        ("nobody may log in", Machine { nologin: 9999, ..base() }, Verdict::Unreachable, "never-came-back"),
        ("same boot", Machine { boot: OLD, ..base() }, Verdict::Failed, "same-boot-id"),
        ("same boot, too quick", Machine { down: 1, up: 1, boot: OLD, ..base() }, Verdict::Failed, "same-boot-id"),
        ("wrong kernel", Machine { kernel: "6.1.0-1-amd64", ..base() }, Verdict::Failed, "wrong-kernel"),
        ("other key", Machine { other_key: true, ..base() }, Verdict::Failed, "host-key-changed"),
        ("failed unit", Machine { state: "degraded", failed: &["a.service"], ..base() }, Verdict::Failed, "degraded"),
        ("never settles", Machine { starting: 9999, ..base() }, Verdict::Failed, "degraded"),
        (
            "failed before as well",
            Machine { state: "degraded", failed: &["a.service"], failed_before: &["a.service"], ..base() },
            Verdict::Ok,
            "",
        ),
        ("boots twice", Machine { again: 5, ..base() }, Verdict::Failed, "unstable"),
        ("somebody installs, and is done", Machine { locked: 300, ..base() }, Verdict::Ok, ""),
        ("the same, from the last look on", Machine { locked: 300, late: true, ..base() }, Verdict::Ok, ""),
        ("somebody installs for long", Machine { locked: 9999, ..base() }, Verdict::Failed, "lock"),
        ("the same, late", Machine { locked: 9999, late: true, ..base() }, Verdict::Failed, "lock"),
        ("cut somebody's work", Machine { broken: [&[], &["nginx"]], ..base() }, Verdict::Failed, "broken-packages"),
        ("broken before", Machine { broken: [&["nginx"], &["nginx"]], ..base() }, Verdict::Ok, ""),
        ("one more", Machine { broken: [&["nginx"], &["a", "nginx"]], ..base() }, Verdict::Failed, "broken-packages"),
        (
            "what installs at boot is waited for",
            Machine { broken: [&[], &["nginx"]], installs_at_boot: 60, ..base() },
            Verdict::Ok,
            "",
        ),
        (
            "half a kernel",
            Machine { broken: [&["linux-image-6.1.0-2-amd64"], &[]], ..base() },
            Verdict::Failed,
            "broken-packages",
        ),
        (
            "inhibited",
            Machine { refuses: "said Access denied\ninhibited by backup 0 root\n", down: 9999, up: 9999, ..base() },
            Verdict::Failed,
            "reboot-refused",
        ),
    ] {
        let began = Instant::now();
        let asks = machine.seen.clone();
        let result = reboots(machine).await;
        assert_eq!((result.verdict, result.class.as_str()), (verdict, class), "{what}: {result:?}");
        // The transport says what to do about another key.
        if !matches!(class, "" | "host-key-changed") {
            assert!(result.help.is_some(), "{what}: what to type next: {result:?}");
        }
        assert!(began.elapsed() < Duration::from_secs(900 + 60), "{what} took {:?}", began.elapsed());
        assert!(asks.lock().unwrap().requests <= 1, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_boot_loader_decides_which_kernel_is_expected() {
    const TWO: &str = "link /vmlinuz boot/vmlinuz-6.1.0-2-amd64\n";
    const ONE: &str = "link /vmlinuz boot/vmlinuz-6.1.0-1-amd64\n";
    const RT: &str = "link /vmlinuz boot/vmlinuz-6.1.0-2-rt-amd64\n";
    const GONE: &str = "link /vmlinuz boot/vmlinuz-6.1.0-9-amd64\n";
    let base = Machine::default;
    for (what, machine, verdict, words) in [
        ("the new one", Machine { loader: TWO, ..base() }, Verdict::Ok, "kernel 6.1.0-2-amd64"),
        // The flag asks for a reboot, which will start the boot loader's kernel. That is said before and proved after.
        ("an old one", Machine { loader: ONE, kernel: "6.1.0-1-amd64", ..base() }, Verdict::Ok, "kernel 6.1.0-1-amd64"),
        ("another than it said", Machine { loader: ONE, ..base() }, Verdict::Failed, "not 6.1.0-1-amd64"),
        (
            "another flavour",
            Machine { loader: RT, images: &["6.1.0-2-rt-amd64"], ..base() },
            Verdict::Failed,
            "the boot loader (/vmlinuz) would start kernel 6.1.0-2-rt-amd64, flavour rt-amd64; 6.1.0-1-amd64 is running, \
             flavour amd64; it was not rebooted",
        ),
        ("one that is gone", Machine { loader: GONE, ..base() }, Verdict::Failed, "which is not on the disk"),
        (
            "another flavour, no loader",
            Machine { images: &["6.1.0-9-rt-amd64"], ..base() },
            Verdict::Ok,
            "6.1.0-2-amd64",
        ),
    ] {
        let result = reboots(machine.clone()).await;
        assert_eq!(result.verdict, verdict, "{what}: {result:?}");
        assert!(result.summary.contains(words), "{what}: {}", result.summary);
        let dangerous = result.class == "boot-loader";
        assert_eq!(machine.since().is_none(), dangerous, "{what}: {result:?}");
        assert!(!dangerous || !result.changed);
    }
    let pinned = Machine { needed: false, images: &["6.1.0-3-amd64"], loader: ONE, ..base() };
    let result = reboots(pinned).await;
    assert_eq!(
        (result.verdict, result.summary.as_str()),
        (
            Verdict::Skipped,
            "no reboot needed; kernel 6.1.0-3-amd64 is installed, but the boot loader (/vmlinuz) starts 6.1.0-1-amd64"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_installs_is_named_and_nothing_was_asked() {
    for late in [false, true] {
        let machine = Machine { locked: 9999, late, ..Default::default() };
        let mut bench = bench(&machine);
        let began = Instant::now();
        let result = run(&mut bench.cx()).await;
        assert_eq!(result.summary, "lock held by unattended-upgrade (pid 812)");
        assert!(!result.changed && machine.since().is_none());
        assert!((600..620).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert!(bench.journal.progress.contains(&"waiting for unattended-upgrade (pid 812)".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_reboot_goes_on_and_never_reboots_twice() {
    for cut in [3, 20, 45] {
        let machine = Machine::default();
        let mut bench = bench(&machine);
        let left = tokio::time::timeout(Duration::from_secs(cut), run(&mut bench.cx())).await;
        assert!(left.is_err(), "cut at {cut}");
        bench.resumed = true;
        bench.link.close().await;
        let result = run(&mut bench.cx()).await;
        assert_eq!(result.verdict, Verdict::Ok, "cut at {cut}: {result:?}");
        assert!(result.rebooted);
        // A second request is bound to the old boot; the machine ignores it while it goes down.
        assert!(machine.count("reboot-ask") <= if cut == 3 { 2 } else { 1 }, "cut at {cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_does_not_reboot_again() {
    let machine = Machine { kernel: "6.1.0-1-amd64", ..Default::default() };
    let mut bench = bench(&machine);
    assert_eq!(run(&mut bench.cx()).await.class, "wrong-kernel");
    bench.attempt = 2;
    assert_eq!(run(&mut bench.cx()).await.class, "wrong-kernel");
    assert_eq!(machine.count("reboot-ask"), 1);
}

#[tokio::test(start_paused = true)]
async fn check_says_why_and_does_nothing() {
    let machine = Machine::default();
    let mut bench = bench(&machine);
    bench.check = true;
    let result = run(&mut bench.cx()).await;
    assert_eq!(result.verdict, Verdict::Skipped);
    assert!(result.summary.starts_with("would reboot: "), "{}", result.summary);
    assert_eq!(machine.count("reboot-ask") + machine.count("lease-acquire"), 0);
}

#[tokio::test(start_paused = true)]
async fn users_are_warned_and_given_their_time() {
    let machine = Machine::default();
    let mut bench = bench(&machine);
    if let StepKind::Reboot(reboot) = &mut bench.spec.kind {
        reboot.warn = Duration::from_secs(300);
    }
    let began = Instant::now();
    let result = run(&mut bench.cx()).await;
    assert_eq!((result.verdict, machine.count("reboot-warn")), (Verdict::Ok, 1), "{result:?}");
    assert!(machine.seen.lock().unwrap().asked.unwrap() >= began + Duration::from_secs(300));
}
