//! Every kind of step, once for each side and variant, with a check that it was done.

use std::{collections::BTreeMap, time::Duration};

use patchwave::{
    host::HostName,
    playbook::{
        Cleanup, CommandLine, CommandSpec, Condition, CopyFrom, CopySpec, Guard, Hook, HttpCheck, Notify, Pause,
        Precheck, Reboot, RebootWhen, Rollback, Script, ServiceSpec, ServiceState, Side, StepKind, StepSpec, Template,
        TemplateList, Undrain, Upgrade, Verify, WaitFor,
    },
    sim::SimFleet,
};

use super::{
    sim_controller::SimController,
    simulation::{look, step},
};

/// One step kind and the walk that it is part of.
pub struct Case {
    pub name: &'static str,
    pub steps: Vec<StepSpec>,
    /// Index of the step that the case is about.
    pub at: usize,
    /// Whether it was done on this host; asked if the outcome says so.
    pub proof: fn(&SimFleet, &SimController, &HostName) -> bool,
}

impl Case {
    pub fn spec(&self) -> &StepSpec {
        &self.steps[self.at]
    }
}

/// All cases.
pub fn all() -> Vec<Case> {
    let mut cases = looks();
    cases.extend(changes());
    cases.extend(programs());
    cases.extend(guarded());
    cases
}

fn case(name: &'static str, spec: StepSpec, proof: fn(&SimFleet, &SimController, &HostName) -> bool) -> Case {
    Case { name, steps: vec![look("before"), spec, look("after")], at: 1, proof }
}

fn at(side: Side, mut spec: StepSpec) -> StepSpec {
    spec.on = side;
    spec
}

fn text(text: &str) -> Template {
    Template(text.to_owned())
}

fn nginx() -> TemplateList {
    TemplateList::Items(vec![text("nginx")])
}

fn http() -> HttpCheck {
    HttpCheck {
        url: text("http://{{ inventory_hostname }}/health"),
        status: 200,
        contains: Some(text("fine")),
        timeout: Duration::from_secs(10),
    }
}

fn command(changes: bool) -> StepKind {
    StepKind::Command(CommandSpec {
        run: CommandLine::Shell(text("patch everything")),
        changes,
        environment: BTreeMap::new(),
        ok_codes: vec![0],
    })
}

fn script(changes: bool) -> StepKind {
    StepKind::Script(Script { file: text("script.sh"), args: vec![], changes, environment: BTreeMap::new() })
}

fn hook() -> Hook {
    Hook { run: text("tool {{ inventory_hostname }}") }
}

/// Steps that change nothing on a host.
fn looks() -> Vec<Case> {
    let precheck = Precheck {
        disk_free: [("/var".to_owned(), 1 << 20)].into(),
        packages_healthy: true,
        load_below: Some(100.0),
        services: Some(nginx()),
        command: Some(text("true")),
    };
    let verify = Verify {
        services: Some(nginx()),
        kernel_newest: true,
        journal_no_new_errors: true,
        packages_healthy: true,
        http: vec![http()],
        ports: vec![443],
        command: Some(text("true")),
    };
    let wait = |condition| StepKind::WaitFor(WaitFor { condition, interval: Duration::from_secs(2) });
    let webhook = Notify::Webhook {
        url: text("http://{{ inventory_hostname }}/x"),
        body: None,
        message: text("hello"),
        required: true,
    };
    vec![
        case("precheck", step("precheck", StepKind::Precheck(precheck)), |_, _, _| true),
        case("verify", step("verify", StepKind::Verify(verify)), |_, _, _| true),
        case("command that looks", step("command", command(false)), |_, _, _| true),
        case("script that looks", step("script", script(false)), |_, _, _| true),
        case("wait_for path", step("wait", wait(Condition::Path(text("/run/ready")))), |_, _, _| true),
        case("wait_for command", step("wait", wait(Condition::Command(text("true")))), |_, _, _| true),
        case("wait_for port", step("wait", wait(Condition::Port { host: None, port: 22 })), |_, _, _| true),
        case("wait_for http", step("wait", wait(Condition::Http(http()))), |_, _, _| true),
        case("pause", step("pause", StepKind::Pause(Pause { duration: Duration::from_secs(120) })), |_, _, _| true),
        case("notify webhook", step("notify", StepKind::Notify(webhook)), |_, c, host| c.count(host, "post") > 0),
        case(
            "notify command",
            step(
                "notify",
                StepKind::Notify(Notify::Command { run: text("tool"), message: text("hello"), required: true }),
            ),
            |_, c, host| c.count(host, "notify done") > 0,
        ),
    ]
}

/// Steps that change the host.
fn changes() -> Vec<Case> {
    let upgrade = Upgrade { lock_timeout: Duration::from_secs(60), ..Upgrade::default() };
    let reboot = Reboot {
        when: RebootWhen::Always,
        warn: Duration::from_secs(60),
        message: None,
        timeout: Duration::from_secs(600),
        stable: Duration::from_secs(10),
        trial: false,
        lock_timeout: Duration::from_secs(600),
    };
    let copy = CopySpec {
        from: CopyFrom::Content(text("hello")),
        dest: text("/etc/motd"),
        mode: Some(0o644),
        owner: None,
        group: None,
    };
    let service = |state| StepKind::Service(ServiceSpec { names: nginx(), state });
    let mut rollback = case("rollback", step("upgrade", StepKind::Upgrade(upgrade.clone())), |fleet, _, host| {
        let is_old = |name| fleet.version(host, name).as_deref() == Some("3.0.11-1");
        is_old("openssl") && is_old("libssl3") && fleet.is_healthy(host) && begun(fleet, host, "rollback") == 1
    });
    rollback.steps.insert(2, step("rollback", StepKind::Rollback(Rollback::default())));
    rollback.at = 2;
    let cleanup = Cleanup { old_kernels: Some(1), package_cache: true, lock_timeout: Duration::from_secs(600) };
    vec![
        case("upgrade", step("upgrade", StepKind::Upgrade(upgrade)), |fleet, _, host| {
            let is_new = |name| fleet.version(host, name).as_deref() == Some("3.0.15-1");
            is_new("openssl") && is_new("libssl3") && fleet.is_healthy(host) && begun(fleet, host, "install") == 1
        }),
        rollback,
        case("reboot", step("reboot", StepKind::Reboot(reboot)), |fleet, _, host| fleet.boots(host) > 1),
        case("command", step("command", command(true)), |fleet, _, host| begun(fleet, host, "command") == 1),
        case("script", step("script", script(true)), |fleet, _, host| begun(fleet, host, "script") == 1),
        case("copy", step("copy", StepKind::Copy(copy)), |fleet, _, host| {
            fleet.file(host, "/etc/motd").as_deref() == Some(b"hello")
        }),
        case("service restarted", step("service", service(ServiceState::Restarted)), |fleet, _, host| {
            fleet.is_active(host, "nginx") && begun(fleet, host, "service") == 1
        }),
        case("service stopped", step("service", service(ServiceState::Stopped)), |fleet, _, host| {
            !fleet.is_active(host, "nginx")
        }),
        case("cleanup", step("cleanup", StepKind::Cleanup(cleanup)), |fleet, _, host| {
            let kernel = |n| fleet.version(host, &format!("linux-image-6.1.0-{n}-amd64")).is_some();
            !kernel(96) && kernel(97) && kernel(98) && fleet.effects(host).contains_key("clean")
        }),
        case("snapshot on the host", step("snapshot", StepKind::Snapshot(hook())), |fleet, _, host| {
            begun(fleet, host, "hook") == 1
        }),
    ]
}

/// Programs on the jump box.
fn programs() -> Vec<Case> {
    let here = |name, kind| at(Side::Controller, step(name, kind));
    let hooked = |_: &SimFleet, c: &SimController, host: &HostName| c.count(host, "hook done") > 0;
    let mut drain = case("drain", here("drain", StepKind::Drain(hook())), |_, c, host| c.count(host, "hook done") > 1);
    drain.steps.push(here("undrain", StepKind::Undrain(Undrain { hook: hook(), when_failed: false })));
    vec![
        drain,
        case("undrain", here("undrain", StepKind::Undrain(Undrain { hook: hook(), when_failed: false })), hooked),
        case("snapshot", here("snapshot", StepKind::Snapshot(hook())), hooked),
        case("snapshot_restore", here("restore", StepKind::SnapshotRestore(hook())), hooked),
        case("command on the jump box", here("command", command(true)), |_, c, host| c.count(host, "command done") > 0),
        case("script on the jump box", here("script", script(true)), |_, c, host| c.count(host, "script done") > 0),
    ]
}

/// Steps that the host undoes unless they are confirmed.
fn guarded() -> Vec<Case> {
    let changes = changes();
    let guarded = |name: &'static str, of: &str, proof| {
        let mut spec = changes.iter().find(|case| case.name == of).expect("it is among them").spec().clone();
        spec.guard = Some(guard(false));
        case(name, spec, proof)
    };
    vec![
        guarded("guarded command", "command", |fleet, _, host| {
            confirmed(fleet, host) && begun(fleet, host, "command") == 1
        }),
        guarded("guarded copy", "copy", |fleet, _, host| {
            confirmed(fleet, host) && fleet.file(host, "/etc/motd").as_deref() == Some(b"hello")
        }),
        guarded("guarded upgrade", "upgrade", |fleet, _, host| {
            confirmed(fleet, host) && fleet.is_healthy(host) && begun(fleet, host, "install") == 1
        }),
        guarded("guarded reboot", "reboot", |fleet, _, host| confirmed(fleet, host) && fleet.boots(host) > 1),
        guarded_walk("guarded walk", "patch everything"),
    ]
}

/// A guard of one minute: some of the faults last longer.
pub fn guard(whole_walk: bool) -> Guard {
    let rollback = CommandLine::Shell(text("undo it"));
    Guard { within: Duration::from_secs(60), rollback, timeout: Guard::TIMEOUT, whole_walk }
}

/// A walk with a guard over all of it, whose one change is this command.
pub fn guarded_walk(name: &'static str, line: &str) -> Case {
    let mut change = step("command", command(true));
    if let StepKind::Command(command) = &mut change.kind {
        command.run = CommandLine::Shell(text(line));
    }
    change.guard = Some(guard(true));
    let mut walk = case(name, change, |fleet, _, host| confirmed(fleet, host) && begun(fleet, host, "command") == 1);
    walk.steps.push(step("confirm", StepKind::Confirm(guard(true))));
    walk
}

/// A walk with one guarded step, this command.
pub fn guarded_step(name: &'static str, line: &str) -> Case {
    let mut case = guarded_walk(name, line);
    case.steps.pop();
    case.steps[1].guard = Some(guard(false));
    case
}

/// Nothing was rolled back, and nothing will be.
fn confirmed(fleet: &SimFleet, host: &HostName) -> bool {
    !fleet.is_guarded(host) && rollbacks(fleet, host) == 0
}

/// How often a host rolled back.
pub fn rollbacks(fleet: &SimFleet, host: &HostName) -> u32 {
    fleet.effects(host).get("rollback").copied().unwrap_or(0)
}

/// How many jobs of this name were started on a host, over all steps and attempts.
pub fn begun(fleet: &SimFleet, host: &HostName, name: &str) -> u32 {
    let jobs = fleet.transactions(host);
    jobs.iter().filter(|(id, _)| id.rsplit('.').next() == Some(name)).map(|(_, times)| times).sum()
}
