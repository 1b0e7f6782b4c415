//! The table of exit codes in README.md: the same codes as in `--help`, each of them seen.

use clap::CommandFactory as _;
use patchwave::{cli::args::Cli, demo::Fault};

use super::page;
use crate::support::case::Case;

/// What ends with each code. 1 is a fault of this program; none is known that a test could run into.
fn seen() -> Vec<u8> {
    let one = || Case::hosts(1);
    let overdue = "  - command: sleep 60\n    timeout: 1s\n";
    let gate = "name: Gate\nrollout: { gate: [ { command: 'false' } ] }\nsteps: [ { command: 'true' } ]\n";
    let codes = [
        one().run("run play.yml -i inv.yml --limit nothing"),
        one()
            .policy("batch: 1, window: { start: '0 2 1 1 *', duration: 1m, timezone: UTC }")
            .run("run play.yml -i inv.yml"),
        one().steps(overdue).run("run play.yml -i inv.yml"),
        one().steps("  - command: 'false'\n").run("run play.yml -i inv.yml"),
        one().broken("web001.test", Fault::Refuses).run("run play.yml -i inv.yml"),
        one().play(gate).run("run play.yml -i inv.yml"),
        one().run("scan -i inv.yml"),
        one().steps("  - command: 'true'\n").run("run play.yml -i inv.yml"),
    ];
    codes.iter().map(|said| said.code).collect()
}

#[test]
fn every_code_of_the_table_is_seen_in_its_order() {
    let rows = page::table("README.md", "code");
    let documented: Vec<u8> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(documented, [&[1][..], &seen()].concat(), "README.md has other codes, or another order");
    let help = Cli::command().get_after_help().unwrap().to_string();
    for code in documented {
        assert!(help.contains(&format!(" {code} ")), "--help does not have {code}: {help}");
    }
}
