//! Steps on real booted hosts: units, sudo, a real reboot. Needs root and the lab (`tests/lab/lab.sh`).

use std::{env, path::PathBuf, process::Command as Process, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use patchwave::{
    clock::SystemClock,
    command::Command,
    event::{RunId, StepPhase, StepRef, StepResult, Verdict},
    host::HostName,
    playbook::{
        CommandLine, CommandSpec, CopyFrom, CopySpec, Pause, Precheck, Reboot, RebootWhen, ServiceSpec, ServiceState,
        StepKind, StepSpec, Template, TemplateList, TemplateScope, Verify,
    },
    step::{self, Interrupted, JumpBox, StepCx, StepJournal, StepLog, job, lease},
    target::Target,
    transport::{
        Link, NoSink, Sink, Stream,
        ssh::{SshOptions, SshTransport},
    },
};
use serde_json::{Map, Value};
use tokio::time::Instant;

/// Starts the lab, and runs itself in it.
#[test]
fn steps_on_real_hosts() {
    if env::var_os("LAB_STATE").is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(inside());
        println!("{DONE}");
        return;
    }
    if env::var("PATCHWAVE_LAB").as_deref() != Ok("required") {
        eprintln!("NOT RUN: steps on real hosts (PATCHWAVE_LAB is not `required`)");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab.sh");
    let inside = ["--exact", "steps_lab::steps_on_real_hosts", "--nocapture"];
    let output = Process::new(script).args(["with", "2", "--"]).arg(env::current_exe().unwrap()).args(inside).output();
    let output = output.expect("bash");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A test runner that finds no test of that name also succeeds.
    assert!(output.status.success() && said.contains(DONE), "{said}{errors}");
}

/// What the half inside the lab prints at its end.
const DONE: &str = "all steps on real hosts are as they should be";

async fn inside() {
    let mut root = Host::new("h1", "root");
    a_unit_outlives_its_follower(&mut root).await;
    a_whole_walk(&mut root).await;
    let mut ops = Host::new("h2", "ops");
    a_unit_outlives_its_follower(&mut ops).await;
    a_whole_walk(&mut ops).await;
    // sudo with a password.
    let mut asks = Host::new("h2", "asks");
    asks.run = RunId("20261122-020003-asks".into());
    a_unit_outlives_its_follower(&mut asks).await;
    gives_its_lease_back(&mut asks).await;
    bad_reboots_are_told_apart(&mut ops, "sameid", "same-boot-id").await;
    bad_reboots_are_told_apart(&mut root, "newkey", "host-key-changed").await;
}

/// One host of the lab and everything that a step needs.
struct Host {
    link: Link,
    name: HostName,
    run: RunId,
    scope: TemplateScope,
    journal: Notes,
    log: Log,
    here: JumpBox,
    spec: StepSpec,
    notes: Map<String, Value>,
    undo: patchwave::pkg::Undo,
    resumed: bool,
    index: usize,
}

#[derive(Default)]
struct Notes(Map<String, Value>);

impl StepJournal for Notes {
    fn note<'a>(&'a mut self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), Interrupted>> {
        Box::pin(async move {
            self.0.insert(key.to_owned(), value);
            Ok(())
        })
    }

    fn progress(&mut self, _: &str) {}
}

#[derive(Default)]
struct Log(Vec<u8>);

impl Sink for Log {
    fn write(&mut self, _: Stream, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl StepLog for Log {
    fn job_offset(&mut self, _: &str) -> u64 {
        0
    }

    fn write_job(&mut self, _: &str, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn flush(&mut self) {}
}

impl Host {
    fn new(name: &str, user: &str) -> Self {
        let state = PathBuf::from(env::var("LAB_STATE").expect("lab.sh sets it"));
        let hosts = std::fs::read_to_string(state.join("hosts")).expect("the lab's hosts");
        let address = hosts.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).expect("the host").trim();
        let mut options = SshOptions::for_user(user, None, None);
        options.known_hosts = vec![state.join("known_hosts")];
        options.identities = vec![state.join("key")];
        let name = HostName::new(name).unwrap();
        let mut target = Target::plain(name.clone(), address);
        target.escalation.on = user != "root";
        target.escalation.password = (user == "asks").then(|| "pass".to_owned().into());
        Self {
            link: Link::new(Arc::new(SshTransport::new(options).unwrap()), Arc::new(target)),
            name,
            run: RunId("20261122-020003-kxfa".into()),
            scope: TemplateScope::default(),
            journal: Notes::default(),
            log: Log::default(),
            here: JumpBox::new(state.clone(), state),
            spec: spec(StepKind::Pause(Pause { duration: Duration::ZERO })),
            notes: Map::new(),
            undo: patchwave::pkg::Undo::default(),
            resumed: false,
            index: 0,
        }
    }

    fn cx(&mut self) -> StepCx<'_> {
        self.notes = self.journal.0.clone();
        StepCx {
            run: &self.run,
            host: &self.name,
            owner: "lab@here",
            step: StepRef { phase: StepPhase::Main, index: self.index },
            attempt: 1,
            gate: None,
            spec: &self.spec,
            check: false,
            scope: &self.scope,
            link: &mut self.link,
            deadline: Instant::now() + Duration::from_secs(120),
            notes: &self.notes,
            guard: step::guard::Known::default(),
            lost_lease: None,
            leased: false,
            holds_lease: false,
            heard: step::Heard::default(),
            undo: &self.undo,
            resumed: self.resumed,
            journal: &mut self.journal,
            log: &mut self.log,
            controller: &self.here,
            clock: Arc::new(SystemClock),
        }
    }

    /// The next step of the walk.
    async fn walk(&mut self, kind: StepKind) -> StepResult {
        (self.spec, self.resumed) = (spec(kind), false);
        self.index += 1;
        self.journal.0.clear();
        let result = step::run(&mut self.cx()).await;
        for (name, value) in &result.vars {
            self.scope.set(name, value.clone());
        }
        assert_eq!(result.verdict, Verdict::Ok, "{}: {result:#?}", self.name);
        result
    }

    async fn said(&mut self, script: &str) -> String {
        let command = Command::sh("look", script, [""; 0]).privileged(true);
        self.link.exec(&command, &mut NoSink).await.expect("an answer").text()
    }
}

fn spec(kind: StepKind) -> StepSpec {
    StepSpec { name: "step".into(), ..StepSpec::of(kind) }
}

async fn a_unit_outlives_its_follower(host: &mut Host) {
    // As strict as a host can be about what a login leaves behind.
    host.said("mkdir -p /etc/systemd/logind.conf.d; printf '[Login]\\nKillUserProcesses=yes\\n' >/etc/systemd/logind.conf.d/k.conf; systemctl restart systemd-logind").await;
    let script =
        "echo x >>/root/count; for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.5; done; echo \"$HOME $(umask)\"";
    let spec = job::JobSpec::new("main", Command::sh("work", script, [""; 0]).privileged(true));
    lease::acquire(&mut host.cx()).await.expect("the lease");
    let cut = tokio::time::timeout(Duration::from_secs(2), job::run(&mut host.cx(), &spec)).await;
    assert!(cut.is_err(), "{cut:?}");
    host.link.close().await;
    let units = host.said("systemctl list-units 'patchwave-*' --no-legend --plain").await;
    let unit = units.lines().find(|line| line.starts_with(&format!("patchwave-{}.", host.run)));
    assert!(unit.is_some_and(|line| line.contains(".s1.1.main.service ")), "{units:?}");
    host.resumed = true;
    let end = job::run(&mut host.cx(), &spec).await.expect("an end");
    assert!(end.success());
    let text = String::from_utf8_lossy(&end.tail).into_owned();
    assert!(text.ends_with("line 8\n/root 0022\n"), "{text:?}");
    assert_eq!(host.said("cat /root/count").await, "x\n");
    host.said("rm /root/count").await;
}

async fn bad_reboots_are_told_apart(host: &mut Host, mode: &str, class: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab.sh");
    let status = Process::new(script).args(["next-boot", host.name.as_str(), mode]).status();
    assert!(status.expect("bash").success());
    host.spec = spec(StepKind::Reboot(Reboot {
        when: RebootWhen::Always,
        warn: Duration::ZERO,
        message: None,
        timeout: Duration::from_secs(25),
        stable: Duration::from_secs(1),
        trial: false,
        lock_timeout: Duration::from_secs(600),
    }));
    host.journal.0.clear();
    let result = step::run(&mut host.cx()).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, class), "{result:#?}");
    println!("{}: {}", host.name, result.summary);
}

async fn a_whole_walk(host: &mut Host) {
    let ssh = || TemplateList::Items(vec![Template("ssh".into())]);
    let precheck = Precheck {
        disk_free: [("/".to_owned(), 1 << 20)].into(),
        packages_healthy: true,
        load_below: Some(10_000.0),
        services: Some(ssh()),
        command: Some(Template("test $(id -u) = 0".into())),
    };
    let ready = host.walk(StepKind::Precheck(precheck)).await;
    assert!(ready.vars.contains_key("baseline"));
    let copy = CopySpec {
        from: CopyFrom::Content(Template("hello\n".into())),
        dest: Template("/etc/patchwave-test".into()),
        mode: Some(0o600),
        owner: Some(Template("ops".into())),
        group: None,
    };
    assert!(host.walk(StepKind::Copy(copy.clone())).await.changed);
    assert!(!host.walk(StepKind::Copy(copy)).await.changed);
    assert_eq!(host.said("stat -c '%a %U' /etc/patchwave-test").await, "600 ops\n");
    // The very service that this connection uses.
    let restart = ServiceSpec { names: ssh(), state: ServiceState::Restarted };
    assert!(host.walk(StepKind::Service(restart)).await.changed);
    let command = CommandSpec {
        run: CommandLine::Shell(Template("echo worked; id -un".into())),
        changes: true,
        environment: [].into(),
        ok_codes: vec![0],
    };
    assert_eq!(host.walk(StepKind::Command(command)).await.summary, "root");
    let reboot = Reboot {
        when: RebootWhen::Always,
        warn: Duration::from_secs(1),
        message: None,
        timeout: Duration::from_secs(100),
        stable: Duration::from_secs(2),
        trial: false,
        lock_timeout: Duration::from_secs(600),
    };
    let rebooted = host.walk(StepKind::Reboot(reboot)).await;
    assert!(rebooted.rebooted, "{rebooted:?}");
    println!("{}: {}", host.name, rebooted.summary);
    let verify = Verify {
        services: Some(ssh()),
        kernel_newest: false,
        journal_no_new_errors: true,
        packages_healthy: true,
        http: vec![],
        ports: vec![22],
        command: Some(Template("test -e /etc/patchwave-test".into())),
    };
    host.walk(StepKind::Verify(verify)).await;
    assert!(host.said("cat /var/lib/patchwave/lease").await.starts_with("20261122-020003-kxfa\nlab@here\n"));
    gives_its_lease_back(host).await;
    assert_eq!(host.said("ls /var/lib/patchwave").await, "jobs\nlease.lock\n");
}

async fn gives_its_lease_back(host: &mut Host) {
    let names = TemplateList::Items(vec![Template("ssh".into())]);
    let change = spec(StepKind::Service(ServiceSpec { names, state: ServiceState::Started }));
    assert!(lease::release(&mut host.link, &host.run, &[host.spec.clone(), change]).await.is_none(), "it was its own");
}
