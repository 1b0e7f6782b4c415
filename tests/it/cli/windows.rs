//! `windows`: when hosts may be started next, without a connection.

use crate::support::cli::Desk;

const FLEET: &str = "\
all:
  children:
    development: { vars: { patchwave: { environment: development } }, hosts: { 'dev[1:2]': } }
    staging:
      vars:
        patchwave:
          environment: staging
          window: { days: MON-FRI, hours: '09:00-17:00', timezone: Europe/Berlin }
      hosts: { stage1: }
    production:
      vars:
        patchwave:
          environment: production
          freezes: [year-end]
          window: { start: 0 2 * * SUN#2, duration: 4h, timezone: Europe/Berlin }
      hosts: { 'web[1:3]': }
    americas:
      vars:
        patchwave:
          environment: production
          window: { days: SAT, hours: '22:00-06:00', timezone: America/New_York }
      hosts: { ny1: }
";
const PROJECT: &str = "\
inventory: inv.yml
freezes:
  year-end:
    { from: 2026-12-11 18:00, to: 2027-01-07 06:00, timezone: Europe/Berlin, reason: year-end closing, owner: anna }
";

fn desk() -> Desk {
    let mut desk = Desk::empty();
    desk.columns = Some(100);
    desk.write("inv.yml", FLEET);
    desk.write("patchwave.yml", PROJECT);
    desk
}

#[test]
fn the_next_openings_are_in_the_zones_of_the_windows() {
    let desk = desk();
    let said = desk.run("windows --at 2026-12-13T01:30:00Z --next 2").ended(0);
    insta::assert_snapshot!(said.out, @r#"
    development, 2 hosts (dev[1-2])
      may be started at any time

    staging, 1 host (stage1)
      window: MON-FRI 09:00-17:00 Europe/Berlin
      Mon 14 Dec 2026, 09:00 to 17:00 CET (+01:00), 8h00m, in 1d 6h
      Tue 15 Dec 2026, 09:00 to 17:00 CET (+01:00), 8h00m, in 2d 6h

    production, 3 hosts (web[1-3])
      window: 0 2 * * SUN#2 for 4h Europe/Berlin
      freezes: year-end
      frozen: freeze year-end until 2027-01-07 06:00 CET (year-end closing; ask anna)
      Sun 10 Jan 2027, 02:00 to 06:00 CET (+01:00), 4h00m, in 27d 23h
      Sun 14 Feb 2027, 02:00 to 06:00 CET (+01:00), 4h00m, in 62d 23h

    production, 1 host (ny1)
      window: SAT 22:00-06:00 America/New_York
      Sat 12 Dec 2026, 22:00 to Sun 13 Dec 2026, 06:00 EST (-05:00), 8h00m, in 1h 30m
      Sat 19 Dec 2026, 22:00 to Sun 20 Dec 2026, 06:00 EST (-05:00), 8h00m, in 7d 1h
    "#);
    desk.run("windows staging -n 1 --at 2026-10-23T08:00:00Z").ended(0).says(&["open now"]);
    let json = desk.run("windows production -n 1 --at 2026-12-13T01:30:00Z --json").ended(0).json();
    assert_eq!(json[0]["state"], "frozen");
    assert_eq!(
        json[0]["openings"],
        serde_json::json!([{ "from": "2027-01-10T01:00:00Z", "to": "2027-01-10T05:00:00Z" }])
    );
    let ics = desk.run("windows production -n 1 --at 2026-12-13T01:30:00Z --ics").ended(0).out;
    assert!(ics.contains("DTSTART:20270110T010000Z") && ics.contains("3 hosts"), "{ics}");
}

#[test]
fn what_cannot_be_understood_is_an_error() {
    let desk = desk();
    desk.run("windows --at tomorrow").ended(2).says(&["--at \"tomorrow\" is not a time"]);
    desk.run("windows nobody").ended(2).says(&["nobody"]);
    desk.write("patchwave.yml", "inventory: inv.yml\n");
    desk.run("windows").ended(2).says(&["web[1-3] use the freeze `year-end`, which no patchwave.yml defines"]);
}
