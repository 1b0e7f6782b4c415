//! Reboots of a machine that is only a script, in paused time.

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
    /// It does not answer from then …
    down: u64,
    /// … until then.
    up: u64,
    boot: &'static str,
    /// Until then nobody may log in.
    nologin: u64,
    /// Until then the system is `starting`.
    starting: u64,
    state: &'static str,
    failed: &'static [&'static str],
    failed_before: &'static [&'static str],
    kernel: &'static str,
    /// A new key of the host when it is back.
    other_key: bool,
    /// It boots once more so long after its new boot id was first read: the looks come at random moments.
    again: u64,
    /// What the request answers; `None`: the connection is lost under it.
    says: Option<(&'static str, u32)>,
    garbage: bool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    asked: Option<Instant>,
    /// The new boot id was first read.
    met: Option<Instant>,
    labels: Vec<&'static str>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            needed: true,
            down: 5,
            up: 40,
            boot: NEW,
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
            "baseline" => {
                let failed = if self.is_new() { self.failed } else { self.failed_before };
                format!("boot x\nnow 1\n{}end\n", units(failed))
            }
            "system-state" => {
                let starting = self.since() < Some(self.up + self.starting);
                format!("state {}\nkernel {kernel}\n", if starting { "starting" } else { self.state })
            }
            "apt-boot" => {
                let flag = if self.needed { "flag\n" } else { "" };
                let pkg = |release: &str| format!("pkg linux-image-{release}\t1\tinstalled\n");
                let newest = if self.needed { pkg("6.1.0-2-amd64") } else { String::new() };
                format!("running {kernel}\nmodules\n{flag}{}{newest}end\n", pkg("6.1.0-1-amd64"))
            }
            "reboot-ask" => {
                self.seen.lock().unwrap().asked.get_or_insert_with(Instant::now);
                return self.says.map(|(text, code)| (text.to_owned(), code));
            }
            "lease-acquire" => "patchwave-lease\ntaken\n".to_owned(),
            "reboot-warn" => String::new(),
            "reboot-mark" => if self.is_new() { "gone\n" } else { "there\n" }.to_owned(),
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
                Some(s) if s >= self.down && s < self.up => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    fail(Class::TimedOut, Phase::Connect)
                }
                Some(s) if s >= self.up && self.other_key => fail(Class::HostKeyChanged, Phase::HostKey),
                Some(s) if s >= self.up && s < self.up + self.nologin => fail(Class::Auth, Phase::Auth),
                _ => Ok(Box::new(self.clone()) as Box<dyn Session>),
            }
        })
    }
}

impl Session for Machine {
    fn exec<'a>(&'a mut self, command: &'a Command, _: &'a mut dyn Sink) -> BoxFuture<'a, Result<Output, ExecError>> {
        Box::pin(async move {
            self.seen.lock().unwrap().labels.push(command.label);
            match self.answer(command) {
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
    };
    let mut bench = Bench::new(StepKind::Reboot(reboot));
    bench.limit = Duration::from_secs(3600);
    bench.link = Link::new(Arc::new(machine.clone()), Arc::new(Target::plain(bench.host.clone(), "x")));
    bench
}

async fn reboots(machine: Machine) -> StepResult {
    run(&mut bench(&machine).cx()).await
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
        ("garbage is no answer", Machine { garbage: true, ..base() }, Verdict::Ok, ""),
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
    ] {
        let began = Instant::now();
        let asks = machine.seen.clone();
        let result = reboots(machine).await;
        assert_eq!((result.verdict, result.class.as_str()), (verdict, class), "{what}: {result:?}");
        // What to do about another key is told by the transport.
        if !matches!(class, "" | "host-key-changed") {
            assert!(result.help.is_some(), "{what}: what to type next: {result:?}");
        }
        assert!(began.elapsed() < Duration::from_secs(900 + 60), "{what} took {:?}", began.elapsed());
        let asked = asks.lock().unwrap().labels.iter().filter(|label| **label == "reboot-ask").count();
        assert!(asked <= 1, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_refuses_is_not_waited_for_long() {
    let began = Instant::now();
    let result = reboots(Machine { says: Some(("not allowed", 1)), down: 9999, up: 9999, ..Default::default() }).await;
    assert_eq!(result.class, "never-went-down");
    assert_eq!(result.detail, ["the host said: exit code 1 not allowed"]);
    assert!(began.elapsed() < Duration::from_secs(70));
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
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert_eq!(machine.count("reboot-warn"), 1);
    assert!(machine.seen.lock().unwrap().asked.unwrap() >= began + Duration::from_secs(300));
}
