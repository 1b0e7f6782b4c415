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

const WAVE: &str = "name: Patch
hosts: all
steps:
  - precheck: { disk_free: { /: 1GiB }, packages: healthy, services: [ssh] }
  - upgrade: { scope: all }
  - reboot: { when: required, warn: 0s, stable: 1s }
  - verify: { services: [ssh], packages: healthy, kernel: newest }
";

/// One login for the walk, one that finds the new boot, and one after `stable`. A login is as many round trips as eight
/// commands.
#[test]
fn a_wave_with_a_reboot_takes_three_logins() {
    for systemd in [false, true] {
        let case = Case::hosts(1).play(WAVE);
        let site = if systemd { case.systemd() } else { case }.site();
        let (logins, before, boots) = (site.host().logins(), site.host().commands(), site.host().boots());
        site.run("run play.yml -i inv.yml").ended(0).says(&["1 ok"]);
        assert_eq!(site.host().boots(), boots + 1);
        let (logins, commands) = (site.host().logins() - logins, site.host().commands() - before);
        println!("systemd: {systemd}: {logins} logins, {commands} commands");
        assert!(logins == 3 && commands <= 17, "systemd: {systemd}: {logins} logins, {commands} commands");
    }
}
