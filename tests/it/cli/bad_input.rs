//! Files and selections that are wrong: exit code 2, all faults at once, nothing touched.

use crate::support::cli::{Desk, PLAYBOOK};

const INVENTORY: &str = "all:
  children:
    web:
      vars: { patchwave: { environment: production, risk: low } }
      hosts: { web1: , web2: }
";

fn desk(inventory: &str, playbook: &str) -> Desk {
    let desk = Desk::empty();
    desk.write("inv.yml", inventory);
    desk.write("play.yml", playbook);
    desk
}

/// The page of `run`, which must be the page of `plan`; no run may have begun.
fn refused(desk: &Desk, more: &str) -> String {
    let said = desk.run(&format!("run play.yml -i inv.yml {more}")).ended(2);
    let planned = desk.run(&format!("plan play.yml -i inv.yml {more}")).ended(2);
    assert_eq!(said.page(), planned.page());
    assert!(!desk.folder().join("state/ledger.db").exists(), "a run was begun");
    said.page()
}

#[test]
fn an_unknown_key_in_each_of_two_files_is_told_together() {
    let inventory = INVENTORY.replace("risk: low", "risk: low, bach: 3");
    let playbook = PLAYBOOK.replace("scope: security", "scope: security, exlude: [docker]");
    insta::assert_snapshot!(refused(&desk(&inventory, &playbook), ""), @r#"
    exit code 2
    -- stderr
    error: inv.yml:4:64: unknown key `bach` in `patchwave`; did you mean `batch`?
      |
    4 |       vars: { patchwave: { environment: production, risk: low, bach: 3 } }
      |                                                                ^^^^

    play.yml:7:33: unknown key `exlude` in `upgrade`; did you mean `exclude`?
      |
    7 |     upgrade: { scope: security, exlude: [docker], lock_timeout: 1s }
      |                                 ^^^^^^

    2 problems
    "#);
}

#[test]
fn a_wrong_type() {
    let playbook = PLAYBOOK.replace("stable: 1s", "stable: often").replace("lock_timeout: 1s", "packages: 7");
    insta::assert_snapshot!(refused(&desk(INVENTORY, &playbook), ""), @r#"
    exit code 2
    -- stderr
    error: play.yml:7:33: `packages` needs `scope: packages`
      |
    7 |     upgrade: { scope: security, packages: 7 }
      |                                 ^^^^^^^^

    play.yml:9:53: expected a length of time like 1s, 5m, 1h30m or 2d
      |
    9 |     reboot: { when: required, timeout: 1s, stable: often }
      |                                                     ^^^^^

    2 problems
    "#);
}

#[test]
fn a_host_that_stands_twice() {
    let inventory = INVENTORY.replace("web2: }", "web2: , web1: }");
    insta::assert_snapshot!(refused(&desk(&inventory, PLAYBOOK), ""), @r#"
    exit code 2
    -- stderr
    error: inv.yml:5:32: duplicate key `web1`
      |
    5 |       hosts: { web1: , web2: , web1: }
      |                                ^^^^
      help: it is already on line 5: remove one of the two
    "#);
}

#[test]
fn a_cycle_of_groups() {
    let inventory = "all:
  children:
    a: { children: { b: } }
    b: { children: { c: } }
    c: { children: { a: }, hosts: { h1: } }
";
    insta::assert_snapshot!(refused(&desk(inventory, PLAYBOOK), ""), @r#"
    exit code 2
    -- stderr
    error: inv.yml:5:22: a group contains itself: `a` contains `b` contains `c` contains `a`
      |
    5 |     c: { children: { a: }, hosts: { h1: } }
      |                      ^
      help: remove one of these `children` entries
    "#);
}

#[test]
fn files_that_are_not_there_or_not_yaml() {
    let desk = Desk::empty();
    desk.write("inv.yml", "all: [\n");
    insta::assert_snapshot!(refused(&desk, ""), @r#"
    exit code 2
    -- stderr
    error: play.yml: there is no such file

    inv.yml:1:6: this is not YAML: unclosed bracket '['
      |
    1 | all: [
      |      ^

    2 problems
    "#);
}

#[test]
fn selections_that_mean_nobody() {
    let desk = desk(INVENTORY, PLAYBOOK);
    desk.write("empty.txt", "\n# nobody\n");
    let empty = format!("--limit @{}", desk.folder().join("empty.txt").display());
    let pages: String =
        ["--limit webb", "--limit 'web:!web'", "--limit ''", "--limit '~^db'", "--limit @nosuch.txt", &empty]
            .map(|limit| refused(&desk, limit))
            .concat();
    insta::assert_snapshot!(pages, @r#"
    exit code 2
    -- stderr
    error: there is no host and no group `webb`; did you mean `web`?
    exit code 2
    -- stderr
    error: the pattern `web:!web` selects no host
      help: `patchwave inventory graph` shows the groups and their hosts
    exit code 2
    -- stderr
    error: this host pattern is empty
      help: `all` means every host
    exit code 2
    -- stderr
    error: `~^db` matches no host and no group
    exit code 2
    -- stderr
    error: nosuch.txt: there is no such file
    exit code 2
    -- stderr
    error: empty.txt: this file of hosts is empty
      help: it takes one host per line
    "#);
}

#[test]
fn an_empty_intersection_with_the_playbook() {
    let inventory = INVENTORY.to_owned() + "    db:\n      hosts: { db1: }\n";
    let playbook = PLAYBOOK.replace("hosts: all", "hosts: web");
    insta::assert_snapshot!(refused(&desk(&inventory, &playbook), "--limit db"), @r#"
    exit code 2
    -- stderr
    error: --limit "db" and `hosts: web` of the playbook have no host in common
    "#);
}

#[test]
fn hosts_without_labels_are_named() {
    let inventory = INVENTORY.to_owned() + "    db:\n      hosts: { db1: , db2: }\n";
    insta::assert_snapshot!(refused(&desk(&inventory, PLAYBOOK), ""), @r#"
    exit code 2
    -- stderr
    error: 2 hosts have neither `environment` nor `risk`: db[1-2]
      help: in group `db` write `vars: { patchwave: { environment: production, risk: low } }`
    "#);
}

#[test]
fn extra_variables() {
    let desk = desk(INVENTORY, PLAYBOOK);
    let pages: String =
        ["-e novalue", "-e 9=x", "-e a-b=x", "-e '{\"a\": [}'", "-e @nosuch.yml"].map(|e| refused(&desk, e)).concat();
    insta::assert_snapshot!(pages, @r#"
    exit code 2
    -- stderr
    error: -e "novalue" is neither key=value nor @file
    exit code 2
    -- stderr
    error: -e "9" is not the name of a variable
    exit code 2
    -- stderr
    error: -e "a-b" is not the name of a variable
    exit code 2
    -- stderr
    error: -e:1:7: this is not YAML: mismatched bracket '[' closed by '}'
      |
    1 | {"a": [}
      |       ^
    exit code 2
    -- stderr
    error: nosuch.yml: there is no such file
    "#);
}

#[test]
fn a_ledger_that_is_not_there() {
    let desk = desk(INVENTORY, PLAYBOOK);
    insta::assert_snapshot!(refused(&desk, "--limit @failed"), @r#"
    exit code 2
    -- stderr
    error: `@failed`: state/ledger.db: no run has been recorded here
    "#);
    desk.run("runs").ended(0).says(&["no run has been recorded yet"]);
    for line in ["show", "show 2026", "log 2026 web1", "approve 2026", "stop 2026", "resume", "resume 2026"] {
        desk.run(line).ended(2).prints("");
    }
}
