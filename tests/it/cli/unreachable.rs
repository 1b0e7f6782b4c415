//! What `run` would refuse, and probable typos, are reported earlier: by `inventory check` and `plan`.

use crate::support::{case::Case, cli::Desk};

const PLAY: &str = "name: Look\nsteps:\n  - precheck: { disk_free: { /: 1KiB } }\n";

fn desk(hosts: &str) -> Desk {
    let desk = Desk::empty();
    let vars = "patchwave: { environment: test, risk: low }";
    desk.write("inv.yml", &format!("all:\n  vars: {{ {vars} }}\n  children:\n{hosts}"));
    desk.write("play.yml", PLAY);
    desk
}

#[test]
fn a_name_that_is_nearly_a_connection_variable() {
    let desk = desk(
        "    web:\n      vars: { ansible_becom: true }\n      hosts:\n        web1: { ansible_prot: 22 }\n        web2: { ansible_prot: 23 }\n    db: { hosts: { db1: { ansible_python_interpreter: /usr/bin/python3 } } }\n",
    );
    insta::assert_snapshot!(desk.run("inventory check -i inv.yml").page(), @r#"
    exit code 0
    -- stdout
    3 hosts in 2 groups
      test/low: 3
    -- stderr
    warning: inv.yml:5:15: `ansible_becom` does not change how a host is reached; did you mean `ansible_become`?
      |
    5 |       vars: { ansible_becom: true }
      |               ^^^^^^^^^^^^^
    warning: inv.yml:7:17: `ansible_prot` does not change how a host is reached; did you mean `ansible_port`?
      |
    7 |         web1: { ansible_prot: 22 }
      |                 ^^^^^^^^^^^^
      help: it is in 2 places; this is the first
    "#);
    let warned = ["warning: inv.yml:5:15: `ansible_becom` does not", "warning: inv.yml:7:17: `ansible_prot` does not"];
    desk.run("plan play.yml -i inv.yml").ended(0).says(&warned);
    desk.run("run play.yml -i inv.yml").says(&warned);
    desk.run("exec -i inv.yml all -- true").says(&warned);
    desk.run("exec -i inv.yml db -- true").never_says(&["warning"]);
}

#[test]
fn words_for_ssh_that_cannot_be_honoured() {
    let desk = desk(
        "    web:
      vars:
        ansible_ssh_common_args: -o Port=x -o ConnectTimeout=soon -W h:1
      hosts: { 'web[1:3]': }
    db:
      vars: { ansible_ssh_extra_args: -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null }
      hosts: { 'db[1:2]': }
    odd:
      hosts:
        odd1: { ansible_port: many }
        odd2: { ansible_ssh_args: -o VerifyHostKeyDNS=no, ansible_ssh_extra_args: -o VerifyHostKeyDNS=yes }
        odd3: { ansible_ssh_args: -o VerifyHostKeyDNS=yes -o CheckHostIP=yes }
",
    );
    insta::assert_snapshot!(desk.run("inventory check -i inv.yml").page(), @r#"
    exit code 2
    -- stderr
    warning: inv.yml:9:39: 2 hosts (db[1-2]): `ansible_ssh_extra_args`: UserKnownHostsFile /dev/null with StrictHostKeyChecking accept-new would accept any key, every time; `run` refuses that
      |
    9 |       vars: { ansible_ssh_extra_args: -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null }
      |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: remove `UserKnownHostsFile`: the keys of new hosts are then recorded, and changed ones refused; or name the trusted keys with `--known-hosts FILE`
    error: inv.yml:6:34: 3 hosts (web[1-3]): `ansible_ssh_common_args`: port: "x" is not a port from 1 to 65535
      |
    6 |         ansible_ssh_common_args: -o Port=x -o ConnectTimeout=soon -W h:1
      |                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    inv.yml:6:34: 3 hosts (web[1-3]): `ansible_ssh_common_args`: connecttimeout: "soon" is not a time such as 30, 5m or 1h30m
      |
    6 |         ansible_ssh_common_args: -o Port=x -o ConnectTimeout=soon -W h:1
      |                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    inv.yml:6:34: 3 hosts (web[1-3]): `ansible_ssh_common_args`: `-W` is not understood
      |
    6 |         ansible_ssh_common_args: -o Port=x -o ConnectTimeout=soon -W h:1
      |                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    inv.yml:13:31: host odd1: `ansible_port` is not a port from 1 to 65535
       |
    13 |         odd1: { ansible_port: many }
       |                               ^^^^

    inv.yml:15:35: host odd3: `ansible_ssh_args`: verifyhostkeydns yes would trust host keys from DNS; patchwave does not do that
       |
    15 |         odd3: { ansible_ssh_args: -o VerifyHostKeyDNS=yes -o CheckHostIP=yes }
       |                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    inv.yml:15:35: host odd3: `ansible_ssh_args`: checkhostip yes would also look up the address in known_hosts; patchwave does not do that
       |
    15 |         odd3: { ansible_ssh_args: -o VerifyHostKeyDNS=yes -o CheckHostIP=yes }
       |                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    6 problems
    "#);
    let plan = desk.run("plan play.yml -i inv.yml").page();
    assert_eq!(plan, desk.run("inventory check -i inv.yml").page(), "what one says the other says");
    // `run` says all of it at once, with the same words, and what only the command line could make good.
    insta::assert_snapshot!(desk.run("run play.yml -i inv.yml").page(), @r#"
    exit code 2
    -- stderr
    error: inv.yml:6:34: 3 hosts (web[1-3]): `ansible_ssh_common_args`: port: "x" is not a port from 1 to 65535
      |
    6 |         ansible_ssh_common_args: -o Port=x -o ConnectTimeout=soon -W h:1
      |                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    inv.yml:6:34: 3 hosts (web[1-3]): `ansible_ssh_common_args`: connecttimeout: "soon" is not a time such as 30, 5m or 1h30m
      |
    6 |         ansible_ssh_common_args: -o Port=x -o ConnectTimeout=soon -W h:1
      |                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    inv.yml:6:34: 3 hosts (web[1-3]): `ansible_ssh_common_args`: `-W` is not understood
      |
    6 |         ansible_ssh_common_args: -o Port=x -o ConnectTimeout=soon -W h:1
      |                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    inv.yml:9:39: 2 hosts (db[1-2]): `ansible_ssh_extra_args`: UserKnownHostsFile /dev/null with StrictHostKeyChecking accept-new would accept any key, every time
      |
    9 |       vars: { ansible_ssh_extra_args: -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null }
      |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: remove `UserKnownHostsFile`: the keys of new hosts are then recorded, and changed ones refused; or name the trusted keys with `--known-hosts FILE`

    inv.yml:13:31: host odd1: `ansible_port` is not a port from 1 to 65535
       |
    13 |         odd1: { ansible_port: many }
       |                               ^^^^

    inv.yml:15:35: host odd3: `ansible_ssh_args`: verifyhostkeydns yes would trust host keys from DNS; patchwave does not do that
       |
    15 |         odd3: { ansible_ssh_args: -o VerifyHostKeyDNS=yes -o CheckHostIP=yes }
       |                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    inv.yml:15:35: host odd3: `ansible_ssh_args`: checkhostip yes would also look up the address in known_hosts; patchwave does not do that
       |
    15 |         odd3: { ansible_ssh_args: -o VerifyHostKeyDNS=yes -o CheckHostIP=yes }
       |                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    7 problems
    "#);
    desk.run("exec -i inv.yml web,odd1 -- true").ended(2).says(&["4 problems"]);
    desk.run("plan play.yml -i inv.yml --limit db").ended(0).says(&["warning: inv.yml:9:39: 2 hosts (db[1-2])"]);
    desk.run("exec -i inv.yml db -- true").ended(2).says(&["`ansible_ssh_extra_args`: UserKnownHostsFile /dev/null"]);
    // With trusted keys of its own the command line has the last word.
    desk.write("known", "");
    desk.run("exec -i inv.yml db --known-hosts known --connect-timeout 1s -- true").never_says(&["UserKnownHostsFile"]);
}

#[test]
fn no_host_key_checking_means_the_same_however_it_is_written() {
    for (at, how) in [
        "ansible_ssh_common_args: '-o StrictHostKeyChecking=no -o UserKnownHostsFile=KNOWN'",
        "ansible_ssh_extra_args: '-oStrictHostKeyChecking=off -oUserKnownHostsFile=KNOWN'",
        "ansible_ssh_args: '-o \"stricthostkeychecking no\" -o UserKnownHostsFile=KNOWN'",
        "ansible_host_key_checking: no, ansible_ssh_common_args: '-o UserKnownHostsFile=KNOWN'",
    ]
    .into_iter()
    .enumerate()
    {
        let site = Case::hosts(1).play(PLAY).site();
        let known = site.folder().join(format!("known{at}"));
        let inventory = std::fs::read_to_string(site.folder().join("inv.yml")).unwrap();
        let old = format!("ansible_ssh_common_args: '-o UserKnownHostsFile={}'", site.fleet.known_hosts().display());
        assert!(inventory.contains(&old), "{inventory}");
        let how = how.replace("KNOWN", &known.display().to_string()).replace(", ansible", "\n    ansible");
        site.write("inv.yml", &inventory.replace(&old, &how));
        site.run("inventory check -i inv.yml").ended(0).never_says(&["warning"]);
        site.run("plan play.yml -i inv.yml").ended(0).never_says(&["warning"]);
        site.run("run play.yml -i inv.yml").ended(0).says(&["1 ok"]);
        let kept = std::fs::read_to_string(&known).unwrap();
        assert!(kept.contains("ssh-ed25519"), "{how}: the key was recorded: {kept}");
        // A key that has changed is refused all the same.
        let (before, _) = kept.split_once("ssh-ed25519 ").unwrap();
        let other = "AAAAC3NzaC1lZDI1NTE5AAAAIMjLd9EOTAu1bPwCjIoXdyB9nNAxmTK2h9a2vKuMrRZj";
        std::fs::write(&known, format!("{before}ssh-ed25519 {other}\n")).unwrap();
        site.run("run play.yml -i inv.yml").ended(5).says(&["unreachable"]);
    }
}
