//! Freezes: named in the inventory, defined in `patchwave.yml`, stronger than every window.

use crate::support::case::{Case, Site};

/// Hosts whose group names the freeze `closing`.
fn site(definition: &str) -> Site {
    let policy = "freezes: [closing], window: { hours: '00:00-24:00', timezone: UTC }";
    let site = Case::hosts(2).policy(policy).columns(300).site();
    site.write("patchwave.yml", &format!("calendars: {{ off: off.ics }}\nfreezes: {{ {definition} }}\n"));
    site
}

const NOW: &str =
    "closing: { from: 2020-01-01 00:00, to: 9999-01-01 06:00, timezone: UTC, reason: year-end, owner: anna }";
const PAST: &str = "closing: { from: 2020-01-01 00:00, to: 2020-01-02 00:00, timezone: UTC }";

#[test]
fn a_run_is_refused_while_a_freeze_holds_whatever_the_windows_say() {
    let site = site(NOW);
    let told = [
        "error: web[001-002].test are frozen now: freeze closing until 2026-01-01 00:00 UTC (year-end; ask anna)\n",
        "help: wait for its end, leave these hosts out with --limit",
    ];
    site.run("run play.yml -i inv.yml").ended(3).says(&told);
    site.run("run play.yml -i inv.yml --ignore-window").ended(3).says(&told);
    assert_eq!(site.logins(), 0);
    site.run("plan play.yml -i inv.yml")
        .ended(0)
        .says(&["freeze closing until 2026-01-01 00:00 UTC (year-end; ask anna)"]);
    site.run("run play.yml -i inv.yml --check").ended(0);
    // The inventory decides which groups a freeze is about.
    site.write("patchwave.yml", &format!("freezes: {{ {PAST} }}\n"));
    site.run("run play.yml -i inv.yml").ended(0);
}

#[test]
fn closed_windows_in_two_zones_are_said_each_in_its_own() {
    let window = |zone: &str| format!("window: {{ start: '0 2 29 2 *', duration: 1m, timezone: {zone} }}");
    let site = Case::hosts(2).policy(&window("Europe/Berlin")).site();
    site.write("host_vars/web002.test.yml", &format!("patchwave: {{ {} }}\n", window("America/New_York")));
    site.run("run play.yml -i inv.yml").ended(3).says(&[
        "the maintenance window of web001.test is closed now; it opens on 2026-01-01 00:00 CET\n",
        "the maintenance window of web002.test is closed now; it opens on 2026-01-01 00:00 EST\n",
    ]);
    assert_eq!(site.logins(), 0);
}

#[test]
fn a_freeze_that_is_not_defined_is_an_error_and_one_whose_calendar_cannot_be_read_holds() {
    let site = site("closed: { calendar: off }");
    site.run("run play.yml -i inv.yml")
        .ended(2)
        .says(&["web[001-002].test use the freeze `closing`, which no patchwave.yml defines"]);
    let site = self::site("closing: { calendar: off }");
    site.write("off.ics", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nEND:VEVENT\nEND:VCALENDAR\n");
    let why = "freeze closing without a known end (off.ics:3: this time has no time zone; name one";
    site.run("run play.yml -i inv.yml").ended(3).says(&["error: web[001-002].test are frozen now:", why]);
    site.run("plan play.yml -i inv.yml").ended(0).says(&[why]);
    site.run("inventory list -i inv.yml").ended(0);
    site.write(
        "patchwave.yml",
        "calendars: { off: { file: off.ics, timezone: UTC } }\nfreezes: { closing: { calendar: off } }\n",
    );
    site.write("off.ics", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20201225\nEND:VEVENT\nEND:VCALENDAR\n");
    site.run("run play.yml -i inv.yml").ended(0);
    assert!(site.logins() > 0);
}
