use std::{path::Path, sync::LazyLock, time::Duration};

use super::*;
use crate::{
    amount::Amount,
    yaml::{Problems, agree::Agreement, shape::Shape},
};

/// A project with hooks, and a playbook file name in it.
pub(super) fn project() -> (tempfile::TempDir, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for name in ["hooks", "playbooks", "files"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    for (name, mode) in
        [("hooks/snapshot", 0o755), ("hooks/restore", 0o755), ("hooks/plain", 0o644), ("files/motd", 0o644)]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, "#!/bin/sh\necho none\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let path = folder.path().join("playbooks/p.yml");
    (folder, path)
}

/// Loads it; whatever comes of it, the schema for editors agrees.
fn load(text: &str) -> Result<Playbook, Problems> {
    static SCHEMA: LazyLock<Agreement> = LazyLock::new(|| Agreement::of(&Shape::Map(&PLAYBOOK)));
    let (_folder, path) = project();
    let loaded = load_text(&path, text);
    SCHEMA.check(text, loaded.as_ref().map(|_| ()));
    loaded
}

/// Problems as `line:column: message`, in the order of the file.
fn wrong(text: &str) -> Vec<String> {
    let problems = load(text).expect_err(text);
    let mut lines: Vec<_> = problems
        .0
        .iter()
        .map(|problem| match &problem.span {
            Some(span) => (span.line, span.column, format!("{}:{}: {}", span.line, span.column, problem.message)),
            None => (0, 0, problem.message.clone()),
        })
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, _, line)| line).collect()
}

/// The one step of a playbook, written as a flow mapping.
fn step(text: &str) -> StepSpec {
    load(&format!("steps:\n  - {{ {text} }}\n")).unwrap_or_else(|problems| panic!("{text}\n{problems}")).steps.remove(0)
}

fn t(text: &str) -> Template {
    Template(text.to_owned())
}

#[test]
fn the_playbook_of_the_product_page_loads() {
    let text = r#"
name: Rolling patch wave
hosts: all
vars:
  services: [ssh]
rollout:
  max_failures: 2
  soak: 1m
  stages:
    - { hosts: staging, batch: 50% }
    - { hosts: "production:!databases", canary: 1, batch: [10%, 25%], soak: 10m }
    - { name: last, hosts: [databases, extra], batch: 1, approve: true }
steps:
  - name: Ready to be patched
    precheck:
      disk_free: { /: 1GiB, /var: 1GiB, /boot: 150MiB }
      packages: healthy
      load_below: 8
      services: "{{ services }}"
  - snapshot:
      run: hooks/snapshot "{{ inventory_hostname }}"
  - upgrade: { scope: security, exclude: [docker-ce] }
  - reboot: { when: required, warn: 5m, message: "System patching", timeout: 15m }
  - verify:
      services: "{{ services }}"
      kernel: newest
      journal: no_new_errors
      http: [ { url: "https://{{ inventory_hostname }}/health", status: 200 } ]
on_failure:
  - snapshot_restore:
      run: hooks/restore "{{ inventory_hostname }}" "{{ snapshot.id }}"
"#;
    let playbook = load(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((playbook.name.as_str(), playbook.hosts.as_str()), ("Rolling patch wave", "all"));
    assert_eq!(playbook.rollout.max_failures, Some(Amount::Count(2)));
    assert_eq!(playbook.rollout.policy.max_failures, None);
    assert_eq!(playbook.rollout.policy.soak, Some(Duration::from_secs(60)));
    let stages: Vec<_> = playbook.rollout.stages.iter().map(|s| (s.name.as_str(), s.hosts.as_str(), s.line)).collect();
    assert_eq!(
        stages,
        [
            ("staging", "staging", 10),
            ("production:!databases", "production:!databases", 11),
            ("last", "databases,extra", 12)
        ]
    );
    let names: Vec<_> = playbook.steps.iter().map(|s| (s.name.as_str(), s.on)).collect();
    assert_eq!(
        names,
        [
            ("Ready to be patched", Side::Host),
            ("Snapshot", Side::Controller),
            ("Upgrade (security)", Side::Host),
            ("Reboot if required", Side::Host),
            ("Verify", Side::Host),
        ]
    );
    let StepKind::Precheck(precheck) = &playbook.steps[0].kind else { panic!() };
    assert_eq!(precheck.disk_free["/boot"], 150 << 20);
    assert_eq!(precheck.services, Some(TemplateList::Whole(t("{{ services }}"))));
    assert_eq!(playbook.steps[3].limit(), Duration::from_secs(30 * 60));
    assert_eq!(playbook.on_failure[0].name, "Restore the snapshot");
}

#[test]
fn short_forms_mean_what_the_long_ones_do() {
    for (short, long) in [
        ("upgrade: security", "upgrade: {scope: security}"),
        ("upgrade: {}", "upgrade: {scope: security}"),
        ("upgrade: ", "upgrade: {scope: security}"),
        ("upgrade: {exclude: [a]}", "upgrade: {scope: security, exclude: [a]}"),
        ("reboot: required", "reboot: {when: required}"),
        ("pause: 30s", "pause: {duration: 30}"),
        ("command: systemctl is-active x", "command: {run: systemctl is-active x}"),
        ("command: [a, b c]", "command: {argv: [a, b c], ok_codes: 0, changes: true}"),
        ("snapshot: hooks/snapshot x", "snapshot: {run: hooks/snapshot x}"),
        ("script: ../files/motd", "script: {file: ../files/motd}"),
        ("service: {name: ssh, state: started}", "service: {names: ssh, state: started}"),
        ("when: [a, not b], pause: 1s", "when: (a) and (not b), pause: 1s"),
        (
            "wait_for: {http: 'http://x'}",
            "wait_for: {http: {url: 'http://x', status: 200, timeout: 10s}, interval: 2s}",
        ),
    ] {
        assert_eq!(step(short), step(long), "{short}");
    }
}

#[test]
fn steps_have_sides_names_and_limits() {
    for (text, name, side, minutes) in [
        ("precheck: {packages: healthy}", "Pre-check", Side::Host, 2),
        ("snapshot: tool x", "Snapshot", Side::Controller, 15),
        ("snapshot: /opt/x, on: host", "Snapshot", Side::Host, 15),
        ("upgrade: kernel", "Upgrade (kernel)", Side::Host, 60),
        ("reboot: always", "Reboot", Side::Host, 25),
        ("verify: {kernel: newest}", "Verify", Side::Host, 5),
        ("command: 'true', on: controller", "Command: true", Side::Controller, 10),
        ("script: files/motd", "Script: files/motd", Side::Host, 10),
        ("copy: {src: files/motd, dest: /etc/motd}", "Copy: files/motd", Side::Host, 2),
        ("copy: {content: x, dest: /etc/motd}", "Write: /etc/motd", Side::Host, 2),
        ("service: {names: [a, b], state: restarted}", "Restart: a, b", Side::Host, 2),
        ("wait_for: {port: 443}", "Wait for port 443", Side::Host, 5),
        ("pause: 2m", "Pause 120s", Side::Host, 3),
        ("pause: 2m, timeout: 7m", "Pause 120s", Side::Host, 7),
        ("cleanup: {old_kernels: 1}", "Clean up", Side::Host, 15),
    ] {
        let step = step(text);
        assert_eq!((step.name.as_str(), step.on, step.limit().as_secs()), (name, side, minutes * 60), "{text}");
        assert!(text.contains(step.kind.keyword()));
    }
    let notify =
        step("notify: {webhook: 'https://x/', message: m}, register: r, become: no, retries: 3, retry_delay: 1s");
    assert_eq!((notify.on, notify.limit()), (Side::Controller, Duration::from_secs(10)));
    assert_eq!((notify.register.as_deref(), notify.privileged, notify.retries), (Some("r"), Some(false), 3));
}

/// One step that is wrong, and all that is said about it.
#[test]
fn each_mistake_in_a_step_has_its_message() {
    for (text, expected) in [
        ("pauze: 3s", "2:7: unknown key `pauze` in a step; did you mean `pause`?"),
        ("name: x", "2:5: this step does nothing"),
        ("shell: x", "2:7: unknown key `shell` in a step"),
        ("pause: 3s, command: x", "2:18: a step does one thing, and this one has `pause` and `command`"),
        ("pause: 3s, retires: 1", "2:18: unknown key `retires` in a step; did you mean `retries`?"),
        ("pause: soon", "2:14: expected a length of time like 90s, 5m, 1h30m or 2d"),
        ("pause: 0s", "2:14: a deadline must not be zero"),
        ("pause: 3s, timeout: 0", "2:27: a deadline must not be zero"),
        ("pause: 3s, retries: -1", "2:27: -1 is not between 0 and 100"),
        ("pause: 3s, register: my-var", "2:28: this cannot be the name of a variable"),
        (
            "pause: 3s, register: inventory_hostname",
            "2:28: `inventory_hostname` cannot be registered: each host has a variable of this name",
        ),
        ("pause: 3s, register: guard", "2:28: `guard` cannot be registered: steps set it themselves"),
        ("pause: 3s, register: none", "2:28: `none` cannot be registered: it is a word of the template language"),
        (
            "pause: 3s, register: ansible_user",
            "2:28: `ansible_user` cannot be registered: such names belong to the inventory",
        ),
        ("pause: 3s, become: maybe", "2:26: expected yes or no, found a text"),
        ("pause: 3s, on: controler", "2:22: `controler` is not a valid value; did you mean `controller`?"),
        ("upgrade: all, on: controller", "2:25: `upgrade` cannot run on the controller"),
        ("notify: {webhook: 'http://x', message: m}, on: host", "2:54: `notify` always runs on the controller"),
        ("pause: 3s, when: 'a =='", "2:27: template syntax: unexpected end of input, expected expression"),
        ("pause: 3s, when: '{{ a }}'", "2:25: an expression has no braces: write `when: a == b`"),
        ("pause: 3s, when: a is defind", "2:29: test `defind` is unknown"),
        ("command: 'a {{ b | uper }}'", "2:26: filter `uper` is unknown"),
        (
            "command: \"a {{ b.split(',') }}\"",
            "2:24: values have no methods here, and `.split()` is one; write `value | split(…)`",
        ),
        (
            "pause: 3s, when: \"lookup('env', 'A')\"",
            "2:25: function `lookup` is unknown; give the value with `vars:`, the inventory or -e",
        ),
        ("command: 'a {{ b'", "2:19: template syntax: this tag is never closed"),
        ("command: ''", "2:16: this must not be empty"),
        ("command: {run: a, argv: [b]}", "2:31: a command has `run` (for a shell) or `argv` (without one), not both"),
        ("command: {changes: no}", "2:16: `command` needs the key `run` or `argv`"),
        ("command: {argv: []}", "2:23: `argv` names no program"),
        ("command: {run: a, ok_codes: [300]}", "2:36: 300 is not between 0 and 255"),
        ("command: {run: a, environment: {a-b: c}}", "2:39: `a-b` cannot be the name of an environment variable"),
        (
            "script: files/nope",
            "2:15: missing script `files/nope`: it is neither beside the playbook nor in the folders above it",
        ),
        (
            "snapshot: hooks/nope x",
            "2:17: missing hook `hooks/nope`: it is neither beside the playbook nor in the folders above it",
        ),
        ("snapshot: hooks/plain x", "2:17: the hook `hooks/plain` is not executable"),
        (
            "snapshot: {rum: x}",
            "2:17: `snapshot` needs the key `run`|2:18: unknown key `rum` in `snapshot`; did you mean `run`?",
        ),
        ("snapshot: \"hooks/snapshot 'x\"", "2:33: this quote is never closed"),
        (
            "copy: {src: files/nope, dest: /x}",
            "2:19: missing file `files/nope`: it is neither beside the playbook nor in the folders above it",
        ),
        ("copy: {src: files/motd, dest: x}", "2:37: expected an absolute path on the host"),
        ("copy: {src: files/motd, content: x, dest: /x}", "2:40: `copy` has `src` or `content`, not both"),
        ("copy: {content: x, dest: /x, mode: 0899}", "2:42: expected three or four octal digits like \"0644\""),
        ("copy: {dest: /x}", "2:13: `copy` needs the key `src` or `content`"),
        ("service: {state: started}", "2:16: `service` needs the key `name` or `names`"),
        ("service: {name: a, state: running}", "2:33: `running` is not a valid value"),
        ("upgrade: {packages: [a]}", "2:17: `packages` needs `scope: packages`"),
        ("upgrade: {scope: all, packages: [a]}", "2:29: `packages` needs `scope: packages`"),
        ("upgrade: {scope: packages}", "2:24: `scope: packages` needs `packages`, the names to upgrade"),
        ("upgrade: packages", "2:16: `scope: packages` needs `packages`, the names to upgrade"),
        ("upgrade: {predownload: yes, hold: [a]}", "2:16: `predownload` changes no package, so it holds none"),
        ("upgrade: {offline: yes}", "2:17: unknown key `offline` in `upgrade`"),
        ("upgrade: securty", "2:16: `securty` is not a valid value; did you mean `security`?"),
        (
            "upgrade: {scope: all, exclude: {a: b}}",
            "2:38: expected a list, or one template that gives a list, found a mapping",
        ),
        ("reboot: {stable: 20m}", "2:15: `stable` is not shorter than `timeout`: the reboot could never succeed"),
        ("reboot: {stable: 1 apple, timeout: 5s}", "2:24: expected a length of time like 90s, 5m, 1h30m or 2d"),
        ("precheck: {}", "2:17: `precheck` checks nothing"),
        ("precheck: {disk_free: {/: 1 apple}}", "2:33: expected a size like 150MiB, 1GiB or 500M"),
        ("precheck: {disk_free: {boot: 1M}}", "2:30: `boot` is not a mount point: expected an absolute path"),
        ("precheck: {load_below: -1}", "2:30: expected a number above 0"),
        ("verify: {ports: [0]}", "2:24: 0 is not between 1 and 65535"),
        ("verify: {http: ftp://x}", "2:22: expected an address that begins with http:// or https://"),
        ("verify: {http: [{status: 200}]}", "2:23: a request needs the key `url`"),
        ("wait_for: {interval: 1s}", "2:17: `wait_for` needs one of the keys `port`, `http`, `path`, `command`"),
        ("wait_for: {port: 1, path: /x}", "2:33: `wait_for` waits for one thing"),
        ("wait_for: {path: /x, host: y}", "2:28: `host` belongs to `port`"),
        ("notify: {message: m}", "2:15: `notify` needs the key `command` or `webhook`"),
        ("notify: {command: x, message: m, required: maybe}", "2:50: expected yes or no, found a text"),
        ("notify: {command: x}", "2:15: `notify` needs the key `message`"),
        ("cleanup: {old_kernels: 0}", "2:30: 0 is not between 1 and 100"),
        ("cleanup: {}", "2:16: `cleanup` cleans nothing"),
        ("drain: tool", "2:7: `drain` without an `undrain` after it: the host would stay out of service"),
        ("undrain: tool", "2:7: `undrain` without a `drain` before it"),
    ] {
        assert_eq!(wrong(&format!("steps:\n  - {{ {text} }}\n")).join("|"), expected, "{text}");
    }
}

#[test]
fn a_task_of_ansible_says_what_it_is_here() {
    for (step, expected) in [
        ("shell: x", "that is Ansible's; here it is `command: LINE`, which is read by /bin/sh"),
        ("ansible.builtin.package: {name: x}", "that is Ansible's; here it is `upgrade: { scope: security }`, or"),
        ("command: x, delegate_to: localhost", "that is Ansible's; here it is `on: controller`, for the jump box"),
        ("ansible.builtin.reboot: ", "that is Ansible's; if there is such a step here, it is `reboot`"),
        ("sh: x", "known keys: precheck, snapshot,"),
    ] {
        let problems = load(&format!("steps:\n  - {{ {step} }}\n")).expect_err(step);
        let help = problems.0[0].help.as_deref().unwrap_or_default();
        assert!(problems.0.len() == 1 && help.starts_with(expected), "{step}: {problems}");
    }
}

#[test]
fn each_mistake_around_the_steps_has_its_message() {
    const STEPS: &str = "steps: [pause: 1s]\n";
    for (text, expected) in [
        ("name: x\n", "1:1: a playbook needs the key `steps`"),
        ("steps: []\n", "1:8: `steps` is empty: there is nothing to do"),
        ("- hosts: all\n", "1:1: a playbook is a mapping with `steps`, found a list"),
        ("steps: pause\n", "1:8: expected a list of steps, found a text"),
        ("steps: [pause]\n", "1:9: expected a mapping (a step), found a text"),
        ("steps: [pause: 1s]\nhost: all\n", "2:1: unknown key `host` in a playbook; did you mean `hosts`?"),
        ("steps: [pause: 1s]\nvars: {a-b: 1}\n", "2:8: `a-b` cannot be the name of a variable"),
        ("steps: [pause: 1s]\nvars: {a: ['{{ b | nope }}']}\n", "2:20: filter `nope` is unknown"),
        ("steps: [pause: 1s]\nhosts: []\n", "2:8: this pattern selects no host"),
        ("steps: [pause: 1s]\nrollout: {batch: 0}\n", "2:18: a batch needs at least one host"),
        (
            "steps: [pause: 1s]\nrollout: {max_failures: 2, on_budget_spent: halt_stage}\n",
            "2:45: `halt_stage` is for the budget of a stage; the budget of the run halts the run",
        ),
        (
            "steps: [pause: 1s]\nrollout: {on_budget_spent: continue}\n",
            "2:28: this is for the budget of the run, and the run has none: every stage keeps its own",
        ),
        ("steps: [pause: 1s]\nrollout: {environments: [a, a]}\n", "2:29: `a` is listed twice"),
        ("steps: [pause: 1s]\nrollout: {order: riskfirst}\n", "2:18: `riskfirst` is not a valid value"),
        ("steps: [pause: 1s]\nrollout: {stages: []}\n", "2:19: `stages` is empty"),
        ("steps: [pause: 1s]\nrollout: {stages: [{batch: 1}]}\n", "2:20: a stage needs the key `hosts`"),
        ("steps: [pause: 1s]\nrollout: {stages: [{hosts: a}, {hosts: a}]}\n", "2:32: there are two stages `a`"),
        (
            "steps: [pause: 1s]\nrollout: {stages: [{hosts: a, sok: 1m}]}\n",
            "2:31: unknown key `sok` in a stage; did you mean `soak`?",
        ),
        (
            "steps: [pause: 1s]\nrollout: {order: critical_first, stages: [{hosts: a}]}\n",
            "2:18: `order` has no effect with `stages`, which run in the order in which they are written",
        ),
        (
            "steps: [pause: 1s]\nrollout: {gate: [upgrade: all]}\n",
            "2:18: a gate may have command, script, wait_for, notify and pause only: it runs after a wave, not for a host",
        ),
        (
            "steps: [pause: 1s]\nrollout: {gate: [{command: x, on: host}]}\n",
            "2:35: a gate runs on the controller, after a wave",
        ),
        ("steps: [pause: 1s]\non_failure: [drain: x]\n", "2:14: `drain` belongs in `steps:`"),
    ] {
        assert_eq!(wrong(text).join("|"), expected, "{text}");
    }
    assert!(load(STEPS).is_ok());
    let missing = super::load(Path::new("/nonexistent/p.yml"), Vec::new(), &Default::default()).unwrap_err();
    assert_eq!(missing.0[0].message, "/nonexistent/p.yml: there is no such file");
}

#[test]
fn a_mistake_inside_a_block_of_text_is_pointed_at() {
    let text = "steps:\n  - command: |\n      echo {{ a }}\n      echo ä {{ b | uper }}\n";
    assert_eq!(wrong(text), ["4:21: filter `uper` is unknown"]);
    let text = "steps:\n  - command: \"a\\tb {{ b | uper }}\"\n";
    assert_eq!(wrong(text), ["2:14: filter `uper` is unknown"], "an escaped text is pointed at as a whole");
}

#[test]
fn unsafe_texts_are_taken_as_they_are() {
    let text = "vars: {format: !unsafe '{{.Names}}'}\nsteps: [command: !unsafe 'docker ps --format {{.Names}}']\n";
    let playbook = load(text).unwrap_or_else(|problems| panic!("{problems}"));
    let scope = TemplateScope::new(playbook.vars);
    assert_eq!(scope.render(&t("x {{ format }}")).unwrap(), "x {{.Names}}");
    let StepKind::Command(CommandSpec { run: CommandLine::Shell(line), .. }) = &playbook.steps[0].kind else {
        panic!()
    };
    assert_eq!(scope.render(line).unwrap(), "docker ps --format {{.Names}}");
}

#[test]
fn a_gate_runs_on_the_controller() {
    let playbook = load("rollout: {gate: [{command: x}]}\nsteps: [{drain: x}, {undrain: y}]\n").unwrap();
    assert_eq!(playbook.rollout.gate[0].on, Side::Controller);
    assert!(playbook.steps[1].kind.is_always() && !playbook.steps[0].kind.is_always());
    assert_eq!(playbook.name, "p");
}

#[test]
fn twelve_mistakes_are_twelve_problems() {
    let text = "\
nam: x
hosts: {a: b}
rollout:
  batch: 0%
  order: upwards
  stages:
    - { canary: 1 }
steps:
  - comand: x
  - upgrade: { scope: packages }
  - pause: soon
    when: a ==
  - reboot: never
  - verify: { http: ['{{ a | nope }}'] }
on_failure:
  - snapshot_restore: hooks/nope
";
    let problems = load(text).unwrap_err();
    assert_eq!(problems.0.len(), 12, "{problems}");
    let shown = problems.to_string();
    assert!(shown.contains("playbooks/p.yml:9:5: unknown key `comand` in a step; did you mean `command`?"), "{shown}");
    assert!(shown.contains("9 |"), "an excerpt: {shown}");
    assert!(shown.contains('^'), "a caret: {shown}");
}

#[test]
fn variables_from_the_command_line_win() {
    let playbook = load("vars: {a: 1, b: 2}\nsteps: [pause: 1s]\n").unwrap();
    let serde_json::Value::Object(extra) = serde_json::json!({"b": 3, "c": 4}) else { panic!() };
    assert_eq!(serde_json::Value::Object(playbook.with_vars(extra).vars), serde_json::json!({"a": 1, "b": 3, "c": 4}));
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        let _ = load_text(Path::new("/nonexistent/p.yml"), &text);
    }

    #[test]
    fn near_misses_of_a_playbook_never_panic(
        keys in proptest::collection::vec(("(precheck|upgrade|reboot|verify|command|script|copy|wait_for|notify|cleanup|drain|when|on|timeout|name|gate|service)",
            "(\\{[a-z]{2,8}: [a-z0-9{}' \"%]{0,12}\\}|[a-z0-9{}' \"%|]{0,16}|\\[[a-z, ]{0,8}\\])"), 0..6)
    ) {
        let steps: String = keys.iter().enumerate()
            .map(|(i, (key, value))| format!("{}{key}: {value}\n", if i % 2 == 0 { "  - " } else { "    " }))
            .collect();
        if let Err(problems) = load_text(Path::new("/nonexistent/p.yml"), &format!("steps:\n{steps}")) {
            proptest::prop_assert!(!problems.0.is_empty());
            let _ = problems.to_string();
        }
    }
}

#[test]
fn the_shipped_playbooks_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            super::load(&path, Vec::new(), &Default::default()).unwrap_or_else(|problems| panic!("{problems}"));
            count += 1;
        }
    }
    assert!(count >= 4, "{count} playbooks found");
}
