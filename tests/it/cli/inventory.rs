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
        web1: { ansible_connection: winrm }
        web2: { ansible_port: many }
    db:
      hosts: { db1: , db2: }
",
    );
    insta::assert_snapshot!(desk.run("inventory check -i inv.yml").page(), @r#"
    exit code 2
    -- stderr
    warning: 2 hosts have neither `environment` nor `risk`: db[1-2]
      help: in group `db` write `vars: { patchwave: { environment: production, risk: low } }`: `plan` and `run` need it, unless the playbook names its own `stages`; `exec` does not
    error: inv.yml:6:37: host web1: `ansible_connection` is `winrm`, and patchwave reaches hosts by SSH only
      |
    6 |         web1: { ansible_connection: winrm }
      |                                     ^^^^^
      help: leave such hosts out: `--limit 'all:!NAME'`

    inv.yml:7:31: host web2: `ansible_port` is not a port from 1 to 65535
      |
    7 |         web2: { ansible_port: many }
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
      help: in group `web` write `vars: { patchwave: { environment: production, risk: low } }`: `plan` and `run` need it, unless the playbook names its own `stages`; `exec` does not
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
