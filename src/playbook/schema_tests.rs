use super::{PLAYBOOK, load_tests::project, load_text};
use crate::yaml::{agree::Agreement, shape::Shape};

/// A playbook with nearly every key that there is.
const WHOLE: &str = r#"
name: All
hosts: [all]
vars: { a: 1 }
rollout:
  environments: [staging]
  order: risk_ascending
  gate: [ { command: "true", name: G, when: a, timeout: 1m, retries: 1, retry_delay: 5s, become: no, on: controller } ]
  canary: 1
  batch: [1, 25%]
  max_failures: 1
  soak: 1m
  approve: before
  mode: waves
  spread: { by: rack, max_unavailable: 1 }
  on_budget_spent: halt_run
  window:
  - { start: '0 2 * * SUN#2', duration: 4h, timezone: Europe/Berlin, last_start: auto }
  - { days: [MON, WED-FRI], hours: '9:00-17:00', timezone: UTC, last_start: 45m }
  - { calendar: patching, summary: Production, last_start: 1h }
  freezes: [year-end]
steps:
  - { name: P, when: [a, "true"], timeout: 1m, precheck: {
      disk_free: { /: 1GiB }, packages: healthy, load_below: 8, services: [ssh], command: "true" } }
  - snapshot: { run: hooks/snapshot x }
  - snapshot_restore: { run: hooks/restore x }
  - drain: { run: hooks/snapshot x }
  - upgrade: { scope: packages, packages: [a], exclude: [b], allow_removals: no, include_phased: no, lock_timeout: 1m,
      hold: [c], nobest: no, repair: no, refresh: yes, required_origins: all, allow_drift: no, restart_services: never, rollback: prepare }
    register: done
    guard: { within: 5m, rollback: "true", timeout: 1m }
  - upgrade: { scope: cve, cves: [CVE-2026-12345], predownload: yes }
  - upgrade: { scope: advisory, advisories: [x] }
  - reboot: { when: required, warn: 1m, trial: no, message: m, lock_timeout: 1m, stable: 1s, timeout: 10m }
  - verify: { services: ssh, kernel: newest, journal: no_new_errors, packages: healthy, ports: [22], command: "true",
      http: [ { url: "https://a", status: 200, contains: x, timeout: 1s } ] }
  - command: { run: "true", changes: no, environment: { A: b }, ok_codes: [0] }
    retries: 1
    retry_delay: 5s
    become: yes
    on: host
  - command: { argv: [a, b] }
  - script: { file: files/motd, args: [a], changes: no, environment: { A: b } }
  - copy: { src: files/motd, dest: /a, mode: "0644", owner: a, group: b }
  - copy: { content: a, dest: /a }
  - service: { name: a, state: started }
  - service: { names: [a], state: started }
  - wait_for: { port: 22, host: a, interval: 1s }
  - wait_for: { http: "https://a" }
  - wait_for: { path: /a }
  - wait_for: { command: "true" }
  - pause: { duration: 1s }
  - notify: { command: "true", message: m, required: no }
  - notify: { webhook: "https://a", body: { a: 1 } }
  - undrain: { run: hooks/snapshot x, when_failed: yes }
  - cleanup: { old_kernels: 1, package_cache: yes, lock_timeout: 1m }
on_failure:
  - rollback: { hold: 7d, reason: r, lock_timeout: 1m }
"#;

/// The others, which cannot be beside those.
const STAGES: &str = "
rollout: { stages: [ { name: a, hosts: all, gate: [ pause: 1s ], canary: 1 } ] }
guard: { within: 5m, rollback: [a, b] }
steps:
  - upgrade: security
  - copy: { content: a, dest: /a }
";

/// Files where the playbooks of editors are short.
const SHORT: &str = r#"
steps:
  - drain: hooks/snapshot x
  - reboot: required
  - command: [a, b]
  - command: "true"
  - script: files/motd
  - verify: { http: "https://a", ports: 22 }
  - pause: 5
  - undrain: hooks/snapshot x
"#;

#[test]
fn the_schema_for_editors_refuses_what_the_reader_refuses() {
    let (_folder, path) = project();
    let read = |text: &str| load_text(&path, text).map(drop);
    Agreement::of(&Shape::Map(&PLAYBOOK)).vary(&[WHOLE, STAGES, SHORT], read);
}
