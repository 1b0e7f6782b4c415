//! Every kind of step on a host that is a folder: what works and what fails.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, path::PathBuf, sync::Mutex, time::Duration};

use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::{Ask, Claim, Controller, JumpBox, Ran, run, testing::Bench};
use crate::{
    command::Command,
    event::{StepResult, Verdict},
    playbook::{
        CommandLine, CommandSpec, Condition, CopyFrom, CopySpec, Hook, HttpCheck, Notify, Pause, Precheck, Script,
        ServiceSpec, ServiceState, Side, StepKind, Template, TemplateList, TemplateScope, Undrain, Verify, WaitFor,
    },
    step::testing::Fault,
    transport::{Class, Sink},
};

fn template(text: &str) -> Template {
    Template(text.to_owned())
}

fn list(items: &[&str]) -> TemplateList {
    TemplateList::Items(items.iter().map(|item| template(item)).collect())
}

/// Status and body, or why there is no answer.
type Answer = Result<(u16, Vec<u8>), String>;

/// A jump box whose network is simulated and whose programs are real.
struct Made {
    programs: JumpBox,
    answers: Mutex<Vec<Answer>>,
    posted: Mutex<Vec<Value>>,
}

impl Controller for std::sync::Arc<Made> {
    fn run<'a>(&'a self, command: &'a Command, claim: &'a Claim, log: &'a mut dyn Sink) -> Ran<'a> {
        self.programs.run(command, claim, log)
    }

    fn http<'a>(&'a self, _: &'a str, ask: Ask<'a>, _: Duration) -> BoxFuture<'a, Result<(u16, Vec<u8>), String>> {
        if let Ask::Post(body) = ask {
            self.posted.lock().unwrap().push(body.clone());
        }
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { answer })
    }

    fn connects<'a>(&'a self, _: &'a str, port: u16, _: Duration) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move { if port == 22 { Ok(()) } else { Err("refused".to_owned()) } })
    }

    fn find(&self, relative: &str) -> Option<PathBuf> {
        self.programs.find(relative)
    }
}

#[path = "changed_files_tests.rs"]
mod changed_files;

impl Bench {
    /// Gives it a jump box; its playbook is in `jump/` of the bench's folder.
    fn with_jump_box(&mut self, answers: Vec<Answer>) -> std::sync::Arc<Made> {
        let folder = self.path("jump");
        std::fs::create_dir_all(&folder).unwrap();
        let made = std::sync::Arc::new(Made {
            programs: JumpBox::new(folder.clone(), folder).recorded_in(self.path("state/programs")),
            answers: Mutex::new(answers),
            posted: Mutex::default(),
        });
        self.controller = Box::new(made.clone());
        made
    }

    fn hook(&self, name: &str, body: &str) {
        self.file(&format!("jump/{name}"), format!("#!/bin/sh\n{body}\n"));
        std::fs::set_permissions(self.path(&format!("jump/{name}")), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn systemd(&self, body: &str) {
        std::fs::create_dir_all(self.path("run/systemd/system")).unwrap();
        self.shim("systemctl", body);
        // Jobs get sessions of their own.
        self.shim("systemd-run", "while [ \"$1\" != /bin/sh ]; do shift; done\nsetsid -f \"$@\" >/dev/null 2>&1");
    }

    async fn step(&mut self) -> StepResult {
        run(&mut self.cx()).await
    }
}

fn ends(result: &StepResult, verdict: Verdict, class: &str) {
    assert_eq!((result.verdict, result.class.as_str()), (verdict, class), "{result:#?}");
}

fn shell(line: &str, changes: bool) -> CommandSpec {
    CommandSpec { run: CommandLine::Shell(template(line)), changes, environment: BTreeMap::new(), ok_codes: vec![0] }
}

#[tokio::test]
async fn precheck_tells_everything_that_is_wrong_at_once() {
    let spec = Precheck {
        disk_free: [("/".to_owned(), 1 << 30), ("/boot".to_owned(), 150 << 20), ("/nowhere".to_owned(), 1)].into(),
        load_below: Some(8.0),
        services: Some(list(&["ssh", "cron"])),
        command: Some(template("test -e /nowhere | cat; exit 3")),
        ..Precheck::default()
    };
    let mut bench = Bench::new(StepKind::Precheck(spec));
    std::fs::create_dir(bench.path("boot")).unwrap();
    bench.file("proc/loadavg", "9.50 1.0 1.0 1/100 5\n");
    bench.shim(
        "df",
        "case \"$4\" in */boot) echo \"/dev/sda1 200000 190000 10000 95% /boot\";; *) echo \"/dev/sda2 9 9 90000000 1% /\";; esac",
    );
    bench.systemd("echo active; echo failed");
    let result = bench.step().await;
    ends(&result, Verdict::Failed, "disk");
    assert_eq!(
        result.summary,
        "/boot has 9 MiB free, 150 MiB needed; /nowhere does not exist or cannot be measured; \
         the load is 9.50, not below 8; cron is failed; the check command: exit code 3"
    );
    assert!(!result.vars.contains_key("baseline"));
    assert_eq!(bench.count("lease-acquire"), 0, "it only looks");
}

#[tokio::test]
async fn a_fit_host_passes_and_leaves_a_baseline() {
    let spec = Precheck { services: Some(list(&["ssh"])), load_below: Some(2.0), ..Precheck::default() };
    let mut bench = Bench::new(StepKind::Precheck(spec));
    bench.file("proc/loadavg", "0.10 1.0 1.0 1/100 5\n");
    bench.systemd(
        "case $1 in is-active) echo active;; list-units) case $2 in *failed) echo 'bad.service x';; *) echo 'ssh.service x';; esac;; esac",
    );
    bench.shim("journalctl", "echo '1.5 web1 kernel: ACPI error 17'");
    let result = bench.step().await;
    ends(&result, Verdict::Ok, "");
    let baseline = &result.vars["baseline"];
    assert_eq!(baseline["failed_units"], json!(["bad.service"]));
    assert_eq!(baseline["active_services"], json!(["ssh.service"]));
    assert_eq!(baseline["journal_errors"].as_array().unwrap().len(), 1);

    // The same error after a reboot does not count as new; a different one does.
    bench.scope.set("baseline", baseline.clone());
    bench.boots("boot-2");
    bench.spec.kind = StepKind::Verify(Verify { journal_no_new_errors: true, ..Verify::default() });
    ends(&bench.step().await, Verdict::Ok, "");
    bench.shim("journalctl", "case \"$*\" in *--until*) ;; *) echo '9.5 web1 app[3]: on fire';; esac");
    let result = bench.step().await;
    ends(&result, Verdict::Failed, "journal");
    assert_eq!(result.detail, ["app[3]: on fire"]);
}

#[tokio::test]
async fn an_unreachable_host_is_unreachable_in_every_kind() {
    for kind in [
        StepKind::Precheck(Precheck { load_below: Some(1.0), ..Precheck::default() }),
        StepKind::Command(shell("true", true)),
        StepKind::Command(shell("true", false)),
        StepKind::Verify(Verify { services: Some(list(&["ssh"])), ..Verify::default() }),
        StepKind::Service(ServiceSpec { names: list(&["ssh"]), state: ServiceState::Started }),
    ] {
        let mut bench = Bench::new(kind);
        bench.transport.refuse.lock().unwrap().extend([Class::TimedOut, Class::TimedOut]);
        ends(&bench.step().await, Verdict::Unreachable, "timed-out");
    }
}

#[tokio::test]
async fn reading_commands_survive_a_lost_connection_and_changing_ones_run_once() {
    let mut bench = Bench::new(StepKind::Command(shell("echo hello", false)));
    bench.spec.register = Some("said".into());
    bench.faults("command", [Fault::CutAfter(Duration::ZERO)]);
    let result = bench.step().await;
    ends(&result, Verdict::Ok, "");
    assert_eq!(result.vars["said"]["stdout"], "hello");

    let mut bench = Bench::new(StepKind::Command(shell("echo x >>\"$PATCHWAVE_ROOT/count\"; sleep 0.5", true)));
    bench.faults("job-start", [Fault::CutAfter(Duration::from_millis(200)); 2]);
    let result = bench.step().await;
    ends(&result, Verdict::Ok, "");
    assert!(result.changed);
    assert_eq!(std::fs::read_to_string(bench.path("count")).unwrap(), "x\n");
}

#[tokio::test]
async fn commands_are_judged_by_their_codes_and_see_their_environment() {
    for changes in [true, false] {
        let mut spec = shell("echo \"$SECRET\"; exit 4", changes);
        spec.environment.insert("SECRET".into(), template("{{ word }}"));
        let mut bench = Bench::new(StepKind::Command(spec.clone()));
        bench.scope.set("word", "a 'b' $c".into());
        let result = bench.step().await;
        ends(&result, Verdict::Failed, "command");
        assert_eq!(result.summary, "exit code 4: a 'b' $c");
        spec.ok_codes = vec![0, 4];
        bench.spec.kind = StepKind::Command(spec);
        bench.attempt = 2;
        ends(&bench.step().await, Verdict::Ok, "");
    }
    let mut bench = Bench::new(StepKind::Command(CommandSpec {
        run: CommandLine::Argv(vec![template("/nowhere/prog")]),
        ..shell("", false)
    }));
    ends(&bench.step().await, Verdict::Failed, "command-not-found");
}

#[tokio::test]
async fn a_command_that_does_not_end_is_left_alone_when_it_changes() {
    let mut bench = Bench::new(StepKind::Command(shell("sleep 3; echo x >\"$PATCHWAVE_ROOT/done\"", true)));
    bench.limit = Duration::from_secs(1);
    ends(&bench.step().await, Verdict::Unknown, "stuck");
    super::testing::appears(&bench.path("done")).await;

    let mut bench = Bench::new(StepKind::Command(shell("sleep 60", false)));
    bench.limit = Duration::from_secs(1);
    ends(&bench.step().await, Verdict::Failed, "command-timeout");
}

#[tokio::test]
async fn check_changes_nothing() {
    let hook = Hook { run: template("hook x") };
    let copy = CopySpec {
        from: CopyFrom::Content(template("x")),
        dest: template("/new"),
        mode: None,
        owner: None,
        group: None,
    };
    let notify = Notify::Webhook { url: template("http://x/y"), body: None, message: template("m"), required: false };
    for kind in [
        StepKind::Snapshot(hook.clone()),
        StepKind::SnapshotRestore(hook.clone()),
        StepKind::Drain(hook.clone()),
        StepKind::Undrain(Undrain { hook, when_failed: true }),
        StepKind::Command(shell("echo x >\"$PATCHWAVE_ROOT/changed\"", true)),
        StepKind::Copy(copy),
        StepKind::Service(ServiceSpec { names: list(&["ssh"]), state: ServiceState::Restarted }),
        StepKind::Pause(Pause { duration: Duration::from_secs(600) }),
        StepKind::Notify(notify),
        StepKind::Verify(Verify { services: Some(list(&["ssh"])), ..Verify::default() }),
        StepKind::WaitFor(WaitFor { condition: Condition::Path(template("/x")), interval: Duration::ZERO }),
    ] {
        let mut bench = Bench::new(kind);
        bench.check = true;
        let made = bench.with_jump_box(vec![]);
        bench.systemd("echo \"$1\" | grep -q is-active || echo x >\"$PATCHWAVE_ROOT/changed\"; echo active");
        bench.hook("hook", "echo x >changed");
        let result = bench.step().await;
        ends(&result, Verdict::Skipped, "");
        assert!(result.summary.starts_with("would "), "{}", result.summary);
        assert!(!bench.path("var").exists() && !bench.path("changed").exists() && !bench.path("new").exists());
        assert!(!bench.path("jump/changed").exists() && made.posted.lock().unwrap().is_empty());
    }
}

/// Services and ports that `verify` will ask for, and that are not there before the change.
#[tokio::test]
async fn a_check_finds_what_verify_would_miss() {
    let systemctl = |state: &str, load: &str| {
        format!("case $1 in is-active) echo {state} ;; show) echo {load} ;; *) echo 'nginxx.service enabled' ;; esac")
    };
    for (state, load, ports, verdict, summary) in [
        ("active", "loaded", vec![], Verdict::Skipped, "would verify"),
        ("failed", "loaded", vec![], Verdict::Failed, "before any change, nginx is failed"),
        (
            "inactive",
            "not-found",
            vec![1],
            Verdict::Failed,
            "before any change, no unit nginx on this host (similar: nginxx); port 1: no network here",
        ),
    ] {
        let verify = Verify { services: Some(list(&["nginx"])), ports, ..Verify::default() };
        let mut bench = Bench::new(StepKind::Verify(verify));
        bench.check = true;
        bench.systemd(&systemctl(state, load));
        let result = bench.step().await;
        assert_eq!((result.verdict, result.summary.as_str()), (verdict, summary));
    }
}

#[tokio::test]
async fn a_snapshot_gives_its_id_or_fails() {
    for (body, verdict, class, id) in [
        ("echo making; echo \"snap-$1-$PATCHWAVE_HOST\"; echo", Verdict::Ok, "", "snap-a b-web1"),
        ("echo none; echo s1", Verdict::Ok, "", "s1"),
        ("echo s1; echo none", Verdict::Skipped, "", "none"),
        ("echo no room >&2; exit 2", Verdict::Failed, "hook", ""),
        ("exit 0", Verdict::Failed, "hook", ""),
        ("sleep 60", Verdict::Failed, "timeout", ""),
    ] {
        let mut bench = Bench::new(StepKind::Snapshot(Hook { run: template("hooks/snap 'a b'") }));
        bench.spec.on = Side::Controller;
        bench.limit = Duration::from_secs(2);
        bench.with_jump_box(vec![]);
        bench.hook("hooks/snap", body);
        let result = bench.step().await;
        ends(&result, verdict, class);
        let given = result.vars.get("snapshot").and_then(|snapshot| snapshot["id"].as_str());
        assert_eq!(given.unwrap_or_default(), id);
        assert_eq!((result.left_behind.no_snapshot, result.changed && id == "none"), (id == "none", false));
        assert_eq!(bench.count("lease-acquire"), 0, "the host is not touched");
    }
    let mut bench = Bench::new(StepKind::Snapshot(Hook { run: template("hooks/none") }));
    bench.spec.on = Side::Controller;
    bench.with_jump_box(vec![]);
    ends(&bench.step().await, Verdict::Failed, "missing-file");
}

#[tokio::test]
async fn a_hook_on_the_host_runs_detached() {
    let mut bench = Bench::new(StepKind::Snapshot(Hook { run: template("make-snapshot") }));
    bench.shim("make-snapshot", "echo lv-1");
    let result = bench.step().await;
    ends(&result, Verdict::Ok, "");
    assert_eq!(result.vars["snapshot"]["id"], "lv-1");
    assert_eq!((bench.count("lease-acquire"), bench.count("job-start")), (1, 1));
}

#[tokio::test]
async fn an_undefined_variable_is_named() {
    let mut bench = Bench::new(StepKind::Drain(Hook { run: template("hook {{ nowhere }}") }));
    let result = bench.step().await;
    ends(&result, Verdict::Failed, "template");
    assert!(result.summary.contains("nowhere"), "{}", result.summary);
}

#[tokio::test]
async fn scripts_run_on_both_sides_with_their_arguments() {
    for (side, changes) in
        [(Side::Host, true), (Side::Host, false), (Side::Controller, true), (Side::Controller, false)]
    {
        let mut bench = Bench::new(StepKind::Script(Script {
            file: template("files/s"),
            args: vec![template("a b"), template("{{ x }}")],
            changes,
            environment: [("E".to_owned(), template("e"))].into(),
        }));
        bench.spec.on = side;
        bench.spec.register = Some("r".into());
        bench.scope = TemplateScope::new(Map::from_iter([("x".to_owned(), "$y".into())]));
        bench.with_jump_box(vec![]);
        bench.file("jump/files/s", "#!/bin/sh -e\nprintf '%s|' \"$@\" \"$E\"\nfalse\necho never\n");
        let result = bench.step().await;
        ends(&result, Verdict::Failed, "command");
        assert_eq!(result.vars["r"]["stdout"], "a b|$y|e|", "{side:?} {changes}");
    }
}

#[tokio::test]
async fn a_copy_writes_what_differs_and_nothing_else() {
    let mut bench = Bench::new(StepKind::Copy(CopySpec {
        from: CopyFrom::Content(template("hello {{ x }}\n")),
        dest: template("/etc/motd"),
        mode: Some(0o640),
        owner: None,
        group: None,
    }));
    bench.scope.set("x", "you".into());
    let missing = bench.step().await;
    ends(&missing, Verdict::Failed, "copy");
    bench.file("etc/motd", "old");
    bench.faults("copy-put", [Fault::CutAfter(Duration::ZERO)]);
    assert!(bench.step().await.changed);
    assert_eq!(std::fs::read_to_string(bench.path("etc/motd")).unwrap(), "hello you\n");
    let mode = std::fs::metadata(bench.path("etc/motd")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    let again = bench.step().await;
    ends(&again, Verdict::Ok, "");
    assert!(!again.changed);
    // A link stays a link.
    std::os::unix::fs::symlink("motd", bench.path("etc/link")).unwrap();
    if let StepKind::Copy(copy) = &mut bench.spec.kind {
        (copy.dest, copy.from) = (template("/etc/link"), CopyFrom::Content(template("two")));
    }
    assert!(bench.step().await.changed);
    assert_eq!(std::fs::read_to_string(bench.path("etc/motd")).unwrap(), "two");
    assert!(std::fs::symlink_metadata(bench.path("etc/link")).unwrap().is_symlink());
    let left: Vec<_> = std::fs::read_dir(bench.path("etc")).unwrap().collect();
    assert_eq!(left.len(), 2, "no temporary file is left");
    // Settings that are not given stay as they are: a secret does not become readable, whatever its new text.
    let etc = bench.path("etc");
    for (mode, text, changed, expected) in
        [(None, "two", false, 0o600), (None, "three", true, 0o600), (Some(0o644), "three", true, 0o644)]
    {
        let file = etc.join("motd");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        if let StepKind::Copy(copy) = &mut bench.spec.kind {
            (copy.mode, copy.from) = (mode, CopyFrom::Content(template(text)));
        }
        let result = bench.step().await;
        assert_eq!((result.verdict, result.changed), (Verdict::Ok, changed), "{mode:?} {text}: {result:?}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, expected, "{mode:?} {text}");
    }
    if let StepKind::Copy(copy) = &mut bench.spec.kind {
        (copy.mode, copy.dest) = (None, template("/etc/new"));
    }
    assert!(bench.step().await.changed);
    assert_eq!(std::fs::metadata(etc.join("new")).unwrap().permissions().mode() & 0o7777, 0o644);
    for bad in ["relative", "/etc/", "/etc"] {
        if let StepKind::Copy(copy) = &mut bench.spec.kind {
            copy.dest = template(bad);
        }
        ends(&bench.step().await, Verdict::Failed, "bad-path");
    }
}

#[tokio::test]
async fn verify_gives_services_their_moment() {
    let spec = Verify {
        services: Some(list(&["ssh"])),
        ports: vec![22],
        http: vec![HttpCheck {
            url: template("https://h/health?token=s3cret"),
            status: 200,
            contains: Some(template("ok")),
            timeout: Duration::from_secs(1),
        }],
        ..Verify::default()
    };
    let mut bench = Bench::new(StepKind::Verify(spec));
    bench.limit = Duration::from_secs(60);
    for coming in ["activating", "inactive"] {
        bench.systemd(&format!(
            "cd $PATCHWAVE_ROOT; if [ -e {coming} ]; then echo active; else echo {coming} | tee {coming}; fi"
        ));
        bench.with_jump_box(vec![Err("refused".into()), Ok((200, b"all ok".to_vec()))]);
        ends(&bench.step().await, Verdict::Ok, "");
    }
    let looks = bench.count("service-states");
    bench.systemd("echo failed");
    bench.with_jump_box(vec![Ok((503, vec![]))]);
    if let StepKind::Verify(verify) = &mut bench.spec.kind {
        verify.ports.push(80);
    }
    let result = bench.step().await;
    ends(&result, Verdict::Failed, "service");
    assert_eq!(result.summary, "ssh is failed; https://h/health answers 503, not 200; port 80: refused");
    assert_eq!(bench.count("service-states"), looks + 1, "a failed unit is not waited for");
}

#[tokio::test]
async fn waiting_ends_when_it_holds_or_when_the_time_is_over() {
    let interval = Duration::from_millis(100);
    let mut bench = Bench::new(StepKind::WaitFor(WaitFor {
        condition: Condition::Command(template(
            "echo x >>\"$PATCHWAVE_ROOT/n\"; [ $(wc -l <\"$PATCHWAVE_ROOT/n\") -ge 3 ]",
        )),
        interval,
    }));
    ends(&bench.step().await, Verdict::Ok, "");
    for (condition, why) in [
        (Condition::Path(template("/nowhere")), "/nowhere does not exist"),
        (Condition::Port { host: None, port: 80 }, "127.0.0.1 port 80: refused"),
    ] {
        bench.limit = Duration::from_secs(1);
        bench.with_jump_box(vec![]);
        bench.spec.kind = StepKind::WaitFor(WaitFor { condition, interval });
        let result = bench.step().await;
        ends(&result, Verdict::Failed, "timeout");
        assert!(result.summary.ends_with(why), "{}", result.summary);
    }
}

#[tokio::test]
async fn an_interrupted_pause_goes_on() {
    let mut bench = Bench::new(StepKind::Pause(Pause { duration: Duration::from_secs(2) }));
    let cut = tokio::time::timeout(Duration::from_millis(1500), bench.step()).await;
    assert!(cut.is_err());
    bench.resumed = true;
    let began = std::time::Instant::now();
    ends(&bench.step().await, Verdict::Ok, "");
    assert!(began.elapsed() < Duration::from_millis(1500));
}

#[path = "notify_tests.rs"]
mod notify;
#[path = "service_tests.rs"]
mod service;
