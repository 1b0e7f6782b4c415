use super::{GROUPS, Inventory};
use crate::yaml::{Problems, agree::Agreement};

/// An inventory with every key that there is.
const WHOLE: &str = "
all:
  vars:
    x: 1
    patchwave:
      environment: production
      risk: low
      canary: 1
      batch: [1, 25%]
      max_failures: 1%
      soak: 1m
      approve: after_canary
      mode: sliding
      spread: { by: rack, max_unavailable: 2 }
      on_budget_spent: halt_stage
      window:
        - { start: '0 2 * * SUN#2', duration: 4h, timezone: Europe/Berlin, last_start: auto }
        - { days: [MON, WED-FRI], hours: '9:00-17:00', timezone: UTC, last_start: 45m }
        - { calendar: patching, summary: Production, last_start: 1h }
      freezes: [year-end]
      host_key_checking: accept-new
      bastion_connections: 2
      bastion_handshakes: 8
      eol: 2028-06-30
      connect_timeout: 1s
      handshake_timeout: 1s
      auth_timeout: 1s
      escalate_timeout: 1s
      silence_timeout: 1m
  hosts:
    one:
    two: { patchwave: { batch: 1 }, y: [1] }
  children:
    some: { hosts: three }
    others: { children: more }
";

#[test]
fn the_schema_for_editors_refuses_what_the_reader_refuses() {
    Agreement::of(&GROUPS).vary(&[WHOLE], |text| match text {
        // Without groups it is a list of hosts in INI, whatever the name of the file.
        _ if !text.contains(':') => Err(Problems::default()),
        _ => Inventory::from_text("inv.yml", text).map(drop),
    });
}
