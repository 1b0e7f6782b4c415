use std::{fs, path::Path};

use serde_json::{Value as Json, json};

use super::super::Inventory;
use crate::{
    amount::Amount,
    host::{HostName, Risk},
    names,
};

fn inventory(text: &str) -> Inventory {
    Inventory::from_text("inv.yml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn error(text: &str) -> String {
    Inventory::from_text("inv.yml", text).expect_err("this must not load").to_string()
}

fn host(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

fn var(inventory: &Inventory, name: &str, var: &str) -> Json {
    inventory.vars(&host(name)).get(var).cloned().unwrap_or(Json::Null)
}

#[test]
fn the_example_of_the_design_loads() {
    let inventory = inventory(
        "
all:
  children:
    production:
      vars:
        patchwave:
          environment: production
          window: { start: '0 2 * * SUN#2', duration: 4h, timezone: Europe/Berlin }
      children:
        edge:
          vars: { patchwave: { risk: low, batch: 50% } }
          hosts:
            edge[01:10].example.com:
        databases:
          vars: { patchwave: { risk: critical, canary: 1, batch: [1, 25%], soak: 10m } }
          hosts:
            db1.example.com: { cluster: a }
            db2.example.com: { cluster: a, patchwave: { risk: high } }
",
    );
    assert_eq!(names::fold(inventory.hosts()), "edge[01-10].example.com,db[1-2].example.com");
    let policy = inventory.policy(&host("db2.example.com"));
    assert_eq!((policy.risk, policy.canary), (Some(Risk::High), Some(1)));
    assert_eq!(policy.batch, Some(vec![Amount::Count(1), Amount::Percent(25)]));
    assert_eq!(policy.environment.unwrap().as_str(), "production");
    assert!(policy.window.is_some());
    let vars = inventory.vars(&host("db2.example.com"));
    assert_eq!(vars["group_names"], json!(["databases", "production"]));
    assert_eq!(vars["inventory_hostname_short"], "db2");
    assert_eq!(vars["patchwave"]["risk"], "high");
    assert_eq!(vars["patchwave"]["environment"], "production");
    assert!(inventory.missing_labels(inventory.hosts()).is_empty());
}

#[test]
fn the_nearest_group_wins_then_priority_then_the_name() {
    let text = "
all: {vars: {v: all, only_all: 1}}
top: {vars: {v: top}, children: {mid: }}
mid: {vars: {v: mid}, hosts: {h1: , h2: {v: host}}}
zz: {vars: {v: zz}, hosts: {h3: }}
aa: {vars: {v: aa}, hosts: {h3: }}
strong: {vars: {v: strong, ansible_group_priority: 10}, hosts: {h4: }}
weak: {vars: {v: weak}, hosts: {h4: }}
";
    let inventory = inventory(text);
    let seen: Vec<Json> = ["h1", "h2", "h3", "h4"].iter().map(|name| var(&inventory, name, "v")).collect();
    assert_eq!(seen, ["mid", "host", "zz", "strong"]);
    assert_eq!(var(&inventory, "h1", "only_all"), 1);
    let extra = json!({"v": "extra", "patchwave": {"risk": "low"}});
    let inventory = inventory.with_extra_vars(extra.as_object().unwrap()).unwrap();
    assert_eq!(var(&inventory, "h2", "v"), "extra");
    assert_eq!(inventory.policy(&host("h2")).risk, Some(Risk::Low));
}

#[test]
fn several_files_and_the_folders_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    let one = write("one.yml", "web: {hosts: {web1: {a: inline}, web2: }, vars: {b: inline, c: inline}}\n");
    let two = write("two.yml", "web: {hosts: {web3: }, vars: {d: two}}\ndb: {hosts: {web1: {a: second}}}\n");
    write("group_vars/all.yml", "b: all file\n");
    write("group_vars/web/10-first.yml", "c: first\n");
    write("group_vars/web/20-second", "c: second\n");
    write("group_vars/web/.hidden.yml", "c: hidden\n");
    write("group_vars/web/readme.md", "not yaml: [\n");
    write("group_vars/db.yml", "$ANSIBLE_VAULT;1.1;AES256\n6133\n");
    write("host_vars/web2.yaml", "a: host file\n");
    let inventory = Inventory::load_files(&[one, two]).unwrap();
    assert_eq!(names::fold(inventory.hosts()), "web[1-3]");
    assert_eq!(var(&inventory, "web1", "a"), "second");
    assert_eq!(var(&inventory, "web2", "a"), "host file");
    // A file for `all` overrides what the inventory says for a group: that is Ansible's order.
    assert_eq!(var(&inventory, "web1", "b"), "all file");
    assert_eq!(var(&inventory, "web1", "c"), "second");
    assert_eq!(var(&inventory, "web3", "d"), "two");
    assert_eq!(inventory.encrypted.len(), 1);
}

#[test]
fn every_problem_is_found_at_once() {
    assert_eq!(
        error(
            "web:\n  hots: {web1: }\n  vars: [1]\ndb:\n  hosts: [db1]\n  vars: {patchwave: {serail: 1, batch: 0, soack: 5m}}\n"
        ),
        "\
inv.yml:2:3: unknown key `hots` in group `web`; did you mean `hosts`?
  |
2 |   hots: {web1: }
  |   ^^^^

inv.yml:3:9: expected variables (a mapping), found a list
  |
3 |   vars: [1]
  |         ^^^

inv.yml:5:10: expected host names (a mapping), found a list
  |
5 |   hosts: [db1]
  |          ^^^^^
  help: write each name as a key, with a colon: `web01:`

inv.yml:6:22: unknown key `serail` in `patchwave`
  |
6 |   vars: {patchwave: {serail: 1, batch: 0, soack: 5m}}
  |                      ^^^^^^
  help: known keys: canary, batch, max_failures, soak, approve, mode, spread, on_budget_spent, window, freezes, environment, risk, host_key_checking, bastion_connections, bastion_handshakes, eol, connect_timeout, handshake_timeout, auth_timeout, escalate_timeout, silence_timeout

inv.yml:6:40: a batch needs at least one host
  |
6 |   vars: {patchwave: {serail: 1, batch: 0, soack: 5m}}
  |                                        ^
  help: 1 is one host at a time, 100% all at once

inv.yml:6:43: unknown key `soack` in `patchwave`; did you mean `soak`?
  |
6 |   vars: {patchwave: {serail: 1, batch: 0, soack: 5m}}
  |                                           ^^^^^

6 problems"
    );
}

#[test]
fn hosts_that_stand_twice_and_groups_that_hold_themselves() {
    // A range, and more about one of its hosts, as in Ansible.
    let more = inventory("web:\n  hosts:\n    web[1:3]: {a: 0}\n    web2: {a: 1}\n");
    assert_eq!(["web1", "web2"].map(|name| var(&more, name, "a")), [json!(0), json!(1)]);
    assert!(error("web: {hosts: {a: , a: }}\n").contains("inv.yml:1:20: duplicate key `a`"));
    assert_eq!(
        error("a: {children: {b: }}\nb:\n  children:\n    c:\n      children:\n        a:\n"),
        "\
inv.yml:6:9: a group contains itself: `a` contains `b` contains `c` contains `a`
  |
6 |         a:
  |         ^
  help: remove one of these `children` entries"
    );
    assert!(error("a: {children: {a: }}\n").contains("a group contains itself: `a` contains `a`"));
    assert!(error("a: {children: {all: }}\n").contains("`all` contains every group and cannot be inside one"));
}

#[test]
fn other_bad_inventories() {
    for (text, expected) in [
        ("", "inv.yml:1:1: this inventory is empty"),
        ("- a\n", "expected groups (a mapping), found a list"),
        (
            "plugin: aws_ec2\nregions: [x]\n",
            "inv.yml:1:1: this configures the inventory plugin `aws_ec2`; plugins are not run",
        ),
        ("web: web1\n", "expected a mapping (group `web`), found a text"),
        ("web: {hosts: {web1: 5}}\n", "expected the variables of host `web1` (a mapping), found a number"),
        ("web: {hosts: {'a b': }}\n", "\"a b\" is not a host name"),
        ("web: {hosts: {'web[1:99999999]': }}\n", "this range has more than 1000000 hosts"),
        ("web: {hosts: {'w[1:600000]': , 'x[1:600000]': }}\n", "this inventory has more than 1000000 hosts"),
        ("'a,b': {}\n", "`a,b` cannot be the name of a group"),
        ("web: {vars: {ansible_group_priority: x}}\n", "expected a whole number, found a text"),
        ("web: [\n", "this is not YAML"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text:?} gave {error}");
    }
}

#[test]
fn files_that_are_no_inventory_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("hosts"), "# x\n[web]\nweb1 a b=1\n").unwrap();
    fs::write(path("latin.yml"), b"web:\n  hosts: {\xe4: }\n").unwrap();
    fs::write(path("run.py"), "#!/usr/bin/python3\n").unwrap();
    fs::write(path("inv.prod"), "web:\n  hosts: {web1: }\n").unwrap();
    fs::create_dir(path("dir")).unwrap();
    let names = ["missing.yml", "hosts", "latin.yml", "run.py", "dir", "inv.prod"];
    let problems = Inventory::load_files(&names.map(path)).unwrap_err().to_string();
    let folder = folder.path().display();
    assert_eq!(
        problems,
        format!(
            "\
{folder}/missing.yml: there is no such file

{folder}/latin.yml: line 2 is not UTF-8 text (byte 15 of the file)
  help: convert it: `iconv -f latin1 -t utf-8`

{folder}/run.py: this is not an inventory
  help: make it executable if it is a program that prints an inventory: `chmod +x FILE`

{folder}/dir: no file in this folder is an inventory

{folder}/inv.prod: this is a YAML inventory, but its name says that it is INI
  help: rename it: Ansible reads YAML from files that end with .yml, .yaml or .json, or have no ending

{folder}/hosts:3:6: `name=value` is expected after a host
  |
3 | web1 a b=1
  |      ^
  help: put the value into quotes if it has blanks: `name=\"two words\"`

6 problems"
        )
    );
}

#[test]
fn a_port_in_a_name_is_a_number_below_the_variables() {
    for (entry, port) in [
        ("'web1:2222': ", json!(2222)),
        ("\"web1:0022\": ", json!(22)),
        ("'[web1]:2222': {a: 1}", json!(2222)),
        ("web1: {ansible_port: 9}", json!(9)),
        ("web1: ", json!(null)),
    ] {
        let text = format!("all: {{vars: {{ansible_port: 7}}}}\nweb: {{hosts: {{{entry}}}}}\n");
        let inventory = inventory(&text);
        let expected = if port.is_null() { json!(7) } else { port };
        assert_eq!(var(&inventory, "web1", "ansible_port"), expected, "{entry}");
        let target = inventory.target(&host("web1")).unwrap();
        assert_eq!(target.port.map(Json::from), Some(expected), "{entry}");
    }
}

#[test]
fn one_name_with_two_addresses_is_an_error_that_shows_both() {
    assert_eq!(
        error("slave:\n  hosts:\n    10.0.0.1:1222:\nmaster:\n  hosts:\n    10.0.0.1:9322:\n"),
        "\
inv.yml:3:5: host `10.0.0.1` has one port here and a different one in inv.yml:6
  |
3 |     10.0.0.1:1222:
  |     ^^^^^^^^^^^^^

inv.yml:6:5: host `10.0.0.1` has a different port here than in inv.yml:3
  |
6 |     10.0.0.1:9322:
  |     ^^^^^^^^^^^^^
  help: one name is one host. If these are two machines, give each its own name, and its address as `ansible_host`. If they are one machine, keep one port

2 problems"
    );
    let two =
        |one: &str, other: &str| format!("a: {{hosts: {{{one}}}}}\nb: {{children: {{c: {{hosts: {{{other}}}}}}}}}\n");
    for (one, other, what) in [
        ("'x:1': ", "'x:2': ", "a different port"),
        ("'w[1:9]:1': ", "'w5:2': ", "host `w5` has a different port"),
        ("'w5:2': ", "'w[1:9]:1': ", "host `w5` has a different port"),
        ("'[fe80::1]:1': ", "'[fe80::1]:2': ", "host `fe80::1` has a different port"),
        ("'x:1': ", "x: {ansible_port: 2}", "a different port"),
        ("x: {ansible_ssh_port: 1}", "x: {ansible_port: 2}", "a different port"),
        ("x: {ansible_host: 1.1.1.1}", "x: {ansible_host: 1.1.1.2}", "a different address"),
        ("x: {ansible_host: 1.1.1.1}", "x: {ansible_ssh_host: 1.1.1.2}", "a different address"),
        ("x: {ansible_ssh_common_args: -J a}", "x: {ansible_ssh_common_args: -J b}", "a different route"),
        ("'x:1': {ansible_port: 2}", "y: ", "`x:1` has one port in its name and a different one here"),
    ] {
        let found = error(&two(one, other));
        assert!(found.contains(what), "{one} and {other} gave {found}");
        assert!(one.contains("'x:1': {") || found.contains("inv.yml:1:") && found.contains("inv.yml:2:"), "{found}");
    }
    // One port, given twice or once; and what overrides the other as in Ansible: group, host, files, -e.
    for (one, other) in [
        ("'x:1': ", "'x:1': "),
        ("'x:1': ", "x: {ansible_port: '1'}"),
        ("'x:1': ", "x: "),
        ("x: {ansible_host: a}", "x: {ansible_host: a, ansible_user: u}"),
        ("x: {ansible_user: a}", "x: {ansible_user: b}"),
        ("x: {ansible_port: 1, ansible_ssh_port: 2}", "x: {ansible_ssh_port: 2}"),
        ("x: {ansible_port: }", "x: {ansible_port: 2}"),
    ] {
        inventory(&two(one, other));
    }
}

#[test]
fn a_later_file_says_otherwise_but_for_a_port_in_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let load = |one: &str, two: &str| {
        let paths = ["one.yml", "two.yml"].map(|name| folder.path().join(name));
        fs::write(&paths[0], format!("a: {{hosts: {{{one}}}}}\n")).unwrap();
        fs::write(&paths[1], format!("b: {{hosts: {{{two}}}}}\n")).unwrap();
        Inventory::load_files(&paths)
    };
    let later = load("x: {ansible_host: a, ansible_port: 1}", "x: {ansible_host: b, ansible_port: 2}").unwrap();
    let target = later.target(&host("x")).unwrap();
    assert_eq!((target.address.as_str(), target.port), ("b", Some(2)));
    let problems = load("'x:1': ", "'x:2': ").unwrap_err().to_string();
    assert!(problems.contains("one.yml:1") && problems.contains("two.yml:1"), "{problems}");
}

#[test]
fn a_name_may_hold_the_login() {
    let found = inventory("web: {hosts: {root@web1: , 'ops@web2': {ansible_user: me}, 'a@b': {ansible_host: c@d}}}\n");
    let way = |name: &str| {
        let target = found.target(&host(name)).unwrap();
        (target.address, target.user.unwrap_or_default())
    };
    // As `ssh root@web1` and `ssh -o User=me ops@web2`, which is what Ansible starts.
    assert_eq!(way("root@web1"), ("web1".into(), "root".into()));
    assert_eq!(way("ops@web2"), ("web2".into(), "me".into()));
    assert_eq!(way("a@b"), ("d".into(), "c".into()));
    for name in ["web1:0", "web1:70000", "root@web1:22", "[1:3]:22"] {
        assert!(error(&format!("web: {{hosts: {{'{name}': }}}}\n")).contains("inv.yml:1:"), "{name}");
    }
}

#[test]
fn hosts_without_labels_are_named_together() {
    let inventory = inventory(
        "web: {hosts: 'web[0001:1000]'}\ndb: {vars: {patchwave: {environment: production}}, hosts: {db1: }}\n",
    );
    assert_eq!(
        inventory.missing_labels(inventory.hosts()).to_string(),
        "\
1000 hosts have neither `environment` nor `risk`: web[0001-1000]
  help: in group `web` write `vars: { patchwave: { environment: production, risk: low } }`

host db1 has no `risk`
  help: in group `db` write `vars: { patchwave: { risk: low } }`

2 problems"
    );
}

#[test]
fn an_inventory_that_was_published_by_a_project_means_the_same() {
    // The structure of pyinfra's `inventory_ansible.yml` (MIT), and what `ansible-inventory` makes of it.
    let inventory = inventory(
        "all: {hosts: {mail.example.com: }, children: {webservers: {hosts: {foo.example.com: , bar.example.com: }}, \
         dbservers: {hosts: {one.example.com: , two.example.com: , three.example.com: }}}}\n",
    );
    assert_eq!(
        inventory.graph_text(),
        "\
@all:
  |--@ungrouped:
  |  |--mail.example.com
  |--@webservers:
  |  |--foo.example.com
  |  |--bar.example.com
  |--@dbservers:
  |  |--one.example.com
  |  |--two.example.com
  |  |--three.example.com
"
    );
}

#[test]
fn lists_mask_secrets() {
    let inventory = inventory(
        "web:\n  hosts:\n    web1:\n      ansible_password: hunter2\n      db: {api_token: x, port: 1}\n      v: !vault |\n        $ANSIBLE_VAULT;1.1\n",
    );
    assert_eq!(
        inventory.list_json(),
        json!({
            "_meta": {"hostvars": {"web1": {"ansible_password": "***", "db": {"api_token": "***", "port": 1}, "v": "***"}}},
            "all": {"children": ["ungrouped", "web"]},
            "web": {"hosts": ["web1"]},
        })
    );
    assert_eq!(inventory.summary_text(), "1 host in 1 group\n  no environment/no risk: 1\n");
}

#[test]
fn the_examples_load_and_every_host_has_its_labels() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories");
    for (name, hosts) in [("office.yml", 6), ("production.yml", 41), ("fleet.yml", 500)] {
        let inventory = Inventory::load_files(&[folder.join(name)]).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(inventory.hosts().len(), hosts, "{name}");
        assert_eq!(inventory.missing_labels(inventory.hosts()).to_string(), "", "{name}");
        assert_eq!(inventory.targets(inventory.hosts()).map(|targets| targets.len()), Ok(hosts), "{name}");
    }
}

#[test]
fn extra_variables_are_checked_like_a_file() {
    let inventory = inventory("web: {hosts: {web1: }}\n");
    let extra = json!({"patchwave": {"risk": "hgih"}});
    assert_eq!(
        inventory.with_extra_vars(extra.as_object().unwrap()).unwrap_err().to_string(),
        "\
-e:1:22: `hgih` is not a valid value; did you mean `high`?
  |
1 | {\"patchwave\":{\"risk\":\"hgih\"}}
  |                      ^^^^^^
  help: use one of: low, medium, high, critical"
    );
    assert_eq!(
        Inventory::load_files(&[]).unwrap_err().to_string(),
        "no inventory was given\n  help: name one with `-i inventories/production.yml`"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_panics(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "all", "web", "hosts", "children", "vars", "patchwave", "ungrouped", "web[1:3]", "risk", "low", "{", "}", "[",
                "]", ": ", ", ", "\n", "\n  ", "\n    ", "- ", "*a", "&a ", "<<", "!vault ", "'", "1", "-1", "ansible_port",
            ]),
            0..40,
        )
    ) {
        if let Ok(inventory) = Inventory::from_text("p.yml", &words.concat()) {
            let _ = inventory.targets(inventory.hosts());
            let _ = (inventory.list_json(), inventory.graph_text(), inventory.missing_labels(inventory.hosts()));
        }
    }
}
