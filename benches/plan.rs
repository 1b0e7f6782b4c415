//! Planning: inventory text to digest, 10,000 hosts. `cargo bench --bench plan [-- HOSTS]`

mod meter;

use std::{fmt::Write as _, path::Path};

use meter::{Asked, Table, apart, asked, met, timed};
use patchwave::{
    inventory::{Inventory, NoRuns},
    plan, playbook,
};

/// The most CPU for an inventory of [`HOSTS`], in milliseconds.
const TARGET: f64 = 300.0;
const HOSTS: usize = 10_000;
/// The kernel counts CPU in steps of 10 ms, so one figure is the mean of this many plans.
const TIMES: u32 = 10;

const PLAYBOOK: &str = "
name: Bench
hosts: all
vars: { services: [ssh] }
steps:
  - upgrade: { scope: security }
  - reboot: { when: required }
  - verify: { services: '{{ services }}' }
";

fn main() {
    match asked() {
        Asked::Nothing => println!("measures with `cargo bench --bench plan`"),
        Asked::Part(words) => part(&words[0], words[1].parse().expect("a number of hosts")),
        Asked::All(hosts) => table(hosts.unwrap_or(HOSTS)),
    }
}

fn table(hosts: usize) {
    let mut table =
        Table::new(&["inventory", "load ms", "select ms", "plan ms", "digest ms", "all ms", "met", "peak MiB"]);
    let target = TARGET * hosts as f64 / HOSTS as f64;
    for shape in ["literal", "spread", "ranges"] {
        let figures = apart(&[shape, &hosts.to_string()]);
        let phases = ["load", "select", "plan", "digest"].map(|phase| figures[phase]);
        let all: f64 = phases.iter().sum();
        let mut row = vec![shape.to_owned()];
        row.extend(phases.iter().chain([&all]).map(|ms| format!("{ms:.0}")));
        row.extend([met(all, target), format!("{:.0}", figures["peak"] / 1024.0)]);
        table.row(row);
    }
    table.print(&format!("plan: CPU for {hosts} hosts, target {target:.0} ms"));
}

fn part(shape: &str, hosts: usize) {
    let text = inventory(shape, hosts);
    let playbook = playbook::load_text(Path::new("bench.yml"), PLAYBOOK).expect("the playbook is right");
    let mut sums = [0.0; 4];
    for _ in 0..TIMES {
        let (inventory, load) = timed(|| Inventory::from_text("bench.yml", &text).expect("the inventory is right"));
        let (selected, select) = timed(|| inventory.select("all", &NoRuns).expect("all hosts"));
        let (plan, build) = timed(|| plan::build(&inventory, &playbook, &selected).expect("a plan"));
        let (digest, hash) = timed(|| plan.digest());
        assert_eq!((plan.hosts().count(), digest.len()), (hosts, 64));
        for (sum, ms) in sums.iter_mut().zip([load, select, build, hash]) {
            *sum += ms;
        }
    }
    for (name, sum) in ["load", "select", "plan", "digest"].iter().zip(sums) {
        meter::tell(name, sum / f64::from(TIMES));
    }
    meter::tell("peak", meter::peak_kib("self").expect("this process lives") as f64);
}

/// `hosts` hosts in ten groups over three environments: each with its own variables, or with a failure domain as well,
/// or all written as ranges.
fn inventory(shape: &str, hosts: usize) -> String {
    let mut text = String::from("all:\n  children:\n");
    for group in 0..10 {
        let environment = ["development", "staging", "production"][group % 3];
        let risk = ["low", "medium", "high", "critical"][group % 4];
        let spread = if shape == "spread" { ", spread: { by: rack, max_unavailable: 2 }" } else { "" };
        let _ = write!(
            text,
            "    group{group}:\n      vars:\n        patchwave: {{ environment: {environment}, risk: {risk}, batch: [10%, 25%]{spread} }}\n        \
             services: [ssh, app{group}]\n      hosts:\n"
        );
        let many = hosts / 10 + usize::from(group < hosts % 10);
        if shape == "ranges" {
            let _ = writeln!(text, "        h{group}-[00001:{many:05}].example.com:");
            continue;
        }
        for n in 1..=many {
            let _ = writeln!(
                text,
                "        h{group}-{n:05}.example.com:\n          ansible_host: 10.{group}.{}.{}\n          rack: r{}\n          owner: team-{}",
                n / 250,
                n % 250,
                n % 40,
                n % 7
            );
        }
    }
    text
}
