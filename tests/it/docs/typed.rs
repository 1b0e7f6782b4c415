//! The larger fleet of README.md, typed line by line on simulated hosts that have the names of its inventory.

use patchwave::demo::{Fleet, FleetSpec};
use serde_json::Value;

use super::page;
use crate::support::cli::Desk;

/// A desk with the files of the quick start. The hosts of its inventory are reached at the fleet's addresses.
fn desk(fleet: &Fleet) -> Desk {
    let mut desk = Desk::of(fleet);
    desk.columns = Some(120);
    for block in page::blocks("yaml").iter().filter(|block| block.page.ends_with("README.md")) {
        let name = block.text.lines().next().unwrap().trim_start_matches("# ");
        // People need a minute to save their work; on a simulated host there are none.
        desk.write(name, &block.text.replace("warn: 1m", "warn: 1s, stable: 1s"));
    }
    let hosts = desk.run("inventory hosts -i inventories/acme.yml").ended(0).out;
    let listed = desk.run("inventory list -i inv.yml").ended(0).json();
    let known: Vec<&Value> = listed["_meta"]["hostvars"].as_object().unwrap().values().collect();
    for (host, vars) in hosts.lines().zip(known) {
        let vars: Vec<String> = vars
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.starts_with("ansible_"))
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect();
        // The login of a simulated host needs no raised rights.
        desk.write(&format!("inventories/host_vars/{host}.yml"), &(vars.concat() + "ansible_become: false\n"));
    }
    desk
}

#[test]
fn the_quick_start_does_what_it_says() {
    let blocks = page::blocks("sh");
    let block = blocks.iter().find(|block| block.text.contains("inventory check -i")).expect("the quick start");
    let lines: Vec<&str> = block.text.lines().collect();
    assert_eq!(lines.len(), 6, "each line has its assertion here: {}", block.text);
    let fleet = Fleet::start(FleetSpec::quick(25)).unwrap();
    let desk = desk(&fleet);
    let typed = |line: &str| line.split(" # ").next().unwrap().trim().strip_prefix("patchwave ").unwrap().to_owned();
    let logins = || fleet.hosts().map(|host| host.logins()).sum::<usize>();

    desk.run(&typed(lines[0])).ended(0).says(&["25 hosts"]);
    desk.run(&typed(lines[1])).ended(0).says(&["staging/low", "production/critical", "edge01"]);
    assert_eq!(logins(), 0, "both need no connection");
    // Only the two hosts in staging: the others have a window.
    let limited = typed(lines[3]);
    assert!(limited.ends_with("--limit staging"), "{limited}");
    desk.run(&format!("{} --limit staging", typed(lines[2]))).ended(0).says(&["2 hosts: 2 without a problem"]);
    assert!(logins() > 0 && fleet.hosts().all(|host| host.boots() == 1), "a check looks and changes nothing");
    desk.run(&limited).ended(0).says(&["2 hosts: 2 ok"]);
    desk.run(&format!("{} --ignore-window --limit edge01.example.com", typed(lines[4])))
        .ended(0)
        .says(&["1 host: 1 ok"]);
    // Nothing failed, and that is said.
    assert!(lines[5].contains("--limit @failed"), "{}", lines[5]);
    desk.run(&typed(lines[5])).ended(2).says(&["failed"]);
}
