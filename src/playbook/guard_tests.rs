use std::path::Path;

use super::*;
use crate::playbook::{Template, load_text};

fn load(text: &str) -> crate::playbook::Playbook {
    load_text(Path::new("p.yml"), text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

/// What is wrong, as `line:column: message`.
fn wrong(text: &str) -> Vec<String> {
    let problems = load_text(Path::new("p.yml"), text).expect_err(text);
    let place = |span: &Option<crate::yaml::Span>| span.as_ref().map_or((0, 0), |span| (span.line, span.column));
    let mut lines: Vec<_> = problems.0.iter().map(|problem| (place(&problem.span), problem.message.clone())).collect();
    lines.sort();
    lines.into_iter().map(|((line, column), message)| format!("{line}:{column}: {message}")).collect()
}

#[test]
fn a_step_has_a_guard() {
    let text = "
steps:
  - command: netplan apply
    guard: { within: 5m, rollback: 'cp /root/{{ file }} /etc/netplan && netplan apply' }
  - reboot: { when: always }
    guard:
      within: 90
      rollback: [grub-set-default, '0']
";
    let steps = load(text).steps;
    let guard = steps[0].guard.as_ref().unwrap();
    assert_eq!((guard.within, guard.whole_walk), (Duration::from_secs(300), false));
    assert_eq!(guard.rollback.shown(), "cp /root/{{ file }} /etc/netplan && netplan apply");
    let words = ["grub-set-default", "0"].map(|word| Template(word.to_owned()));
    assert_eq!(steps[1].guard.as_ref().unwrap().rollback, CommandLine::Argv(words.into()));
    assert_eq!(steps[1].guard.as_ref().unwrap().within, Duration::from_secs(90));
    assert_eq!((guard.timeout, steps[0].guard_time()), (Duration::from_secs(600), Duration::from_secs(1260)));
    let limited = "steps: [ { command: x, guard: { within: 5m, rollback: x, timeout: 1h } } ]";
    assert_eq!(load(limited).steps[0].guard_time(), Duration::from_secs(300 + 300 + 3600 + 60));
}

#[test]
fn what_cannot_be_guarded_is_an_error_at_its_place() {
    for (text, expected) in [
        (
            "steps: [ { verify: { packages: healthy }, guard: { within: 5m, rollback: x } } ]",
            "1:43: `verify` changes nothing on the host",
        ),
        (
            "steps: [ { command: { run: x, changes: no }, guard: { within: 5m, rollback: x } } ]",
            "1:46: `command` changes",
        ),
        (
            "steps: [ { command: x, on: controller, guard: { within: 5m, rollback: x } } ]",
            "1:40: a guard is for a change",
        ),
        (
            "steps: [ { command: x, retries: 1, guard: { within: 5m, rollback: x } } ]",
            "1:36: a guarded step is not tried",
        ),
        ("steps: [ { command: x, become: no, guard: { within: 5m, rollback: x } } ]", "1:36: a guarded step runs with"),
        (
            "steps: [ { command: x } ]\non_failure: [ { command: x, guard: { within: 5m, rollback: x } } ]",
            "2:29: a guard is allowed in `steps:` only",
        ),
        ("steps: [ { command: x, guard: { within: 5m } } ]", "1:31: `guard` needs the key `rollback`"),
        ("steps: [ { command: x, guard: { rollback: x } } ]", "1:31: `guard` needs the key `within`"),
        ("steps: [ { command: x, guard: { within: 5m, rolback: x } } ]", "did you mean `rollback`?"),
        ("steps: [ { command: x, guard: { within: 9s, rollback: x } } ]", "1:41: `within` must be from 10s to 24h"),
        ("steps: [ { command: x, guard: { within: 25h, rollback: x } } ]", "1:41: `within` must be from 10s to 24h"),
        ("steps: [ { command: x, guard: { within: soon, rollback: x } } ]", "1:41: expected a length of time"),
        ("steps: [ { command: x, guard: { within: 5m, rollback: '' } } ]", "1:55: this must not be empty"),
        ("steps: [ { command: x, guard: { within: 5m, rollback: [] } } ]", "1:55: `argv` names no program"),
        ("steps: [ { command: x, guard: { within: 5m, rollback: '{{ a' } } ]", "1:56: "),
        (
            "steps: [ { command: x, guard: { within: 5m, rollback: x, timeout: 9s } } ]",
            "1:67: `timeout` must be from 10s to 24h",
        ),
        ("steps: [ { command: x, guard: 5m } ]", "1:31: expected a mapping (`guard`)"),
        (
            "guard: { within: 5m, rollback: x }\nsteps: [ { verify: { packages: healthy } } ]",
            "1:1: no step changes the host",
        ),
        (
            "steps:\n  - { command: x, guard: { within: 5m, rollback: x } }\nguard: { within: 5m, rollback: x }",
            "3:1: a host has one guard at a time: the step \"",
        ),
    ] {
        let found = wrong(text);
        assert!(found.iter().any(|line| line.contains(expected)), "{text}\n{expected}\n{found:#?}");
    }
}

#[test]
fn a_guard_over_the_walk_is_confirmed_before_the_host_serves_again() {
    let text = "
guard: { within: 20m, rollback: 'x' }
steps:
  - { precheck: { packages: healthy } }
  - { drain: 'true' }
  - { upgrade: security }
  - { reboot: {} }
  - { verify: { packages: healthy } }
  - { undrain: 'true' }
  - { notify: { webhook: 'http://x', message: done } }
";
    let steps = load(text).steps;
    let kinds: Vec<_> = steps.iter().map(|step| (step.kind.keyword(), step.guard.is_some())).collect();
    assert_eq!(
        kinds,
        [
            ("precheck", false),
            ("drain", false),
            ("upgrade", true),
            ("reboot", true),
            ("verify", false),
            ("confirm", false),
            ("undrain", false),
            ("notify", false)
        ]
    );
    assert!(steps[5].kind.ends_guard() && steps[2].guard.as_ref().unwrap().whole_walk);
    assert_eq!(steps[2].guard_time(), Duration::ZERO);
    let steps =
        load("guard: { within: 20m, rollback: x }\nsteps: [ { drain: x }, { undrain: x }, { command: x } ]").steps;
    assert!(steps[3].kind.ends_guard());
}

#[test]
fn a_plan_without_a_guard_is_written_as_before() {
    let step = load("steps: [ { command: x } ]").steps.remove(0);
    assert!(!serde_json::to_string(&step).unwrap().contains("guard"));
    // A run with a guard, too, has the same digest as in older versions.
    let usual = load("steps: [ { command: x, guard: { within: 5m, rollback: x, timeout: 10m } } ]").steps;
    assert!(
        serde_json::to_string(&usual)
            .unwrap()
            .contains(r#""guard":{"within":{"secs":300,"nanos":0},"rollback":{"shell":"x"}}"#)
    );
    let json =
        serde_json::to_string(&load("guard: { within: 20m, rollback: x }\nsteps: [ { command: x } ]").steps).unwrap();
    assert_eq!(json, serde_json::to_string(&serde_json::from_str::<Vec<StepSpec>>(&json).unwrap()).unwrap());
}
