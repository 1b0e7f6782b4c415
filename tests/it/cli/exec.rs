//! `exec`: one command on many hosts.

use std::time::{Duration, Instant};

use patchwave::demo::Fault;
use serde_json::Value;

use crate::support::{case::Case, cli::Desk};

#[test]
fn the_same_output_is_folded() {
    let site = Case::hosts(4).site();
    let line =
        "exec -i inv.yml all -- 'case $PATCHWAVE_ROOT in *3.test) echo odd one; echo why >&2;; *) echo same;; esac'";
    insta::assert_snapshot!(site.run(line).page(), @r#"
    exit code 0
    -- stdout
    ── web[001-002,004].test (3 hosts): ok
    same
    ── web003.test: ok
    odd one
    stderr: why
    -- stderr
    4 hosts: 4 ok
    "#);
    // Words are words, not shell.
    site.run("exec -i inv.yml web001.test -- echo 'a  b' '$HOME'").ended(0).says(&["a  b $HOME"]);
}

#[test]
fn each_way_to_end_has_its_code() {
    let site = Case::hosts(4)
        .broken("web004.test", Fault::Refuses)
        .broken("web003.test", Fault::DropsDuringCommand { containing: "cut-here".into(), times: 1 })
        .site();
    site.run("exec -i inv.yml web001.test -- true").ended(0);
    let all = "exec -i inv.yml all -- 'case $PATCHWAVE_ROOT in *2.test) exit 3;; esac'";
    insta::assert_snapshot!(site.run(all).page(), @r#"
    exit code 6
    -- stdout
    ── web[001,003].test (2 hosts): ok
    ── web002.test: exit code 3
    ── web004.test: unreachable
    127.0.0.1:22 refused the connection
    try: is sshd running there, and is `ansible_port` right?
    -- stderr
    4 hosts: 2 ok, 1 exit code 3, 1 unreachable
    "#);
    insta::assert_snapshot!(site.run("exec -i inv.yml web004.test,web001.test -- true").page(), @r#"
    exit code 5
    -- stdout
    ── web001.test: ok
    ── web004.test: unreachable
    127.0.0.1:22 refused the connection
    try: is sshd running there, and is `ansible_port` right?
    -- stderr
    2 hosts: 1 ok, 1 unreachable
    "#);
    insta::assert_snapshot!(site.run("exec -i inv.yml all -- 'sleep 1; : cut-here; exit 1'").page(), @r#"
    exit code 7
    -- stdout
    ── web[001-002].test (2 hosts): exit code 1
    ── web004.test: unreachable
    127.0.0.1:22 refused the connection
    try: is sshd running there, and is `ansible_port` right?
    ── web003.test: unknown
    the connection to web003.test was lost while the command ran: the host closed the connection
    -- stderr
    4 hosts: 2 exit code 1, 1 unreachable, 1 unknown
    the command may still be running on web003.test, which did not say as which process
    "#);
}

#[test]
fn a_command_that_does_not_end() {
    let began = Instant::now();
    let site = Case::hosts(2).site();
    let said = site.run("exec -i inv.yml all --timeout 1s -- 'case $PATCHWAVE_ROOT in *2.test) sleep 300;; esac'");
    assert!(began.elapsed() < Duration::from_secs(100));
    insta::assert_snapshot!(said.page(), @r#"
    exit code 7
    -- stdout
    ── web001.test: ok
    ── web002.test: unknown
    the command did not finish within 1 s on web002.test; it was left running
    try: `--timeout` sets how long it may take
    -- stderr
    2 hosts: 1 ok, 1 unknown
    the command may still be running on web002.test; to end it there:
    patchwave exec web002.test -i inv.yml --end 20260101-000000-abcd
    "#);
    let id = said.err.trim_end().rsplit(' ').next().unwrap();
    site.run(&format!("exec web001.test -i inv.yml --end {id}")).ended(2).says(&["is about none of these hosts"]);
    site.run("exec all -i inv.yml --end ../x").ended(2).says(&["the id is the one that"]);
    site.run(&format!("exec web002.test -i inv.yml --end {id}")).ended(0).says(&["web002.test: "]);
    site.run(&format!("exec web002.test -i inv.yml --end {id}")).ended(2).says(&["nothing is recorded as"]);
}

#[test]
fn json_has_an_object_per_host() {
    let case = Case::hosts(3).broken("web002.test", Fault::Refuses);
    let said = case.run("exec -i inv.yml all --json -- 'printf \"a\\377\"; echo b >&2; exit 4'").ended(6);
    let rows: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hosts: Vec<&str> = rows.iter().map(|row| row["host"].as_str().unwrap()).collect();
    assert_eq!(hosts, ["web001.test", "web002.test", "web003.test"]);
    assert_eq!((&rows[0]["code"], &rows[0]["stderr"]), (&Value::from(4), &Value::from("b\n")), "{}", rows[0]);
    assert_eq!(rows[1]["outcome"], "unreachable", "{}", rows[1]);
}

#[test]
fn nobody_is_not_everybody() {
    let site = Case::hosts(1).site();
    for pattern in ["'all:!all'", "nosuch", "''", "@failed"] {
        site.run(&format!("exec -i inv.yml {pattern} -- true")).ended(2).prints("");
    }
    assert_eq!(site.logins(), 0);
}

#[test]
fn hosts_that_fail_alike_share_a_block() {
    let desk = Desk::empty();
    let hosts: String = (1..=30).map(|n| format!("    web{n:03}.example.invalid:\n")).collect();
    desk.write("inv.yml", &format!("all:\n  hosts:\n{hosts}"));
    let said = desk.run("exec -i inv.yml all -- true").ended(5);
    assert_eq!(said.out.lines().count(), 3, "{}", said.page());
    assert!(
        said.out
            .starts_with("── web[001-030].example.invalid (30 hosts): unreachable\nthe name … cannot be resolved: "),
        "{}",
        said.out
    );
    assert!(said.out.lines().last().unwrap().starts_with("try: "), "{}", said.out);
    let site = Case::hosts(4).site();
    let known = site.write("kh", "");
    let said = site.run(&format!("exec -i inv.yml --known-hosts {} all -- true", known.display())).ended(5);
    assert_eq!(said.out.lines().count(), 3, "{}", said.page());
    said.says(&[
        "── web[001-004].test (4 hosts): unreachable",
        "the host key of … is not on file",
        "try: use `--host-keys accept-new` to record the keys of new hosts automatically",
    ]);
}
