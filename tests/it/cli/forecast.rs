//! `run --check` and `impact`: what an operator reads before the night.

use patchwave::demo::Fault;

use crate::support::case::{Case, Site};

/// Everything on the hosts that a run would change, and what a check makes for itself.
fn trace(site: &Site) -> Vec<String> {
    let one = |host: patchwave::demo::Host<'_>| {
        let read = |file: &str| std::fs::read_to_string(host.folder().join(file)).unwrap();
        let listed = |folder: &str| {
            let entries = std::fs::read_dir(host.folder().join(folder)).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names.join(" ")
        };
        format!("{} {} {} {}", read("sim/installed"), host.boots(), listed("var/lib/apt/lists"), listed("var/tmp"))
    };
    site.fleet.hosts().map(one).collect()
}

#[test]
fn check_changes_nothing_and_says_what_would_be_done() {
    let site = Case::hosts(2).site();
    let before = trace(&site);
    let said = site.run("run play.yml -i inv.yml --check --forks 1");
    assert_eq!(before, trace(&site));
    insta::assert_snapshot!(said.page(), @r#"
    exit code 0
    -- stdout
    Patch (check only), run 20260101-000000-abcd, 1s

    packages
      2 hosts: web[001-002].test: 11 packages, all security, 1 new
        libc6                       2.36-9+deb12u10 → 2.36-9+deb12u13  libc
        linux-image-6.1.0-41-amd64  6.1.158-1 (new)  kernel
        linux-image-amd64           6.1.153-1 → 6.1.158-1  kernel
        curl                        7.88.1-10+deb12u12 → 7.88.1-10+deb12u15
        libcurl4                    7.88.1-10+deb12u12 → 7.88.1-10+deb12u15
        libexpat1                   2.5.0-1+deb12u1 → 2.5.0-1+deb12u2
        libssl3                     3.0.17-1~deb12u2 → 3.0.17-1~deb12u3
        nginx                       1.22.1-9+deb12u2 → 1.22.1-9+deb12u3
        nginx-common                1.22.1-9+deb12u2 → 1.22.1-9+deb12u3
        openssl                     3.0.17-1~deb12u2 → 3.0.17-1~deb12u3
        sudo                        1.9.13p3-1+deb12u2 → 1.9.13p3-1+deb12u3

    reboots
      2 hosts: web[001-002].test: would reboot: a kernel would be installed:
        linux-image-6.1.0-41-amd64, linux-image-amd64; libc6 would be replaced

    other steps
      2 hosts: web[001-002].test
        Healthy: would verify

    package lists
      2 hosts: web[001-002].test: fetched for this check, apart from their own

    2 hosts: 2 without a problem; nothing was changed

    next:
      patchwave run play.yml -i inv.yml --forks 1  # carries it out
    -- stderr
    Patch, plan 0123456789ab
      production/medium                             2 hosts in 2 waves
      in total                                      2 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  ok           web001.test  11 packages, would reboot, 1 other step (1s)
    00:00:00  ok           web002.test  11 packages, would reboot, 1 other step (1s)
    00:00:00  over         2 hosts: 2 without a problem
    "#);
}

/// Whatever the waves say and whatever fails: all hosts are visited, and each thing that is wrong is said.
#[test]
fn all_hosts_are_visited_and_everything_that_is_wrong_is_said_at_once() {
    let steps = "
  - precheck: { services: [ssh] }
  - upgrade: { scope: all }
  - name: Counted
    command: echo 5
    register: counted
  - name: Healthy
    verify: { services: [ngin], packages: healthy }
  - name: Needs the count
    command: \"test {{ counted.stdout }} -gt 3\"
";
    let case = Case::hosts(5)
        .steps(steps)
        .policy("canary: 1, batch: [1], max_failures: 0")
        .broken("web002.test", Fault::DiskFull)
        .broken("web003.test", Fault::Refuses)
        .broken("web004.test", Fault::LockHeld);
    let site = case.site();
    let before = trace(&site);
    let said = site.run("run play.yml -i inv.yml --check --forks 1");
    assert_eq!(before, trace(&site));
    insta::assert_snapshot!(said.page(), @r#"
    exit code 6
    -- stdout
    Slow (check only), run 20260101-000000-abcd, 1s

    problems
      would fail on 4 hosts: web[001-002,004-005].test
        Healthy: before any change, ngin is inactive
        try: it would fail here after the change, too: repair the host, or correct
          the step
      would fail on web002.test
        Upgrade (all): / has 0 MiB free, at least 32 MiB needed
        try: make room on the host (a `cleanup: { package_cache: true }` step
          deletes downloaded archives, `old_kernels: 1` old kernels)
      unreachable on web003.test
        Pre-check: 127.0.0.1:22 refused the connection
        try: is sshd running there, and is `ansible_port` right?

    packages
      4 hosts: web[001-002,004-005].test: 15 packages, 11 security, 1 new
        libc6                       2.36-9+deb12u10 → 2.36-9+deb12u13  security,
          libc
        linux-image-6.1.0-41-amd64  6.1.158-1 (new)  security, kernel
        linux-image-amd64           6.1.153-1 → 6.1.158-1  security, kernel
        curl                        7.88.1-10+deb12u12 → 7.88.1-10+deb12u15
          security
        libcurl4                    7.88.1-10+deb12u12 → 7.88.1-10+deb12u15
          security
        libexpat1                   2.5.0-1+deb12u1 → 2.5.0-1+deb12u2  security
        libssl3                     3.0.17-1~deb12u2 → 3.0.17-1~deb12u3  security
        nginx                       1.22.1-9+deb12u2 → 1.22.1-9+deb12u3  security
        nginx-common                1.22.1-9+deb12u2 → 1.22.1-9+deb12u3  security
        openssl                     3.0.17-1~deb12u2 → 3.0.17-1~deb12u3  security
        and 5 more: `patchwave log 20260101-000000-abcd web001.test`

    reboots
      4 hosts: web[001-002,004-005].test: a reboot would be due, and no step does
        it: a kernel would be installed: linux-image-6.1.0-41-amd64,
        linux-image-amd64; libc6 would be replaced

    other steps
      4 hosts: web[001-002,004-005].test
        Counted: would run the command
        Needs the count: cannot be foreseen: `counted.stdout` is undefined,
          because "Counted" was not carried out

    notes
      web002.test: the package lists were not fetched: /var/tmp has 0 KiB free,
        too little for the lists
      web004.test: packages are locked now, by unattended-upgrade (pid 1)

    package lists
      3 hosts: web[001,004-005].test: fetched for this check, apart from their own
      web002.test: the host's own, less than an hour old

    5 hosts: 4 would fail, 1 unreachable; nothing was changed

    next:
      # everything it printed
      patchwave log 20260101-000000-abcd web001.test
      # when fixed: check 5 hosts
      patchwave run play.yml -i inv.yml --forks 1 --check --limit @20260101-000000-abcd:failed,@20260101-000000-abcd:unreachable
    -- stderr
    Slow, plan 0123456789ab
      production/medium                             5 hosts in 5 waves
      in total                                      5 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  would fail   web001.test  Healthy: before any change, ngin is inactive
    00:00:00  would fail   web001.test  15 packages, 2 other steps (1s)
    00:00:00  would fail   web002.test  Upgrade (all): / has 0 MiB free, at least 32 MiB needed
    00:00:00  would fail   web002.test  Healthy: before any change, ngin is inactive
    00:00:00  would fail   web002.test  15 packages, 2 other steps (1s)
    00:00:00  unreachable  web003.test  Pre-check: 127.0.0.1:22 refused the connection
    00:00:00  unreachable  web003.test  (1s)
    00:00:00  would fail   web004.test  Healthy: before any change, ngin is inactive
    00:00:00  would fail   web004.test  15 packages, 2 other steps (1s)
    00:00:00  would fail   web005.test  Healthy: before any change, ngin is inactive
    00:00:00  would fail   web005.test  15 packages, 2 other steps (1s)
    00:00:00  over         5 hosts: 4 would fail, 1 unreachable
    "#);
}

#[test]
fn impact_begins_with_the_packages_and_names_them_all() {
    let said = Case::hosts(2).columns(200).run("impact play.yml -i inv.yml --forks 1");
    insta::assert_snapshot!(said.page(), @r#"
    exit code 0
    -- stdout
    Patch (check only), run 20260101-000000-abcd, 1s

    packages
      2 hosts: web[001-002].test: 11 packages, all security, 1 new
        libc6                       2.36-9+deb12u10 → 2.36-9+deb12u13  libc
        linux-image-6.1.0-41-amd64  6.1.158-1 (new)  kernel
        linux-image-amd64           6.1.153-1 → 6.1.158-1  kernel
        curl                        7.88.1-10+deb12u12 → 7.88.1-10+deb12u15
        libcurl4                    7.88.1-10+deb12u12 → 7.88.1-10+deb12u15
        libexpat1                   2.5.0-1+deb12u1 → 2.5.0-1+deb12u2
        libssl3                     3.0.17-1~deb12u2 → 3.0.17-1~deb12u3
        nginx                       1.22.1-9+deb12u2 → 1.22.1-9+deb12u3
        nginx-common                1.22.1-9+deb12u2 → 1.22.1-9+deb12u3
        openssl                     3.0.17-1~deb12u2 → 3.0.17-1~deb12u3
        sudo                        1.9.13p3-1+deb12u2 → 1.9.13p3-1+deb12u3

    reboots
      2 hosts: web[001-002].test: would reboot: a kernel would be installed: linux-image-6.1.0-41-amd64, linux-image-amd64; libc6 would be replaced

    other steps
      2 hosts: web[001-002].test
        Healthy: would verify

    package lists
      2 hosts: web[001-002].test: fetched for this check, apart from their own

    2 hosts: 2 without a problem; nothing was changed

    next:
      patchwave run play.yml -i inv.yml --forks 1  # carries it out
    -- stderr
    Patch, plan 0123456789ab
      production/medium                             2 hosts in 2 waves
      in total                                      2 hosts
    run 20260101-000000-abcd; log: state/logs/20260101-000000-abcd
    00:00:00  ok           web001.test  11 packages, would reboot, 1 other step (1s)
    00:00:00  ok           web002.test  11 packages, would reboot, 1 other step (1s)
    00:00:00  over         2 hosts: 2 without a problem
    "#);
}

#[test]
fn what_would_fail_is_in_the_exit_code_and_the_data_in_the_events() {
    let site = Case::hosts(2).broken("web001.test", Fault::DiskFull).site();
    let said = site.run("run play.yml -i inv.yml --check --json").ended(6);
    let events: Vec<serde_json::Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let forecast = events
        .iter()
        .filter(|event| event["event"] == "step_finished" && event["host"] == "web002.test")
        .find_map(|event| event["result"].get("forecast"))
        .unwrap();
    assert_eq!(forecast["packages"].as_array().unwrap().len(), 11);
    assert_eq!(forecast["lists"], "fetched");
    // Every package of a host is one command away.
    let run = site.last_run();
    let log = site.run(&format!("log {run} web002.test")).ended(0);
    for package in forecast["packages"].as_array().unwrap() {
        let line = format!("{} ", package["name"].as_str().unwrap());
        assert!(log.out.lines().any(|shown| shown.trim_start().starts_with(&line)), "{line}: {}", log.out);
    }
}
