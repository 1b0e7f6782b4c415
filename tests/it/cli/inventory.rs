//! `inventory check | hosts | list | graph`.

use crate::support::cli::Desk;

const INVENTORY: &str = "all:
  vars: { ansible_user: ops, ansible_become_password: hunter2 }
  children:
    web:
      vars: { patchwave: { environment: production, risk: low } }
      hosts: { 'web[1:3].example.com': }
    db:
      vars: { patchwave: { environment: production, risk: critical } }
      hosts:
        db1.example.com: { ansible_port: 2222 }
";

fn desk() -> Desk {
    let desk = Desk::empty();
    desk.write("inv.yml", INVENTORY);
    desk
}

#[test]
fn check_of_one_that_is_fine() {
    insta::assert_snapshot!(desk().run("inventory check -i inv.yml").page(), @r#"
    exit code 0
    -- stdout
    4 hosts in 2 groups
      production/low: 3
      production/critical: 1
    "#);
}

#[test]
fn check_finds_every_fault_at_once() {
    let desk = Desk::empty();
    desk.write(
        "inv.yml",
        "all:
  children:
    web:
      vars: { patchwave: { environment: production, risk: low } }
      hosts:
        web1: { ansible_become_method: runas }
        win1: { ansible_connection: winrm }
        web2: { ansible_port: many }
    db:
      hosts: { db1: , db2: }
",
    );
    insta::assert_snapshot!(desk.run("inventory check -i inv.yml").page(), @r#"
    exit code 2
    -- stderr
    warning: 2 hosts have neither `environment` nor `risk`: db[1-2]
      help: in group `db` write `vars: { patchwave: { environment: production, risk: low } }`: `plan` and `run` need it, unless the playbook names its own `stages`; `exec` does not; `patchwave init --from-inventory FILE` proposes it for every host
    warning: skipped: win1: `ansible_connection` is `winrm`, and patchwave reaches hosts by SSH only
    error: inv.yml:6:40: host web1: `ansible_become_method` is `runas`, which patchwave does not know
      |
    6 |         web1: { ansible_become_method: runas }
      |                                        ^^^^^
      help: use one of: sudo, doas, su

    inv.yml:8:31: host web2: `ansible_port` is not a port from 1 to 65535
      |
    8 |         web2: { ansible_port: many }
      |                               ^^^^

    2 problems
    "#);
}

/// As Ansible has it: `exec` works with it, and so does a playbook that names its stages.
#[test]
fn check_of_one_without_labels_warns() {
    let desk = Desk::empty();
    desk.write("inv.yml", "web: { hosts: { web1: , web2: } }\n");
    insta::assert_snapshot!(desk.run("inventory check -i inv.yml").page(), @r#"
    exit code 0
    -- stdout
    2 hosts in 1 group
      no environment/no risk: 2
    -- stderr
    warning: 2 hosts have neither `environment` nor `risk`: web[1-2]
      help: in group `web` write `vars: { patchwave: { environment: production, risk: low } }`: `plan` and `run` need it, unless the playbook names its own `stages`; `exec` does not; `patchwave init --from-inventory FILE` proposes it for every host
    "#);
    let steps = "steps:\n  - pause: 1s\n";
    desk.write("staged.yml", &format!("rollout: {{ stages: [{{ hosts: web }}] }}\n{steps}"));
    desk.run("plan staged.yml -i inv.yml").ended(0).never_says(&["environment"]);
    desk.write("play.yml", steps);
    desk.run("plan play.yml -i inv.yml").ended(2).says(&["2 hosts have neither `environment` nor `risk`: web[1-2]"]);
    desk.write("one.yml", "web: { hosts: { web1: } }\n");
    desk.run("inventory check -i one.yml").ended(0).says(&["1 host in 1 group\n"]);
}

#[test]
fn hosts_of_a_pattern() {
    insta::assert_snapshot!(desk().run("inventory hosts -i inv.yml 'web:!web2*:&web'").page(), @r#"
    exit code 0
    -- stdout
    web1.example.com
    web3.example.com
    "#);
}

#[test]
fn the_tree() {
    insta::assert_snapshot!(desk().run("inventory graph -i inv.yml").page(), @r#"
    exit code 0
    -- stdout
    @all:
      |--@ungrouped:
      |--@web:
      |  |--web1.example.com
      |  |--web2.example.com
      |  |--web3.example.com
      |--@db:
      |  |--db1.example.com
    "#);
}

#[test]
fn the_list_masks_secrets() {
    insta::assert_snapshot!(desk().run("inventory list -i inv.yml").page(), @r#"
    exit code 0
    -- stdout
    {
      "_meta": {
        "hostvars": {
          "web1.example.com": {
            "ansible_user": "ops",
            "ansible_become_password": "***",
            "patchwave": {
              "environment": "production",
              "risk": "low"
            }
          },
          "web2.example.com": {
            "ansible_user": "ops",
            "ansible_become_password": "***",
            "patchwave": {
              "environment": "production",
              "risk": "low"
            }
          },
          "web3.example.com": {
            "ansible_user": "ops",
            "ansible_become_password": "***",
            "patchwave": {
              "environment": "production",
              "risk": "low"
            }
          },
          "db1.example.com": {
            "ansible_user": "ops",
            "ansible_become_password": "***",
            "patchwave": {
              "environment": "production",
              "risk": "critical"
            },
            "ansible_port": 22
          }
        }
      },
      "all": {
        "children": [
          "ungrouped",
          "web",
          "db"
        ]
      },
      "web": {
        "hosts": [
          "web1.example.com",
          "web2.example.com",
          "web3.example.com"
        ]
      },
      "db": {
        "hosts": [
          "db1.example.com"
        ]
      }
    }
    "#);
}

#[test]
fn the_list_in_ansibles_form_is_sorted_and_complete() {
    let said = desk().run("inventory list -i inv.yml --json --ansible").ended(0);
    let list: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(list["_meta"]["profile"], "inventory_legacy");
    assert_eq!(list["_meta"]["hostvars"]["web1.example.com"]["ansible_become_password"], "***");
    let keys: Vec<&String> = list.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["_meta", "all", "db", "web"]);
    assert!(said.out.starts_with("{\n    \"_meta\": {\n"), "{}", said.out);
}

#[test]
fn every_variable_of_a_host_with_its_place() {
    let desk = desk();
    desk.write("group_vars/db", "note: nine\napi_token: s3cret\n");
    insta::assert_snapshot!(desk.run("inventory show -i inv.yml db1.example.com").page(), @r#"
    exit code 0
    -- stdout
    db1.example.com
      groups: db
      ansible_become_password: "***"
        inv.yml:2:30
      ansible_port: 2222
        inv.yml:10:28
      ansible_user: "ops"
        inv.yml:2:11
      api_token: "***"
        group_vars/db:2:1
      note: "nine"
        group_vars/db:1:1
      patchwave.environment: "production"
        inv.yml:8:28
      patchwave.risk: "critical"
        inv.yml:8:53
    "#);
    desk.run("inventory show -i inv.yml web").ended(2).says(&["`web` means 3 hosts; name one"]);
}

#[test]
fn a_limit_keeps_the_order_of_the_pattern() {
    let desk = Desk::empty();
    desk.write("inv.yml", "a: {hosts: {x1: , x2: }}\nb: {hosts: {x2: , x1: , x3: }}\n");
    desk.run("inventory hosts -i inv.yml --pattern=b --limit=x1,x2").ended(0).prints("x2\nx1\n");
    desk.run("inventory hosts -i inv.yml --limit=x2,x1").ended(0).prints("x1\nx2\n");
    desk.run("inventory hosts -i inv.yml a --limit=x3").ended(2).says(&["--limit x3 leaves none of these hosts"]);
}

#[test]
fn a_program_is_run_with_a_deadline_and_its_errors_are_shown() {
    let desk = Desk::empty();
    let inventory = desk.program(
        "inv.sh",
        "#!/bin/sh\necho careful >&2\n[ \"$1\" = --list ] && echo '{\"web\": {\"hosts\": [\"web1\"]}, \"_meta\": {\"hostvars\": {\"web1\": {\"a\": 1}}}}'\n",
    );
    let said = desk.run(&format!("inventory list -i {} --ansible", inventory.display())).ended(0);
    assert!(said.out.contains("\"a\": 1") && said.err.contains("careful"), "{said:?}");
    let broken = desk.program("broken.sh", "#!/bin/sh\necho no API >&2\nexit 3\n");
    let said = desk.run(&format!("inventory hosts -i {}", broken.display())).ended(2);
    assert!(said.err.contains("ended with exit code 3; it says:\nno API"), "{}", said.err);
    let chatty = desk.program("chatty.sh", "#!/bin/sh\necho starting\necho '{}'\n");
    desk.run(&format!("inventory hosts -i {}", chatty.display())).ended(2).says(&["this is not JSON"]);
}

#[test]
fn what_ansible_only_warns_about_is_refused_or_a_warning() {
    let desk = Desk::empty();
    desk.write("inv.yml", "web:\n  hots: {web1: }\n  hosts: {web2: }\n");
    desk.run("inventory hosts -i inv.yml").ended(2).says(&["inv.yml:2:3: unknown key `hots` in group `web`"]);
    let said = desk.run("inventory hosts -i inv.yml --lenient").ended(0);
    assert!(said.out == "web2\n" && said.err.contains("warning: ") && said.err.contains("`hots`"), "{said:?}");
    let bad = desk.write("bad", "[web]\nweb1 x\n");
    let line = format!("inventory hosts -i inv.yml -i {} --lenient all", bad.display());
    desk.run(&line.replace("inv.yml", "ok.yml")).ended(2);
    desk.write("inv.yml", "web: {hosts: {web2: }}\n");
    desk.run(&line).ended(0).prints("web2\n");
}

#[test]
fn variables_beside_the_playbook_win_over_those_beside_the_inventory() {
    let desk = Desk::empty();
    desk.write("inv/inv.yml", "web: {hosts: {web1: {patchwave: {environment: production, risk: low}}}}\n");
    desk.write("inv/group_vars/web.yml", "a: inventory\n");
    desk.write("play/group_vars/web.yml", "a: playbook\n");
    desk.write("play/play.yml", "steps:\n  - precheck: { fail: \"{{ a }}\" }\n");
    desk.write("group_vars/web.yml", "a: here\n");
    desk.run("inventory list -i inv/inv.yml").ended(0).says(&["\"a\": \"here\""]);
}

#[test]
fn hosts_that_are_not_reached_over_ssh_are_skipped() {
    let mut desk = Desk::empty();
    desk.columns = Some(120);
    desk.write(
        "inv.yml",
        "all: {vars: {patchwave: {environment: production, risk: low}}}\nweb: {hosts: {web1: , box: {ansible_connection: local}}}\n",
    );
    desk.write("play.yml", "steps:\n  - pause: 1s\n");
    let reason = "skipped: box: `ansible_connection` is `local`, and patchwave reaches hosts by SSH only";
    desk.run("plan play.yml -i inv.yml").ended(0).says(&["1 host in 1 stage", reason]);
    desk.run("plan play.yml -i inv.yml --limit box").ended(2).says(&[reason, "no selected host is reached over SSH"]);
    desk.run("plan play.yml -i inv.yml --limit localhost").ended(2);
}
