//! The steps of the demo's own playbook on a simulated host, one after the other, as the engine runs them. Only the
//! upgrade is replaced: a fixed set of packages, so that the outcome is known.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use patchwave::{
    clock::SystemClock,
    command::Command,
    demo::{Demo, Fault, FleetSpec},
    event::{RunId, StepPhase, StepRef, StepResult, Verdict},
    inventory::Inventory,
    pkg::{Exact, PackageManager, Transaction, apt::Apt},
    playbook::{self, Playbook, StepKind, StepSpec, TemplateScope},
    step::{self, Interrupted, JumpBox, StepCx, StepJournal},
    transport::{
        Link, NoSink,
        ssh::{SshOptions, SshTransport},
    },
};
use serde_json::{Map, Value, json};

struct Walker {
    demo: Demo,
    playbook: Playbook,
    link: Link,
    scope: TemplateScope,
    jump_box: JumpBox,
}

#[derive(Default)]
struct Notes(Map<String, Value>);

impl StepJournal for Notes {
    fn note<'a>(&'a mut self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), Interrupted>> {
        self.0.insert(key.to_owned(), value);
        Box::pin(async { Ok(()) })
    }

    fn progress(&mut self, _: &str) {}
}

impl Walker {
    /// One production web server with a pending kernel; nothing is wrong with it yet.
    fn start(systemd: bool) -> Self {
        let demo = Demo::from_spec(FleetSpec { systemd, ..FleetSpec::demo_of(1).at_once() }, None).unwrap();
        demo.heal().unwrap();
        let host = demo.broken().parse().unwrap();
        let inventory = Inventory::load_files(&[demo.inventory()]).unwrap();
        let transport = SshTransport::new(SshOptions::for_user("nobody", None, None)).unwrap();
        let link = Link::new(Arc::new(transport), Arc::new(inventory.target(&host).unwrap()));
        let playbook = playbook::load(&demo.playbook(), Vec::new(), &Default::default()).unwrap();
        let mut vars = playbook.vars.clone();
        vars.extend(inventory.vars(&host));
        vars.insert("inventory_hostname".into(), json!(demo.broken()));
        let jump_box = JumpBox::new(demo.project().join("playbooks"), demo.project());
        Self { scope: TemplateScope::new(vars), playbook, link, jump_box, demo }
    }

    async fn step(&mut self, index: usize, spec: &StepSpec) -> StepResult {
        let host = self.demo.broken().parse().unwrap();
        let mut cx = StepCx {
            run: &RunId("r1".into()),
            host: &host,
            owner: "ann@jump",
            step: StepRef { phase: StepPhase::Main, index },
            attempt: 1,
            gate: None,
            spec,
            check: false,
            scope: &self.scope,
            link: &mut self.link,
            deadline: tokio::time::Instant::now() + Duration::from_secs(60),
            notes: &Map::new(),
            guard: step::guard::Known::default(),
            lost_lease: None,
            leased: false,
            holds_lease: false,
            heard: step::Heard::default(),
            undo: &patchwave::pkg::Undo::default(),
            resumed: false,
            journal: &mut Notes::default(),
            log: &mut NoSink,
            controller: &self.jump_box,
            clock: Arc::new(SystemClock),
        };
        let result = step::run(&mut cx).await;
        for (name, value) in &result.vars {
            self.scope.set(name, value.clone());
        }
        result
    }

    /// Runs the steps until one does not succeed; returns their messages.
    async fn walk(&mut self) -> Vec<(String, StepResult)> {
        let mut said = Vec::new();
        for (index, spec) in self.playbook.steps.clone().iter().enumerate() {
            if matches!(spec.kind, StepKind::Upgrade(_)) {
                let set = [("linux-image-amd64", "6.1.158-1"), ("nginx", "1.22.1-9+deb12u3")]
                    .map(|(name, version)| Exact { name: name.into(), version: version.into() });
                let upgrade = Apt.transact(&Transaction::upgrade(&set)).unwrap();
                let output = self.link.exec(&upgrade, &mut NoSink).await.unwrap();
                assert!(output.success(), "{}", output.last_lines(9));
                continue;
            }
            let result = self.step(index, spec).await;
            let fine = matches!(result.verdict, Verdict::Ok | Verdict::Skipped);
            said.push((spec.name.clone(), result));
            if !fine {
                break;
            }
        }
        said
    }
}

async fn walks_through(systemd: bool) {
    let mut walker = Walker::start(systemd);
    let before = walker.demo.fleet().host(walker.demo.broken()).unwrap().boot_id();
    let said = walker.walk().await;
    for (name, result) in &said {
        assert_eq!(result.verdict, Verdict::Ok, "systemd {systemd}: {name}: {result:?}");
    }
    assert_eq!(said.iter().filter(|(_, result)| result.rebooted).count(), 1, "{said:?}");
    let host = walker.demo.fleet().host(walker.demo.broken()).unwrap();
    assert_ne!(host.boot_id(), before);
    assert_eq!(host.unknown_commands(), "", "systemd {systemd}");
}

#[tokio::test]
async fn a_healthy_host_walks_through_whatever_starts_its_services() {
    tokio::join!(walks_through(false), walks_through(true));
}

async fn is_found_by(fault: Fault, step: &str, class: &str) {
    let mut walker = Walker::start(false);
    walker.demo.fleet().host(walker.demo.broken()).unwrap().break_with(fault.clone()).unwrap();
    // It is found before the change: after a change, a service has half a minute to settle.
    let restart = Command::sh("restart", "systemctl restart nginx 2>/dev/null || :", [""; 0]);
    walker.link.exec(&restart, &mut NoSink).await.unwrap();
    let said = walker.walk().await;
    let (name, result) = said.last().unwrap();
    assert_eq!((name.as_str(), result.class.as_str()), (step, class), "{fault:?}: {result:?}");
    let host = walker.demo.fleet().host(walker.demo.broken()).unwrap();
    assert_eq!(host.unknown_commands(), "", "{fault:?}");
}

#[tokio::test]
async fn what_is_broken_is_found_by_the_step_that_looks_at_it() {
    // Found at once, because reboots are checked within seconds.
    tokio::join!(
        is_found_by(Fault::DiskFull, "Ready to be patched", "disk"),
        is_found_by(Fault::LockHeld, "Ready to be patched", "lock"),
        is_found_by(Fault::NewHostKey, "Reboot where it is needed", "host-key-changed"),
        is_found_by(Fault::ServiceStaysDown { unit: "nginx".into() }, "Ready to be patched", "service"),
    );
}
