//! `plan`: stages and waves without a connection.

use crate::support::{case::Case, cli::Desk};

const INVENTORY: &str = "all:
  children:
    staging:
      vars: { patchwave: { environment: staging, risk: medium, batch: 50% } }
      hosts: { 'app[1:4].stage.example.com': }
    production:
      vars: { patchwave: { environment: production } }
      children:
        edge:
          vars: { patchwave: { risk: low, canary: 1, batch: [10%, 50%], soak: 10m } }
          hosts: { 'edge[01:20].example.com': }
        databases:
          vars:
            patchwave:
              risk: critical
              canary: 1
              batch: 1
              approve: true
              spread: { by: cluster, max_unavailable: 1 }
              window: { start: '0 2 * * SUN#2', duration: 4h, timezone: Europe/Berlin }
          hosts:
            db1.example.com: { cluster: a }
            db2.example.com: { cluster: a }
            db3.example.com: { cluster: b }
";

fn desk() -> Desk {
    let desk = Desk::empty();
    desk.write("inv.yml", INVENTORY);
    desk.write("play.yml", crate::support::cli::PLAYBOOK);
    desk
}

#[test]
fn on_80_columns() {
    insta::assert_snapshot!(desk().run("plan play.yml -i inv.yml").page(), @r#"
    exit code 0
    -- stdout
    Patch, plan 0123456789ab
    27 hosts in 3 stages; halts at the first failed host

    stage                 wave      size    hosts                       tolerated
    staging/medium        1              2  app[1-2].stage.example.com  0
                          2              2  app[3-4].stage.example.com
    production/low        1 canary       1  edge01.example.com          0
                          2              2  edge[02-03].example.com
                          3             10  edge[04-13].example.com
                          4              7  edge[14-20].example.com
    production/critical   1 canary       1  db1.example.com             0
                          2              1  db2.example.com
                          3              1  db3.example.com

    staging/medium: canary 0 (default: risk medium), batch 50% (inventory),
      max_failures 0 (default)
    production/low: canary 1 (inventory), batch [10%, 50%] (inventory),
      max_failures 0 (default)
    production/critical: canary 1 (inventory), batch 1 (inventory), max_failures 0
      (default)
    after each wave of production/low: soak 10m
    window of production/critical: 0 2 * * SUN#2 for 4h Europe/Berlin; next: Sun 13 Dec 2026, 02:00 CET (in 15d 2h)
    production/critical: waits for approval after its first wave

    steps of each host
       1. Ready
       2. Updates
       3. Reboot
       4. Healthy
    "#);
}

#[test]
fn on_200_columns_with_every_host() {
    let mut desk = desk();
    desk.columns = Some(200);
    insta::assert_snapshot!(desk.run("plan play.yml -i inv.yml --all").page(), @r#"
    exit code 0
    -- stdout
    Patch, plan 0123456789ab
    27 hosts in 3 stages; halts at the first failed host

    stage                 wave      size    hosts                       tolerated
    staging/medium        1              2  app[1-2].stage.example.com  0
                          2              2  app[3-4].stage.example.com
    production/low        1 canary       1  edge01.example.com          0
                          2              2  edge[02-03].example.com
                          3             10  edge[04-13].example.com
                          4              7  edge[14-20].example.com
    production/critical   1 canary       1  db1.example.com             0
                          2              1  db2.example.com
                          3              1  db3.example.com

    staging/medium: canary 0 (default: risk medium), batch 50% (inventory), max_failures 0 (default)
    production/low: canary 1 (inventory), batch [10%, 50%] (inventory), max_failures 0 (default)
    production/critical: canary 1 (inventory), batch 1 (inventory), max_failures 0 (default)
    after each wave of production/low: soak 10m
    window of production/critical: 0 2 * * SUN#2 for 4h Europe/Berlin; next: Sun 13 Dec 2026, 02:00 CET (in 15d 2h)
    production/critical: waits for approval after its first wave

    steps of each host
       1. Ready
       2. Updates
       3. Reboot
       4. Healthy
    "#);
}

#[test]
fn in_a_pipe_it_is_as_wide_as_a_page() {
    let mut desk = desk();
    desk.columns = None;
    insta::assert_snapshot!(desk.run("plan play.yml -i inv.yml --limit databases").page(), @r#"
    exit code 0
    -- stdout
    Patch, plan 0123456789ab
    3 hosts in 1 stage; halts at the first failed host

    stage                 wave      size    hosts                tolerated
    production/critical   1 canary       1  db1.example.com      0
                          2              1  db2.example.com
                          3              1  db3.example.com

    production/critical: canary 1 (inventory), batch 1 (inventory), max_failures 0 (default)
    window of production/critical: 0 2 * * SUN#2 for 4h Europe/Berlin; next: Sun 13 Dec 2026, 02:00 CET (in 15d 2h)
    production/critical: waits for approval after its first wave

    steps of each host
       1. Ready
       2. Updates
       3. Reboot
       4. Healthy
    "#);
}

#[test]
fn the_digest_is_of_the_plan_and_json_says_it_whole() {
    let desk = desk();
    let json = |line: &str| desk.run(line).ended(0).json();
    let whole = json("plan play.yml -i inv.yml --json");
    let again = json("plan play.yml -i inv.yml --json");
    assert_eq!(whole["digest"], again["digest"]);
    let short = whole["digest"].as_str().unwrap()[..12].to_owned();
    assert!(desk.run("plan play.yml -i inv.yml").out.contains(&short));
    assert_ne!(whole["digest"], json("plan play.yml -i inv.yml --limit edge --json")["digest"]);
}

/// Two walks on one machine would know nothing of each other: one would reboot while the other upgrades.
#[test]
fn a_machine_with_two_names() {
    let desk = Desk::empty();
    desk.write("play.yml", "name: Patch\nsteps: [{ upgrade: { scope: all } }]\n");
    desk.write("look.yml", "name: Look\nsteps: [{ command: { run: 'true', changes: false } }]\n");
    let policy = "all:\n  vars: { patchwave: { environment: lab, risk: low } }\n";
    let inventory =
        "  hosts:\n    web1: { ansible_host: 192.0.2.1 }\n    old-web1: { ansible_host: 192.0.2.1 }\n    web2:\n";
    desk.write("inv.yml", &format!("{policy}{inventory}"));
    insta::assert_snapshot!(desk.run("plan play.yml -i inv.yml").page(), @r#"
    exit code 2
    -- stderr
    error: web1,old-web1 are the same machine (192.0.2.1, port 22), which this plan would patch twice
      help: leave all names but one out: `--limit 'all:!old-web1'`
    "#);
    desk.run("run play.yml -i inv.yml --yes").ended(2).says(&["web1,old-web1 are the same machine"]);
    desk.run("plan play.yml -i inv.yml --limit all:!old-web1").ended(0);
    desk.run("plan look.yml -i inv.yml").ended(0);
    // ssh_config may also make two names one machine, but a plan opens no file of ssh.
    desk.write("config", "Host web2 web3\n  HostName 192.0.2.2\n");
    desk.write("inv.yml", &format!("{policy}  hosts: {{ 'web[1:3]': }}\n"));
    desk.run("run play.yml -i inv.yml --yes --ssh-config config")
        .ended(2)
        .says(&["web[2-3] are the same machine (192.0.2.2, port 22), which this plan would patch twice"]);
    assert!(!desk.folder().join("state/ledger.db").exists());
}

/// A plan knows how long its hosts took before; a check says it, too.
#[test]
fn earlier_runs_say_how_long_it_will_take() {
    let site = Case::hosts(2).site();
    site.run("plan play.yml -i inv.yml").ended(0).never_says(&["estimate"]);
    site.run("run play.yml -i inv.yml --check").ended(0).never_says(&["estimate"]);
    site.run("run play.yml -i inv.yml").ended(0);
    let line = "without waiting for people (from 1 earlier run)";
    site.run("plan play.yml -i inv.yml").ended(0).says(&["estimate: about", line]);
    site.run("run play.yml -i inv.yml --check").ended(0).says(&["estimate: about", line]);
}
