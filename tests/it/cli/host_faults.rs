//! Hosts that are broken in every way, in one wave: each has its own outcome and its own reason, and none waits for
//! another.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    time::{Duration, Instant},
};

use patchwave::{
    demo::{Fault, Fleet, FleetSpec},
    event::{Kind, Outcome},
};

use crate::support::{
    case::{Case, Site},
    cli::PLAYBOOK,
};

/// All hosts at once, whatever breaks; short waits.
const POLICY: &str = "      vars:
        patchwave: { canary: 0, batch: 100%, max_failures: 100%, connect_timeout: 2s, handshake_timeout: 2s, auth_timeout: 3s }
";

fn site() -> Site {
    let faults = [
        (2, Fault::Refuses),
        (3, Fault::Silent),
        (4, Fault::DropsDuringAuth),
        (7, Fault::DiskFull),
        (8, Fault::LockHeld),
        (10, Fault::PostinstFails { package: "openssl".into() }),
        (11, Fault::NeverComesBack),
        (12, Fault::SameBootId),
        (14, Fault::ServiceStaysDown { unit: "nginx".into() }),
        (16, Fault::DropsDuringCommand { containing: "apt-get".into(), times: 1 }),
    ];
    let case = Case::hosts(17).columns(400).play(PLAYBOOK.replace("timeout: 60s", "timeout: 20s"));
    faults.into_iter().fold(case, |case, (n, fault)| case.broken(&name(n), fault)).site()
}

fn name(n: usize) -> String {
    format!("web{n:03}.test")
}

/// A second login key, which no host knows; another host's key on file; a password for sudo; a half-done package.
fn spoil(site: &Site) {
    let other = Fleet::start(FleetSpec::instant(1)).unwrap();
    let key = site.write("other-key", &std::fs::read_to_string(other.key_file()).unwrap());
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut inventory = site.fleet.inventory();
    let port = |n: usize| site.named(&name(n)).port();
    let mut add = |n: usize, vars: &str| {
        let at = format!("ansible_port: {} }}", port(n));
        assert!(inventory.contains(&at));
        inventory = inventory.replace(&at, &format!("ansible_port: {}, {vars} }}", port(n)));
    };
    add(5, &format!("ansible_ssh_private_key_file: '{}'", key.display()));
    add(15, "ansible_become: true, ansible_become_user: deploy");
    add(17, "ansible_become: true, ansible_become_user: deploy, ansible_become_password: hunter2");
    let at = inventory.find("      vars:\n").unwrap();
    inventory.replace_range(at..at + "      vars:\n".len(), POLICY);
    // The fleet's own lines follow, so `vars` must not appear twice.
    let inventory = inventory.replacen("        patchwave:\n          environment: production\n", "", 1);
    let inventory = inventory.replacen("{ canary: 0,", "{ environment: production, canary: 0,", 1);
    let inventory =
        inventory.replace("patchwave: { risk: medium, canary: 1, batch: [50%, 100%] }", "patchwave: { risk: medium }");
    site.write("inv.yml", &inventory);

    let known = std::fs::read_to_string(site.fleet.known_hosts()).unwrap();
    let key_of = |n: usize| {
        let line = known.lines().find(|line| line.starts_with(&format!("[127.0.0.1]:{} ", port(n)))).unwrap();
        line.split_once(' ').unwrap().1.to_owned()
    };
    let swapped = known.replace(&key_of(6), &key_of(1));
    std::fs::write(site.fleet.known_hosts(), swapped).unwrap();

    let table = site.named(&name(9)).folder().join("sim/installed");
    let text = std::fs::read_to_string(&table).unwrap();
    let spoilt = text.replacen("\tinstalled\t", "\thalf-configured\t", 1);
    assert_ne!(text, spoilt);
    std::fs::write(table, spoilt).unwrap();

    let sudo = site.fleet.folder().join("bin/sudo");
    std::fs::write(
        &sudo,
        "#!/bin/sh
case $2 in
-n) echo 'sudo: a password is required' >&2; exit 1 ;;
-S) printf \"$4\" >&2; read -r word; printf \"\\nSorry, try again.\\n$4\" >&2; read -r word || exit 1 ;;
esac
",
    )
    .unwrap();
    std::fs::set_permissions(&sudo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn every_fault_has_its_outcome_and_its_reason() {
    let site = site();
    spoil(&site);
    site.named(&name(13)).break_with(Fault::NewHostKey).unwrap();
    let began = Instant::now();
    let said = site.run("run play.yml -i inv.yml");
    let took = began.elapsed();
    let run = site.last_run();
    let events = site.events(&run);
    let found: Vec<String> = (1..=17)
        .map(|n| {
            let name = name(n);
            let outcome = events.iter().find_map(|event| match &event.kind {
                Kind::HostFinished { host, outcome, .. } if host.as_str() == name => Some(*outcome),
                _ => None,
            });
            let reason = events.iter().rev().find_map(|event| match &event.kind {
                Kind::StepFinished { host, step, result } if host.as_str() == name && !result.class.is_empty() => {
                    Some(format!("step {}, {}: {}", step.index, result.class, result.summary))
                }
                _ => None,
            });
            let outcome = outcome.map_or("none", Outcome::as_str);
            format!("{name} {outcome} {}", reason.unwrap_or_default())
        })
        .collect();
    insta::assert_snapshot!(said.plain(&found.join("\n")), @r#"
    web001.test ok
    web002.test unreachable step 0, refused: 127.0.0.1:22 refused the connection
    web003.test unreachable step 0, timed-out: no SSH banner from 127.0.0.1:22 within 1 s
    web004.test unreachable step 0, closed: the login as root was cut off: the host closed the connection
    web005.test unreachable step 0, auth: the login as root was refused; tried key other-key (SHA256:…); the host allows publickey
    web006.test unreachable step 0, host-key-changed: the host key of [127.0.0.1]:22 has changed: it shows ssh-ed25519 SHA256:…, but [fleet]/known_hosts:6 has a different one
    web007.test failed step 0, disk: / has 0 MiB free, 1.0 GiB needed
    web008.test failed step 0, lock: the package lock is held by unattended-upgrade (pid 1)
    web009.test failed step 0, broken-packages: the package database is broken: base-files is half-configured
    web010.test failed step 1, package-failed: openssl: installed openssl package post-installation script subprocess returned error exit status 1
    web011.test unreachable step 2, never-came-back: it went down and did not come back within 1 s
    web012.test failed step 2, same-boot-id: it went away and came back with the same boot id (waited 1 s)
    web013.test failed step 2, host-key-changed: the host key changed after the reboot: the host key of [127.0.0.1]:22 has changed: it shows ssh-ed25519 SHA256:…, but [fleet]/known_hosts:13 has a different one
    web014.test failed step 0, service: nginx is inactive
    web015.test failed step 0, escalation: could not become deploy with sudo: sudo: a password is required
    web016.test ok
    web017.test failed step 0, escalation: sudo did not accept the password for deploy
    "#);
    assert_eq!(said.code, 6, "{}", said.page());
    // The path of the temporary folder decides how wide the table is.
    let troubles = said.out.split_once("failed at").unwrap().1;
    insta::assert_snapshot!(said.plain(&format!("failed at{troubles}")), @r#"
    failed at "Ready": web007.test
      / has 0 MiB free, 1.0 GiB needed
      changed: nothing

    failed at "Ready": web008.test
      the package lock is held by unattended-upgrade (pid 1)
      changed: nothing
      try: wait until it finishes, then run again with --limit @failed

    failed at "Ready": web009.test
      the package database is broken: base-files is half-configured
      changed: nothing
      try: on the host: dpkg --configure -a && apt-get -f install

    failed at "Updates": web010.test
      openssl: installed openssl package post-installation script subprocess returned error exit status 1
      | 10 of 11 planned versions are installed
      | not installed: openssl 3.0.17-1~deb12u3
      | the package database: openssl is half-configured
      | Setting up sudo (1.9.13p3-1+deb12u3) ...
      | Setting up nginx (1.22.1-9+deb12u3) ...
      | Setting up nginx-common (1.22.1-9+deb12u3) ...
      changed: 11 packages
      try: on the host: dpkg --configure -a && apt-get -f install; once the database is in order, run again with --limit @failed

    failed at "Reboot": web012.test
      it went away and came back with the same boot id (waited 1 s)
      changed: 11 packages
      try: look at its console; a container may have the boot id of its host machine

    failed at "Reboot": web013.test
      the host key changed after the reboot: the host key of [127.0.0.1]:22 has changed: it shows ssh-ed25519 SHA256:…, but [fleet]/known_hosts:13 has a different one
      changed: 11 packages
      try: this may be a man-in-the-middle attack. If the host was reinstalled: compare the fingerprint on its console, then `ssh-keygen -R '[127.0.0.1]:22' -f [fleet]/known_hosts` and record the new key

    failed at "Ready": web014.test
      nginx is inactive
      changed: nothing

    failed at "Ready": web015.test
      could not become deploy with sudo: sudo: a password is required
      changed: nothing
      try: set the password (`-K` or `ansible_become_password`), or give the user a `NOPASSWD` rule

    failed at "Ready": web017.test
      sudo did not accept the password for deploy
      changed: nothing
      try: is the password right (`-K` or `ansible_become_password`), and is the user allowed to do that?

    unreachable at "Ready": web002.test
      127.0.0.1:22 refused the connection
      changed: nothing
      try: is sshd running there, and is `ansible_port` right?

    and 5 more: patchwave show 20260101-000000-abcd --all

    left behind on 4 hosts: web[010-013].test
      a reboot is due: kernel 6.1.0-41-amd64 is installed, 6.1.0-40-amd64 is running

    ok           2 hosts: web[001,016].test: 22 packages, 2 reboots, at most 1s

    17 hosts: 2 ok, 9 failed, 6 unreachable
    changed: 66 packages on 6 hosts, 2 reboots

    next:
      patchwave log 20260101-000000-abcd web007.test                  # everything it printed
      patchwave run play.yml -i inv.yml --limit @failed,@unreachable  # when fixed: retry 15 hosts
    "#);
    assert!(took < Duration::from_secs(200), "{took:?}");
    for text in [&said.out, &said.err] {
        assert!(!text.contains("hunter2"), "a password is shown");
    }
}

/// From its next boot on, systemd on this host reports a failed unit.
fn fails_a_unit_when_it_boots(host: &Path, boot_id: &str) {
    let bin = host.join("bin");
    let shared = fs::read_link(&bin).unwrap();
    let shared = host.join(shared);
    fs::remove_file(&bin).unwrap();
    fs::create_dir(&bin).unwrap();
    for program in fs::read_dir(&shared).unwrap().flatten() {
        symlink(program.path(), bin.join(program.file_name())).unwrap();
    }
    let systemctl = bin.join("systemctl");
    fs::remove_file(&systemctl).unwrap();
    let script = format!(
        "#!/bin/sh
if [ \"$(cat \"$PATCHWAVE_ROOT/proc/sys/kernel/random/boot_id\")\" != {boot_id} ]; then
    case $* in
    is-system-running*) echo degraded && exit 1 ;;
    list-units*failed*) echo 'late.service loaded failed failed late' && exit ;;
    esac
fi
exec {}/systemctl \"$@\"
",
        shared.display()
    );
    fs::write(&systemctl, script).unwrap();
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_second_attempt_at_a_reboot_is_no_second_reboot() {
    let steps = "  - reboot: { when: always, timeout: 60s, stable: 1s }\n    retries: 1\n    retry_delay: 1s\n";
    let site = Case::hosts(1).systemd().steps(steps).site();
    let host = site.host();
    fails_a_unit_when_it_boots(host.folder(), &host.boot_id());
    // A unit that failed because of the reboot is not excused as one that had failed before.
    site.run("run play.yml -i inv.yml")
        .ended(6)
        .says(&["it is up, but these units failed after the reboot: late.service"]);
    assert_eq!(host.boots(), 2, "it was rebooted once");
}
