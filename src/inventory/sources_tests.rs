use std::{cell::RefCell, collections::HashMap};

use serde_json::json;

use super::*;
use crate::{host::HostName, names};

fn ini(text: &str) -> Result<Inventory, String> {
    Inventory::from_text("hosts", text).map_err(|problems| problems.to_string())
}

fn var(inventory: &Inventory, host: &str, name: &str) -> serde_json::Value {
    inventory.vars(&HostName::new(host).unwrap())[name].clone()
}

#[test]
fn an_ini_inventory_means_what_it_means_to_ansible() {
    let text = "\
; a comment
alone
[web]   # the front
web[1:3:2] http_port=80 note='two words' list='[1, \"a\"]'
web1 http_port=8080
db1:2222

[web:vars]
region = eu # west
port=0644
on=True

[all:vars]
region=none

[site:children]
web
db
[db]
db1
";
    let inventory = ini(text).unwrap();
    assert_eq!(names::fold(inventory.hosts()), "alone,web[1,3],db1");
    assert_eq!(var(&inventory, "web3", "http_port"), 80);
    assert_eq!(var(&inventory, "web1", "http_port"), 8080);
    assert_eq!(var(&inventory, "web1", "note"), "two words");
    assert_eq!(var(&inventory, "web1", "list"), json!([1, "a"]));
    assert_eq!(var(&inventory, "web1", "region"), "eu # west");
    assert_eq!(var(&inventory, "web1", "port"), "0644");
    assert_eq!(var(&inventory, "web1", "on"), true);
    assert_eq!(var(&inventory, "alone", "region"), "none");
    assert_eq!(var(&inventory, "db1", "ansible_port"), 2222);
    assert_eq!(var(&inventory, "db1", "group_names"), json!(["db", "site", "web"]));
}

#[test]
fn every_bad_line_is_named_and_no_secret_is_shown() {
    for (text, expected) in [
        ("[web]\nweb1 x\n", "hosts:2:6: `name=value` is expected after a host"),
        ("[web]\nweb1 ansible_password=my hunter2\n", "hosts:2:26: `name=value` is expected"),
        ("[web]\nweb1 a='x\n", "hosts:2:8: this quote is never closed"),
        ("[web:hots]\n", "hosts:1:6: a section cannot be of the kind `hots`"),
        ("[my web]\n", "hosts:1:1: this is not a valid section"),
        ("[web:vars]\na=1\n", "hosts:1:2: `web` has variables, but no section declares the group"),
        ("[site:children]\nweb\n[wbe]\nx\n", "hosts:2:1: no section declares the group `web`"),
        ("[site:children]\na b\n", "hosts:2:1: the name of a group is expected here"),
        ("[web]\nx\n[web:vars]\nno value\n", "hosts:4:1: `name = value` is expected here"),
        ("[web]\nweb1:\n", "hosts:2:1: a host cannot end with a colon"),
        ("---\n[web]\n", "`---` is not a host"),
        ("[a:children]\na\n", "a group contains itself: `a` contains `a`"),
        ("[web]\nweb[3:1]\n", "the range `[3:1]` ends before it begins"),
    ] {
        let error = ini(text).map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_folder_is_read_in_ansibles_order_without_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("inv/10-web", "[web]\nweb1 a=first b=first\n");
    write("inv/20-more.yml", "web: {hosts: {web1: {a: second}}}\n");
    write("inv/sub/30.json", "{\"db\": {\"hosts\": {\"db1\": {\"x\": 1e1}}}}");
    write("inv/sub/group_vars/db", "x: not read\n");
    write("inv/40.toml", "[mail.hosts.'mail[1:2]']\na = 5\n[mail.vars]\nb = true\n");
    write("inv/group_vars/web", "c: beside\n");
    for ignored in [".hidden", "README.md", "old.bak", "x.cfg", "notes.txt", "x.retry", "gone~"] {
        write(&format!("inv/{ignored}"), "[\n");
    }
    let inventory = Inventory::load_files(&[folder.path().join("inv")]).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(names::fold(inventory.hosts()), "web1,mail[1-2],db1");
    assert_eq!(var(&inventory, "web1", "a"), "second");
    assert_eq!(var(&inventory, "web1", "c"), "beside");
    assert_eq!(var(&inventory, "db1", "x"), 10.0);
    assert_eq!((var(&inventory, "mail2", "a"), var(&inventory, "mail2", "b")), (json!(5), json!(true)));
    write("inv/50", "[web]\nx y\n");
    let error = Inventory::load_files(&[folder.path().join("inv")]).unwrap_err().to_string();
    assert!(error.contains("inv/50:2:3: "), "{error}");
}

#[test]
fn files_of_a_later_source_win_group_by_group() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    let one = write("one/hosts", "[child]\nh1\n[parent:children]\nchild\n");
    let two = write("two/hosts", "[other]\nh2\n");
    write("one/group_vars/child", "v: child of the first\n");
    write("two/group_vars/parent", "v: parent of the second\n");
    let play = write("play/group_vars/all", "v: all\nw: all beside the playbook\n").parent().unwrap().to_owned();
    let paths = [one, two];
    let inventory = Inventory::load_files(&paths).unwrap();
    assert_eq!(var(&inventory, "h1", "v"), "parent of the second");
    let sources = Sources {
        inventories: &paths,
        beside: play.parent(),
        lenient: false,
        programs: &NoPrograms,
        vault: Default::default(),
    };
    let inventory = Inventory::load(&sources).unwrap();
    // Files for `all` are below those of other groups, wherever they are.
    assert_eq!(var(&inventory, "h1", "v"), "parent of the second");
    assert_eq!(var(&inventory, "h1", "w"), "all beside the playbook");
    // One folder by two names is read once.
    write("one/group_vars/all", "v: [\n");
    let again = folder.path().join("one/../one");
    let sources = Sources { beside: Some(&again), inventories: &paths[..1], ..sources };
    assert_eq!(Inventory::load(&sources).unwrap_err().0.len(), 1);
}

#[test]
fn a_list_of_hosts_stands_for_a_file() {
    let list = |text: &str| Inventory::load_files(&[PathBuf::from(text)]).map_err(|problems| problems.to_string());
    let inventory = list("web2, web1:2222,[2001:db8::1]:22,").unwrap();
    let names: Vec<&str> = inventory.hosts().iter().map(HostName::as_str).collect();
    assert_eq!(names, ["web2", "web1", "2001:db8::1"]);
    assert_eq!(var(&inventory, "web1", "ansible_port"), 2222);
    assert!(list("web[1:3],").unwrap_err().contains("-i:1:1: a list of hosts has no ranges"));
    assert!(list("web1,-x").unwrap_err().contains("-i:1:6: "));
}

/// Programs by their arguments.
struct Fake {
    says: HashMap<&'static str, &'static str>,
    asked: RefCell<Vec<String>>,
}

impl Programs for Fake {
    fn output(&self, _program: &Path, arguments: &[&str]) -> Result<Printed, String> {
        let line = arguments.join(" ");
        self.asked.borrow_mut().push(line.clone());
        let out = self.says.get(line.as_str()).ok_or("ended with exit code 1")?;
        Ok(Printed { out: out.as_bytes().to_vec(), err: "a warning\n".to_owned() })
    }
}

/// Loads an executable file whose output is as given.
fn script(says: &[(&'static str, &'static str)]) -> (Result<Inventory, String>, Vec<String>) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.py");
    fs::write(&path, "#!/bin/false\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let fake = Fake { says: says.iter().copied().collect(), asked: RefCell::default() };
    let sources =
        Sources { inventories: &[path], beside: None, lenient: false, programs: &fake, vault: Default::default() };
    let loaded = Inventory::load(&sources).map_err(|problems| problems.to_string());
    (loaded, fake.asked.into_inner())
}

#[test]
fn a_program_gives_groups_and_variables() {
    let list = r#"{"web": {"hosts": ["web1", "web[1:2]x"], "vars": {"a": 1}, "children": ["sub"]},
        "sub": ["db1"], "lone": {"b": 2}, "_meta": {"hostvars": {"db1": {"c": 3}, "stranger": {}}}}"#;
    let (inventory, asked) = script(&[("--list", list)]);
    assert!(inventory.unwrap_err().contains("\"web[1:2]x\" is not a host name"), "there are no ranges in it");
    assert_eq!(asked, ["--list"]);
    let list = r#"{"web": {"hosts": ["web1"], "vars": {"a": 1}, "children": ["sub"]},
        "sub": ["db1"], "lone": {"b": 2}, "_meta": {"hostvars": {"db1": {"c": 3}, "stranger": {}}}}"#;
    let (inventory, _) = script(&[("--list", list)]);
    let inventory = inventory.unwrap();
    assert_eq!(names::fold(inventory.hosts()), "web1,lone,db1");
    assert_eq!((var(&inventory, "db1", "a"), var(&inventory, "db1", "c")), (json!(1), json!(3)));
    assert_eq!(var(&inventory, "lone", "b"), 2);
    assert!(inventory.warnings().to_string().contains("inventory.py --list says:\na warning"));
    // Without `_meta`, each host is asked for.
    let (inventory, asked) =
        script(&[("--list", r#"{"web": ["web2", "web1"]}"#), ("--host web1", "{\"a\": 1}"), ("--host web2", "")]);
    assert_eq!(var(&inventory.unwrap(), "web1", "a"), 1);
    assert_eq!(asked, ["--list", "--host web2", "--host web1"]);
}

#[test]
fn output_of_a_program_that_is_no_inventory_is_refused() {
    for (list, expected) in [
        ("", "this is not JSON"),
        ("web: {}", "this is not JSON"),
        ("[1]", "expected groups (an object), found a list"),
        (r#"{"web": 5}"#, "group `web` must be an object or a list of hosts"),
        (r#"{"web": {"hosts": "web1"}}"#, "`hosts` of group `web` must be a list"),
        (r#"{"web": {"hosts": [1]}}"#, "the name of a host must be a text"),
        (r#"{"web": {"vars": []}}"#, "`vars` of group `web` must be an object"),
        (r#"{"web": ["web1"], "_meta": {}}"#, "`_meta` needs `hostvars`"),
        (r#"{"web": ["web1"]}"#, "--host web1: ended with exit code 1"),
    ] {
        let error = script(&[("--list", list)]).0.map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{list}: {error}");
    }
    assert!(script(&[]).0.unwrap_err().contains("inventory.py --list: ended with exit code 1"));
}

#[test]
fn leniently_a_bad_source_is_left_out_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let paths = [
        write("good", "[web]\nweb1\n"),
        write("bad", "[web]\nweb2 x\n"),
        write("plugin.yml", "plugin: aws_ec2\n"),
        write("keys.yml", "web: {hots: {}, hosts: {web3: }}\n"),
        folder.path().join("missing"),
    ];
    let load = |lenient| {
        Inventory::load(&Sources {
            inventories: &paths,
            beside: None,
            lenient,
            programs: &NoPrograms,
            vault: Default::default(),
        })
    };
    assert_eq!(load(false).unwrap_err().0.len(), 4);
    let inventory = load(true).unwrap();
    assert_eq!(names::fold(inventory.hosts()), "web[1,3]");
    assert_eq!(inventory.warnings().0.len(), 4);
    // Our own variable is never read leniently.
    let own = [write("own.yml", "web: {hosts: {web1: {patchwave: {rsik: low}}}}\n")];
    let sources =
        Sources { inventories: &own, beside: None, lenient: true, programs: &NoPrograms, vault: Default::default() };
    assert!(Inventory::load(&sources).unwrap_err().to_string().contains("unknown key `rsik`"));
}

#[test]
fn the_place_of_the_inventory_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts");
    fs::write(&path, "web1 ansible_ssh_private_key_file={{inventory_dir}}/key\n").unwrap();
    let inventory = Inventory::load_files(&[path]).unwrap();
    let target = inventory.target(&HostName::new("web1").unwrap()).unwrap();
    assert_eq!(target.key_file, Some(folder.path().join("key")));
}

proptest::proptest! {
    #[test]
    fn no_text_of_any_kind_panics(
        kind in 0usize..4,
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "[web]", "[web:vars]", "[a:children]", "web", "web1", "=", "'", "\"", "\\", "#", "\n", " ", "[1:3]", "{", "}",
                "[", "]", ",", ":", "1", "0x", "None", "\"hosts\"", "\"_meta\"", "\"hostvars\"", "web.hosts", "\u{e4}", "(", ")",
            ]),
            0..40,
        )
    ) {
        let name = ["hosts", "p.toml", "p.json", "p.out"][kind];
        if let Ok(inventory) = Inventory::from_text(name, &words.concat()) {
            let _ = (inventory.list_json(), inventory.graph_text(), inventory.targets(inventory.hosts()).is_ok());
        }
    }
}
