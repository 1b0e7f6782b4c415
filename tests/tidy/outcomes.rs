//! The table of outcomes in `docs/rollout.md` is generated from what the program says about each outcome.

use std::path::Path;

use patchwave::event::Outcome;

fn table() -> String {
    let row = |outcome: Outcome| {
        let counts = if outcome.uses_budget() { "yes" } else { "no" };
        let (means, code, next) = (outcome.means(), outcome.exit_code(), outcome.next());
        format!("| `{outcome}` | {means} | {counts} | {code} | {next} |\n")
    };
    let head = "| outcome | means | counts as a failure | exit code | what next |\n|---|---|---|---|---|\n";
    head.to_owned() + &Outcome::ALL.map(row).concat()
}

#[test]
fn the_documented_outcomes_are_those_of_the_program() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rollout.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let written: String = text
        .lines()
        .skip_while(|line| !line.starts_with("| outcome |"))
        .take_while(|line| line.starts_with('|'))
        .fold(String::new(), |table, line| table + line + "\n");
    assert_eq!(written, table(), "docs/rollout.md has another table; it should be:\n\n{}", table());
}
