//! `rehearse`: the operator's own files on simulated hosts. Where it halts, what is left, and that nothing outside it
//! is touched.

use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use patchwave::{
    event::{Event, Kind, Outcome, RunState, StepPhase, StepRef, Verdict},
    host::HostName,
};

use crate::support::cli::{Desk, Said};

const INVENTORY: &str = "all:
  vars: { patchwave: { environment: production, risk: medium } }
  children:
    web:
      hosts: { 'web[01:08]': }
    db:
      vars: { patchwave: { risk: critical } }
      hosts: { 'db[1:3]': }
";

const PLAYBOOK: &str = "name: Patch
hosts: all
rollout: { canary: 1, batch: 3, soak: 10m }
steps:
  - name: Updates
    upgrade: { scope: security }
  - name: Reboot
    reboot: { when: required }
  - name: Healthy
    verify: { services: [ssh], packages: healthy, kernel: newest }
";

fn desk() -> Desk {
    let desk = Desk::empty();
    desk.write("inv.yml", INVENTORY);
    desk.write("play.yml", PLAYBOOK);
    desk
}

fn rehearsed(options: &str) -> Said {
    let said = desk().run(&format!("rehearse play.yml -i inv.yml {options}"));
    assert!(said.err.starts_with("REHEARSAL"), "the first word\n{}", said.page());
    assert!(said.err.contains("\nREHEARSAL: no host was touched"), "the last words\n{}", said.page());
    said
}

/// The run that its events describe.
fn state(said: &Said) -> RunState {
    let events: Vec<Event> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    RunState::fold(&events).unwrap()
}

fn outcome(state: &RunState, host: &str) -> Outcome {
    state.host(&HostName::new(host).unwrap()).unwrap().outcome()
}

#[test]
fn all_goes_well_unless_something_else_is_asked_for() {
    insta::assert_snapshot!(rehearsed("").ended(0).page(), @r#"
    exit code 0
    -- stdout
    Patch (REHEARSAL, simulated hosts), run RUN, 1s

    ok           production/medium: 8 hosts: web[01-08]: 16 packages, 8 reboots, at
                 most 1s
    ok           production/critical: 3 hosts: db[1-3]: 6 packages, 3 reboots, at
                 most 1s

    11 hosts: 11 ok
    changed: 22 packages on 11 hosts, 11 reboots

    next:
      patchwave report RUN  # for the ticket
    -- stderr
    REHEARSAL: simulated hosts that have the names of your inventory. No host is
    connected to, no program of the playbook is started, no message is
    sent, and nothing is written outside a folder of its own.
    what goes wrong:
      nothing: every host does what it is asked (--fail, --lose, --never-back,
        --kill-controller)

      production/medium                             8 hosts in 4 waves
      production/critical                           3 hosts in 2 waves
      in total                                     11 hosts
    00:00:00  wave         production/medium, wave 1 of 4 (canary): 1 host
    00:00:00  wave         production/medium, wave 1 of 4 (canary) is done: 1 ok
    00:00:00  --           waiting: soak after wave 1 of stage production/medium
    00:00:00  wave         production/medium, wave 2 of 4: 3 hosts
    00:00:00  wave         production/medium, wave 2 of 4 is done: 3 ok
    00:00:00  --           waiting: soak after wave 2 of stage production/medium
    00:00:00  wave         production/medium, wave 3 of 4: 3 hosts
    00:00:00  wave         production/medium, wave 3 of 4 is done: 3 ok
    00:00:00  --           waiting: soak after wave 3 of stage production/medium
    00:00:00  wave         production/medium, wave 4 of 4: 1 host
    00:00:00  wave         production/medium, wave 4 of 4 is done: 1 ok
    00:00:00  --           waiting: soak after wave 4 of stage production/medium
    00:00:00  wave         production/critical, wave 1 of 2 (canary): 1 host
    00:00:00  wave         production/critical, wave 1 of 2 (canary) is done: 1 ok
    00:00:00  --           waiting: soak after wave 1 of stage production/critical
    00:00:00  wave         production/critical, wave 2 of 2: 2 hosts
    00:00:00  wave         production/critical, wave 2 of 2 is done: 2 ok
    00:00:00  over         11 ok

    REHEARSAL: no host was touched. In a real run, RUN is the id that it prints.
    made up: all hosts are alike, with updates that need a reboot; your own commands
      exit with 0 and print nothing; services are active; all times are
      invented
    "#);
}

#[test]
fn a_failure_shows_where_it_halts_what_is_left_and_what_to_type() {
    insta::assert_snapshot!(rehearsed("--fail web05").ended(6).page(), @r#"
    exit code 6
    -- stdout
    Patch (REHEARSAL, simulated hosts), run RUN, 1s

    failed at "Updates": web05
      libssl3 is half-configured (exit code 1)
      | 0 of 2 planned versions are installed
      | not installed: libssl3 3.0.15-1, openssl 3.0.15-1
      | the package database: libssl3 is half-configured
      | it fails because the rehearsal was asked for it (--fail)
      changed: 1 package
      try: on the host: dpkg --configure -a && apt-get -f install; once the database
           is in order, run again with --limit @failed

    left behind on 1 host: web05
      a reboot is due: the system requests it

    ok           production/medium: 6 hosts: web[01-04,06-07]: 12 packages, 6
                 reboots, at most 1s
    not started  production/medium: web08
    not started  production/critical: 3 hosts: db[1-3]

    11 hosts: 6 ok, 1 failed, 4 not started
    changed: 13 packages on 7 hosts, 6 reboots

    next:
      # everything it printed
      patchwave log RUN web05
      # when fixed: retry 1 host
      patchwave run play.yml -i inv.yml --limit @failed
      # then the other 4 hosts
      patchwave run play.yml -i inv.yml --limit @RUN:not_started
    -- stderr
    REHEARSAL: simulated hosts that have the names of your inventory. No host is
    connected to, no program of the playbook is started, no message is
    sent, and nothing is written outside a folder of its own.
    what goes wrong:
      web05: its first change fails (--fail)

      production/medium                             8 hosts in 4 waves
      production/critical                           3 hosts in 2 waves
      in total                                     11 hosts
    00:00:00  wave         production/medium, wave 1 of 4 (canary): 1 host
    00:00:00  wave         production/medium, wave 1 of 4 (canary) is done: 1 ok
    00:00:00  --           waiting: soak after wave 1 of stage production/medium
    00:00:00  wave         production/medium, wave 2 of 4: 3 hosts
    00:00:00  wave         production/medium, wave 2 of 4 is done: 3 ok
    00:00:00  --           waiting: soak after wave 2 of stage production/medium
    00:00:00  wave         production/medium, wave 3 of 4: 3 hosts
    00:00:00  failed       web05  Updates: libssl3 is half-configured (exit code 1)
                           | 0 of 2 planned versions are installed
                           | not installed: libssl3 3.0.15-1, openssl 3.0.15-1
                           | the package database: libssl3 is half-configured
                           | it fails because the rehearsal was asked for it (--fail)
                           try: on the host: dpkg --configure -a && apt-get -f install; once the database is in order, run again with --limit @failed
    00:00:00  --           halted: 1 host of stage production/medium broke, max_failures is 0; hosts in flight finish, no other host starts
    00:00:00  wave         production/medium, wave 3 of 4 is done: 2 ok, 1 failed
    00:00:00  over         6 ok, 1 failed, 4 not started

    REHEARSAL: no host was touched. In a real run, RUN is the id that it prints.
    made up: all hosts are alike, with updates that need a reboot; your own commands
      exit with 0 and print nothing; services are active; all times are
      invented
    "#);
}

#[test]
fn a_budget_is_spent_by_the_failures_that_exceed_it() {
    let desk = desk();
    desk.write("play.yml", &PLAYBOOK.replace("soak: 10m", "soak: 10m, max_failures: 1"));
    let inventory = INVENTORY.replace("risk: medium", "risk: medium, max_failures: 1");
    desk.write("inv.yml", &inventory);
    let one = state(&desk.run("rehearse play.yml -i inv.yml --fail web02 --json").ended(6));
    assert_eq!((one.tally.failed, one.tally.ok, one.tally.waiting()), (1, 10, 0), "within the budget");
    let two = state(&desk.run("rehearse play.yml -i inv.yml --fail web02 --fail web06 --json").ended(6));
    // The canary, the wave of web02, and the wave of web06 with its neighbours.
    assert_eq!((two.tally.failed, two.tally.ok, two.tally.waiting()), (2, 5, 4), "{:?}", two.tally);
}

#[test]
fn a_failure_strikes_in_the_step_that_is_named() {
    let said = rehearsed("--fail web05@healthy").ended(6);
    said.says(&["failed at \"Healthy\": web05", "--fail", "changed: 2 packages, 1 reboot"]);
    let said = rehearsed("--fail web05@reboot").ended(6);
    said.says(&["failed at \"Reboot\": web05"]);
}

#[test]
fn a_lost_link_leaves_an_unknown_host_or_an_unreachable_one() {
    let in_a_change = rehearsed("--lose 'web[02-03]@upgrade'").ended(7);
    in_a_change.says(&["unknown at \"Updates\": web02", "unknown at \"Updates\": web03", "web[05-08]"]);
    let while_looking = rehearsed("--lose web04@Healthy").ended(5);
    while_looking.says(&["unreachable at \"Healthy\": web04", "changed: 2 packages, 1 reboot"]);
    // Without a step: its first change.
    rehearsed("--lose db1").ended(7).says(&["unknown at \"Updates\": db1", "ok           production/medium"]);
}

#[test]
fn a_host_that_does_not_come_back_is_unreachable() {
    let said = rehearsed("--never-back web03").ended(5);
    said.says(&["unreachable at \"Reboot\": web03", "did not come back", "not started  production/critical"]);
}

#[test]
fn a_killed_controller_is_resumed_and_nothing_is_done_twice() {
    let said = rehearsed("--kill-controller").ended(0);
    let said = said.says(&["(kill -9). In flight: web01;", "  patchwave resume RUN\n", "11 hosts: 11 ok"]);
    assert!(said.err.find("kill -9").unwrap() < said.err.find("wave 1 of 4 (canary) is done").unwrap());
    let said = rehearsed("--kill-controller --json").ended(0);
    let events: Vec<Event> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let resumed = events.iter().position(|event| matches!(event.kind, Kind::RunResumed(_))).expect("it is resumed");
    let begun = |kind: &Kind| matches!(kind, Kind::StepStarted { step, .. } if step.index == 0);
    let ended = |kind: &Kind| matches!(kind, Kind::StepFinished { step, .. } if step.index == 0);
    assert!(events[..resumed].iter().any(|event| begun(&event.kind)), "a change had begun");
    assert!(!events[..resumed].iter().any(|event| ended(&event.kind)), "and had not ended");
    assert_eq!(events.iter().filter(|event| begun(&event.kind)).count(), 11, "no change is begun twice");
    assert_eq!(state(&said).tally.ok, 11);
}

#[test]
fn a_host_may_fail_after_the_controller_was_killed() {
    let said = rehearsed("--kill-controller --fail web01 --json").ended(6);
    assert_eq!(outcome(&state(&said), "web01"), Outcome::Failed, "the canary's change was under way");
}

#[test]
fn what_did_not_happen_is_said() {
    let mut desk = desk();
    desk.columns = Some(200);
    let said = desk.run("rehearse play.yml -i inv.yml --fail web01 --lose 'db[1-2]' --never-back web08").ended(6);
    said.says(&[
        "did not happen: db[1-2]: its link is lost for good in its first change (--lose); they were not started",
        "did not happen: web08: not coming back (--never-back); it was not started",
    ]);
}

#[test]
fn what_cannot_happen_is_refused() {
    let desk = desk();
    for (options, words) in [
        ("--fail nobody", "nobody"),
        ("--fail db1 --limit web", "none of these hosts is in this rollout"),
        ("--lose web01@Restart", "its steps are \"Updates\", \"Reboot\", \"Healthy\""),
    ] {
        desk.run(&format!("rehearse play.yml -i inv.yml {options}")).ended(2).says(&[words]);
    }
    desk.write("play.yml", "name: Look\nhosts: all\nsteps: [{ name: Healthy, verify: { services: [ssh] } }]\n");
    for (options, words) in
        [("--never-back web01", "has no `reboot` step"), ("--fail web01", "no step of this playbook changes a host")]
    {
        desk.run(&format!("rehearse play.yml -i inv.yml {options}")).ended(2).says(&[words]);
    }
    desk.run("rehearse play.yml -i inv.yml --fail web01@verify").ended(6).says(&["failed at \"Healthy\": web01"]);
}

/// Programs that leave a mark, and an address where somebody listens.
fn outside(desk: &Desk, port: u16) {
    desk.program("mark", "#!/bin/sh\necho \"$0 $*\" >> \"$(dirname \"$0\")/MARK\"\n");
    desk.write("file.txt", "text");
    desk.write("remote", "#!/bin/sh\ntrue\n");
    desk.write(
        "inv.yml",
        &format!(
            "all:
  vars:
    ansible_port: {port}
    api_token: s3cr3t-of-the-inventory
    patchwave: {{ environment: production, risk: low }}
  hosts: {{ web01: {{ ansible_host: 127.0.0.1 }}, web02: {{ ansible_host: 127.0.0.2 }}, web03: {{ ansible_host: 127.0.0.3 }} }}
"
        ),
    );
    desk.write(
        "play.yml",
        &format!(
            "name: Everything
hosts: all
rollout:
  canary: 1
  approve: true
  gate: [{{ name: Gate, command: ./mark gate, on: controller }}]
steps:
  - {{ name: Drain, drain: {{ run: ./mark drain }} }}
  - {{ name: Snapshot, snapshot: {{ run: ./mark snapshot }} }}
  - {{ name: Remote snapshot, snapshot: {{ run: /usr/local/sbin/snap }}, on: host }}
  - {{ name: Copy, copy: {{ content: 'token={{{{ api_token }}}}', dest: /etc/a.conf }} }}
  - {{ name: Own, command: 'curl -H {{{{ api_token }}}} -d {{{{ given_password }}}} http://x/' }}
  - {{ name: Here, command: ./mark here, on: controller }}
  - {{ name: Sent, script: remote }}
  - {{ name: Updates, upgrade: {{ scope: security }} }}
  - {{ name: Restart, service: {{ names: [nginx], state: restarted }} }}
  - {{ name: Port, wait_for: {{ port: {port} }} }}
  - name: Healthy
    verify:
      services: [nginx]
      ports: [{port}]
      http:
        - {{ url: 'http://127.0.0.1:{port}/{{{{ api_token }}}}', status: 204 }}
        - {{ url: 'http://127.0.0.1:{port}/', contains: 'all is well' }}
  - {{ name: Chat, notify: {{ webhook: 'http://127.0.0.1:{port}/s3cr3t-of-the-hook', message: done }} }}
  - {{ name: Pager, notify: {{ command: ./mark pager, message: done }} }}
  - {{ name: Undrain, undrain: {{ run: ./mark undrain }} }}
"
        ),
    );
}

#[test]
fn nothing_outside_is_touched_and_no_secret_is_printed() {
    let desk = Desk::empty();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    outside(&desk, listener.local_addr().unwrap().port());
    let temporary = desk.folder().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let before = files(&desk);
    let line = "rehearse play.yml -i inv.yml -e given_password=s3cr3t-of-the-command-line";
    for options in ["", " --kill-controller", " --fail web02 --lose web03", " --json"] {
        let mut command = desk.command(&format!("{line}{options}"));
        command.env("TMPDIR", &temporary).env("COLUMNS", "200");
        let said = desk.started(command).end().never_says(&["s3cr3t"]);
        assert_eq!(said.code, if options.contains("fail") { 6 } else { 0 }, "{}", said.page());
        if options.is_empty() {
            said.says(&[
                // Four on this machine for each host, and a gate after each of three waves.
                "15 programs of this machine (hooks, gates), 3 notify commands, 3 webhooks, 6 HTTP checks, 6 port checks",
                "by the rehearsal",
            ]);
        }
    }
    assert_eq!(files(&desk), before, "no file is written, no program leaves its mark");
    let came = listener.accept().map(|(_, from)| from);
    assert!(came.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "nobody connected");
    assert!(!desk.folder().join("state").exists(), "its ledger is apart");
}

/// All files of the project.
fn files(desk: &Desk) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![desk.folder()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            found.push(entry.path().display().to_string());
        }
    }
    found.sort();
    found
}

#[test]
fn windows_are_taken_as_open_and_approvals_as_given() {
    let desk = desk();
    // In the morning of New Year's Day; the plan refuses a window that never opens.
    let window = "window: { start: '0 4 1 1 *', duration: 1m, timezone: UTC }";
    desk.write("inv.yml", &INVENTORY.replace("risk: critical", &format!("risk: critical, approve: true, {window}")));
    let said = desk.run("rehearse play.yml -i inv.yml").ended(0);
    said.says(&[
        "maintenance windows and freezes; here, all hosts may be started at any time:\n  window of production/critical: 0 4 1 1 * for 1m UTC; next: ",
        "waits for approval after its first wave; the rehearsal says yes, a real run asks a person",
        "approved: production/critical after its first wave, by the rehearsal",
    ]);
}

#[test]
fn a_freeze_does_not_hold_for_a_rehearsal() {
    let desk = desk();
    let always = "freezes:\n  audit: { from: 2020-01-01 00:00, to: 2099-01-01 00:00, timezone: UTC, reason: audit }\n";
    desk.write("patchwave.yml", always);
    desk.write("inv.yml", &INVENTORY.replace("risk: critical", "risk: critical, freezes: [audit]"));
    desk.run("run play.yml -i inv.yml --yes").ended(3);
    desk.run("rehearse play.yml -i inv.yml").ended(0).says(&["11 hosts: 11 ok", "audit"]);
}

#[test]
fn a_record_that_is_kept_can_be_looked_at_and_not_gone_on_with() {
    let desk = desk();
    let temporary = desk.folder().join("kept");
    fs::create_dir(&temporary).unwrap();
    let mut command = desk.command("rehearse play.yml -i inv.yml --fail web03 --keep");
    command.env("TMPDIR", &temporary);
    let said = desk.started(command).end().ended(6);
    let typed: Vec<&str> = said.err.lines().filter_map(|line| line.strip_prefix("patchwave --state-dir ")).collect();
    assert_eq!(typed.len(), 3, "{}", said.page());
    for line in &typed {
        let again = desk.run(&format!("--state-dir {line}")).ended(0);
        again.says(&["REHEARSAL"]);
    }
    let state = typed[0].split(' ').next().unwrap();
    desk.run(&format!("--state-dir {state} runs")).ended(0).says(&["rehearsal stopped"]);
    desk.run(&format!("--state-dir {state} status RUN")).says(&["REHEARSAL"]);
    let page = desk.run(&format!("--state-dir {state} show RUN")).ended(0);
    page.says(&["patchwave run play.yml -i inv.yml --limit"]).never_says(&[&format!("{state} run")]);
    for line in ["resume RUN", "retry RUN --yes", "rollback RUN --yes"] {
        desk.run(&format!("--state-dir {state} {line}")).ended(3).says(&["is a rehearsal"]);
    }
    let limited = format!("--state-dir {state} plan play.yml -i inv.yml --limit @RUN:failed");
    desk.run(&limited).ended(2).says(&["is a rehearsal"]);
}

#[test]
fn the_shipped_playbooks_can_be_rehearsed() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let text = |path: String| fs::read_to_string(path).unwrap();
    for (playbook, inventory) in [
        ("emergency-cve", "production"),
        ("kernel-upgrade", "office"),
        ("network-change", "production"),
        ("services-only", "production"),
        ("rolling-patch", "fleet"),
    ] {
        let desk = Desk::empty();
        desk.write("inv.yml", &text(format!("{root}inventories/{inventory}.yml")));
        desk.write("playbooks/play.yml", &text(format!("{root}playbooks/{playbook}.yml")));
        for hook in ["drain", "undrain", "snapshot", "restore"] {
            desk.program(&format!("hooks/{hook}"), "#!/bin/sh\nexit 1\n");
        }
        let said = desk.run("rehearse playbooks/play.yml -i inv.yml");
        assert_eq!(said.code, 0, "{playbook}\n{}", said.page());
    }
}

/// A playbook with every kind of step that needs an answer of its host.
const KINDS: &str = "name: All kinds
hosts: db
guard: { within: 20m, rollback: systemctl reboot }
steps:
  - precheck: { disk_free: { /var: 1GiB }, packages: healthy, load_below: 8, services: [nginx], command: test -e /x }
  - upgrade: { scope: security, predownload: yes }
  - upgrade: { scope: packages, packages: \"{{ wanted }}\", hold: [docker-ce], restart_services: needed, rollback: prepare }
  - upgrade: { scope: all }
  - reboot: { when: required, warn: 5m, trial: yes }
  - service: { names: [nginx], state: restarted }
  - wait_for: { path: /run/ready }
  - wait_for: { command: is-ready }
  - wait_for: { port: 22 }
  - pause: 5m
  - cleanup: { old_kernels: 1, package_cache: true }
  - command: id -u
    register: who
  - name: When nothing was printed
    command: date
    when: who.stdout == '' and who.rc == 0
  - verify: { services: [nginx], kernel: newest, journal: no_new_errors, packages: healthy, command: is-fine }
    retries: 2
on_failure:
  - rollback: { hold: 7d, reason: broken }
  - reboot: { when: required }
";

#[test]
fn every_kind_of_step_has_its_answers() {
    let desk = desk();
    desk.write("play.yml", KINDS);
    let run = |options: &str| {
        desk.run(&format!("rehearse play.yml -i inv.yml -e '{{\"wanted\": [nginx]}}' --json {options}"))
    };
    let said = run("").ended(0);
    let state = state(&said);
    let steps = &state.host(&HostName::new("db1").unwrap()).unwrap().steps;
    let word = |at: usize| steps[at].1.summary.as_str();
    let packages = |at: usize| steps[at].1.packages.iter().map(|change| change.name.as_str()).collect::<Vec<_>>();
    assert_eq!((packages(1), packages(2), packages(3)), (vec![], vec!["nginx"], vec!["libssl3", "openssl"]));
    assert!(word(4).starts_with("rebooted"), "{}", word(4));
    let skipped = |step: &(_, patchwave::event::StepResult)| step.1.verdict == Verdict::Skipped;
    assert!(!steps.iter().any(skipped), "{steps:#?}");
    // What is tried after a failure has its answers, too.
    let said = run("--fail db1@verify").ended(6);
    let state = self::state(&said);
    let after = |step: &&(StepRef, _)| step.0.phase == StepPhase::OnFailure;
    let host = state.host(&HostName::new("db1").unwrap()).unwrap();
    let verdicts: Vec<Verdict> = host.steps.iter().filter(after).map(|step| step.1.verdict).collect();
    assert_eq!(verdicts, [Verdict::Ok, Verdict::Skipped], "rolled back, and no reboot is due");
}

#[test]
fn thousands_of_hosts_take_seconds() {
    let desk = Desk::empty();
    desk.write(
        "inv.yml",
        "all:\n  vars: { patchwave: { environment: production, risk: low, batch: 25% } }\n  hosts: { 'n[0000:4999]': }\n",
    );
    desk.write("play.yml", "name: Patch\nhosts: all\nsteps: [{ name: Updates, upgrade: { scope: security } }]\n");
    let began = Instant::now();
    desk.run("rehearse play.yml -i inv.yml --fail n4000").ended(6).says(&["5000 hosts: ", "1 failed"]);
    // 11 s of an idle processor in this build, without optimisations.
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
}
