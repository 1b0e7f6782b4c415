//! How many commands a host gets: with a distant host each costs a round trip, and most of the time of an idle run.

use crate::support::case::{Case, Site};

const PLAY: &str = "name: Patch
hosts: all
steps:
  - precheck: { disk_free: { /: 1GiB }, packages: healthy, services: [ssh], load_below: 1000 }
  - upgrade: { scope: security, exclude: [linux-image-*] }
  - verify: { services: [ssh], packages: healthy, kernel: newest, journal: no_new_errors }
";

/// Runs the playbook on the only host, and returns how many commands that took.
fn commands(site: &Site, says: &str) -> usize {
    let before = site.host().commands();
    site.run("run play.yml -i inv.yml").ended(0).says(&[says]);
    site.host().commands() - before
}

/// The release of the lease is among them. Without a wait for anything there is no reason for more.
#[test]
fn a_security_upgrade_takes_few_round_trips_and_an_idle_run_still_fewer() {
    for systemd in [false, true] {
        let case = Case::hosts(1).play(PLAY);
        let site = if systemd { case.systemd() } else { case }.site();
        let upgrade = commands(&site, "changed: 9 packages");
        let idle = commands(&site, "1 ok");
        println!("systemd: {systemd}: {upgrade} for an upgrade, {idle} for nothing");
        assert!(upgrade <= 12 && idle <= 6, "systemd: {systemd}: {upgrade} for an upgrade, {idle} for nothing");
    }
}
