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
    error: 2 hosts have neither `environment` nor `risk`: db[1-2]
      help: in group `db` write `vars: { patchwave: { environment: production, risk: low } }`

    inv.yml:6:37: host web1: `ansible_connection` is `winrm`, and patchwave reaches hosts by SSH only
      |
    6 |         web1: { ansible_connection: winrm }
      |                                     ^^^^^
      help: leave such hosts out: `--limit 'all:!NAME'`

    inv.yml:7:31: host web2: `ansible_port` is not a port from 1 to 65535
      |
    7 |         web2: { ansible_port: many }
      |                               ^^^^

    3 problems
    "#);
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
