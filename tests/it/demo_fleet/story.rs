//! The demo's project loads, and its hooks work.

use std::process::Command;

use patchwave::{
    demo::{Demo, DemoError, DemoOptions, FleetSpec},
    inventory::Inventory,
    playbook,
};

#[test]
fn the_project_loads_and_names_its_hosts() {
    let demo = Demo::from_spec(FleetSpec::demo().at_once(), None).unwrap();
    let inventory = Inventory::load_files(&[demo.inventory()]).unwrap_or_else(|problems| panic!("{problems}"));
    let names = inventory.hosts().to_vec();
    assert_eq!(names.len(), 24);
    let missing = inventory.missing_labels(&names);
    assert!(missing.is_empty(), "{missing}");
    let targets = inventory.targets(&names).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(targets[0].key_file, Some(demo.fleet().key_file()));
    let playbook = playbook::load(&demo.playbook(), Vec::new(), &Default::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(playbook.name, "Rolling patch wave");
    assert!(demo.opening().contains("SIMULATED") && demo.opening().contains(demo.broken()));
}

#[test]
fn a_snapshot_can_be_restored() {
    let demo = Demo::from_spec(FleetSpec::demo_of(1).at_once(), None).unwrap();
    let hook = |name: &str, args: &[&str]| {
        let output = Command::new(demo.project().join("hooks").join(name)).args(args).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap_or_default().to_owned()
    };
    let table = demo.fleet().host(demo.broken()).unwrap().folder().join("sim/installed");
    let before = std::fs::read_to_string(&table).unwrap();
    let id = hook("snapshot", &[demo.broken()]);
    std::fs::write(&table, "spoilt\n").unwrap();
    hook("restore", &[demo.broken(), &id]);
    assert_eq!(std::fs::read_to_string(&table).unwrap(), before);
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let check = |hosts, fail: Option<&str>| {
        let options = DemoOptions { hosts, fail: fail.map(str::to_owned) };
        Demo::prepare(&options).err().map(|error: DemoError| error.to_string()).unwrap_or_default()
    };
    assert!(check(Some(0), None).contains("--hosts 0"));
    assert!(check(Some(100_000), None).contains("--hosts 100000"));
    assert!(check(Some(2), Some("nobody")).contains("--fail nobody"));
}
