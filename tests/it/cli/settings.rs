//! What need not be typed each time: `patchwave.yml`, `ansible.cfg` and the environment variables of Ansible.

use std::os::unix::fs::PermissionsExt as _;

use patchwave::cli::args::SchemaOf;

use crate::support::{
    case::{Case, Site},
    cli::{Desk, Said},
};

/// Two hosts, and a folder of the project below the one with its settings.
fn project(settings: &str) -> Site {
    let site = Case::hosts(2).play("name: Quick\nsteps:\n  - command: 'true'\n").site();
    site.write("patchwave.yml", settings);
    site.write("deep/er/.keep", "");
    site
}

/// The real program in another folder or with more variables.
fn really(desk: &Desk, folder: &str, env: &[(&str, &str)], line: &str) -> Said {
    let mut command = desk.command(line);
    command.current_dir(desk.folder().join(folder)).envs(env.iter().copied());
    desk.started(command).end()
}

#[test]
fn the_settings_of_a_project_are_found_from_below_and_each_command_says_what_it_took() {
    let site =
        project("inventory: inv.yml\nforks: 7\naliases: { wave: run ../../play.yml, up: [exec, all, --, uptime] }\n");
    let said = really(&site, "deep/er", &[], "inventory hosts").ended(0);
    assert_eq!(said.out, "web001.test\nweb002.test\n");
    let path = site.folder().join("patchwave.yml").display().to_string();
    let inventory = site.folder().join("inv.yml").display().to_string();
    assert_eq!(said.err.replace(&path, "P").replace(&inventory, "I"), "from P: inventory I\n");
    let run = really(&site, "deep/er", &[], "wave").ended(0);
    assert!(run.err.contains("inventory") && run.err.contains("forks 7"), "{}", run.err);
    // What is typed wins, and is not said to come from a file.
    let typed = site.run("plan play.yml -i inv.yml").ended(0);
    assert!(!typed.err.contains("from patchwave.yml"), "{}", typed.err);
    // The options of a resumed run are those of the run.
    let id = site.last_run();
    site.write("patchwave.yml", "inventory: inv.yml\nforks: 9\n");
    let resumed = site.run(&format!("resume {id}")).ended(0);
    assert!(!resumed.err.contains("forks"), "{}", resumed.err);
    site.run("inventory hosts").ended(0).says(&["from patchwave.yml: inventory inv.yml"]);
    site.run("run --help").ended(0).says(&["[default: 9]"]);
}

#[test]
fn a_file_that_does_not_load_is_an_error_with_its_place_where_it_counts() {
    for (text, expected) in [
        (
            "inventroy: inv.yml\n",
            "patchwave.yml:1:1: unknown key `inventroy` in patchwave.yml; did you mean `inventory`?",
        ),
        ("forks: many\n", "patchwave.yml:1:8: expected a whole number"),
        ("forks: 0\n", "patchwave.yml:1:8:"),
        ("inventory: ''\n", "this is empty"),
        ("aliases: { run: exec all }\n", "`run` is a command, so an alias cannot have this name"),
        ("aliases: { a: b, b: run x }\n", "the alias `a` does not begin with a command of patchwave"),
        ("aliases: { a b: run x }\n", "cannot be the name of an alias"),
        ("aliases: { a: \"run 'x\" }\n", "a quote is not closed"),
        ("[1, 2]\n", "expected a mapping (patchwave.yml)"),
        ("inventory: [\n", "patchwave.yml:"),
    ] {
        let site = project(text);
        site.run("plan play.yml -i inv.yml").ended(2).says(&[expected]);
        // At 02:00 the record can still be read, and help is help.
        site.run("runs").ended(0);
        site.run("--help").ended(0).prints(&site.run("--help").out);
    }
    let site = project("");
    site.run("inventory hosts").ended(2).says(&["--inventory <FILE>", "`inventory:` in the project's patchwave.yml"]);
}

#[test]
fn a_file_that_anybody_may_write_is_not_read() {
    let site = project("inventory: inv.yml\n");
    site.run("inventory hosts").ended(0);
    let open = |name: &str, mode: u32| {
        let path = site.folder().join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open("patchwave.yml", 0o666);
    site.run("inventory hosts")
        .ended(2)
        .says(&["patchwave.yml is not read, because anybody may write to patchwave.yml"]);
    open("patchwave.yml", 0o644);
    open(".", 0o777);
    site.run("inventory hosts").ended(2).says(&["is not read, because anybody may write to . (chmod o-w)"]);
    site.run("inventory hosts -i inv.yml").ended(0).says(&["warning: patchwave.yml is not read"]);
    open(".", 0o755);
    site.run("inventory hosts").ended(0);
}

#[test]
fn ansible_cfg_is_read_as_ansible_searches_it() {
    let site = Case::hosts(2).site();
    let cfg = "[defaults]\ninventory = inv.yml ; the only one\nforks = 12\ntimeout = 9\nnocows = 1\n\
               [privilege_escalation]\nbecome_method = sudo\n[ssh_connection]\nssh_args = -o ForwardAgent=yes\n";
    site.write("ansible.cfg", cfg);
    let said = site.run("inventory hosts").ended(0).says(&["from ansible.cfg: inventory inv.yml"]);
    assert_eq!(said.out, "web001.test\nweb002.test\n");
    site.run("exec all -- true").ended(0).says(&["inventory inv.yml, forks 12, connect timeout"]);
    site.run("inventory check").ended(0).says(&[
        "note: ansible.cfg: [defaults] nocows has no meaning here",
        "from ansible.cfg: inventory inv.yml, become method sudo, ssh args",
    ]);
    // Environment over file, project over both.
    let env = [("ANSIBLE_FORKS", "3"), ("ANSIBLE_INVENTORY", "inv.yml, inv.yml")];
    let said = really(&site, ".", &env, "inventory check").ended(0);
    assert!(said.err.contains("from ANSIBLE_INVENTORY: inventory inv.yml inv.yml"), "{}", said.err);
    site.write("patchwave.yml", "inventory: inv.yml\n");
    let said = really(&site, ".", &env, "exec all -- true").ended(0);
    for part in
        ["from patchwave.yml: inventory inv.yml", "from ANSIBLE_FORKS: forks 3", "from ansible.cfg: connect timeout 9s"]
    {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    std::fs::remove_file(site.folder().join("patchwave.yml")).unwrap();
    // The search: the variable, the current folder, the home folder.
    site.write("other/ansible.cfg", "[defaults]\ninventory = ../inv.yml\n");
    let env = [("ANSIBLE_CONFIG", "other")];
    really(&site, ".", &env, "inventory hosts").ended(0).says(&["from other/ansible.cfg: inventory"]);
    std::fs::remove_file(site.folder().join("ansible.cfg")).unwrap();
    site.write("home/.ansible.cfg", "[defaults]\ninventory = ~/mine\n");
    site.write("home/mine", "[web]\nweb5\n");
    let home = site.folder().join("home").display().to_string();
    let said = really(&site, ".", &[("HOME", &home)], "inventory hosts").ended(0);
    assert_eq!(said.out, "web5\n");
    for (text, expected) in [
        ("forks = 5\n", "ansible.cfg:1:1: a setting before the first section"),
        ("[defaults]\nforks = many\n", "ansible.cfg:2:1: [defaults] forks: expected a number from 1 to 100000"),
        ("[defaults]\nhost_key_checking = perhaps\n", "expected True or False"),
    ] {
        site.write("ansible.cfg", text);
        site.run("inventory hosts -i inv.yml").ended(2).says(&[expected]);
    }
    site.write("ansible.cfg", "[defaults]\nhost_key_checking = False\n");
    site.run("exec -i inv.yml all -- true").ended(0).says(&["from ansible.cfg: host keys accept-new"]);
}

#[test]
fn the_stricter_of_two_places_is_not_undone_by_the_weaker_one() {
    let site = Case::hosts(1).site();
    let checks = |env: &[(&str, &str)]| really(&site, ".", env, "exec -i inv.yml all -- true").ended(0).err;
    site.write("ansible.cfg", "[defaults]\nhost_key_checking = False\n");
    let strict = checks(&[("ANSIBLE_HOST_KEY_CHECKING", "True")]);
    assert!(
        strict.contains("from ANSIBLE_HOST_KEY_CHECKING: host keys strict") && !strict.contains("accept"),
        "{strict}"
    );
    site.write("ansible.cfg", "[defaults]\nhost_key_checking = False\n[ssh_connection]\nhost_key_checking = True\n");
    let strict = checks(&[]);
    assert!(strict.contains("host keys strict") && !strict.contains("accept"), "{strict}");
    let said = really(&site, ".", &[("ANSIBLE_FORKS", "abc")], "exec -i inv.yml all -- true");
    said.ended(2).says(&["ANSIBLE_FORKS: expected a number from 1 to 100000"]);
    // A file in a folder that anybody may write to is passed over, and the next one is read.
    site.write("open/ansible.cfg", "[defaults]\nforks = 2\n");
    site.write("home/.ansible.cfg", "[defaults]\nforks = 3\nprivate_key_file = $KEYS/${WHICH}_rsa\n");
    let mode = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(site.folder().join("open"), mode).unwrap();
    let home = site.folder().join("home").display().to_string();
    let env = [("HOME", home.as_str()), ("KEYS", "/keys"), ("WHICH", "lab")];
    let said = really(&site, "open", &env, "inventory check -i ../inv.yml").err;
    assert!(said.contains("warning: ansible.cfg is not read"), "{said}");
    let said = really(&site, "open", &env, "exec -i ../inv.yml all --help").ended(0).out;
    assert!(said.contains("[default: 3]") && said.contains("[default: /keys/lab_rsa]"), "{said}");
    let fifo = site.folder().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    really(&site, ".", &[("ANSIBLE_CONFIG", "fifo")], "exec -i inv.yml all -- true").ended(2).says(&["fifo"]);
}

#[test]
fn the_page_has_every_setting_of_ansible_that_counts() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md")).unwrap();
    let cells = |line: &str| -> Vec<String> { line.split('|').map(|cell| cell.trim().to_owned()).collect() };
    let rows: Vec<Vec<String>> = page.lines().filter(|line| line.starts_with("| ")).map(cells).collect();
    let all = patchwave::cli::ansible_settings();
    assert!(all.len() > 25);
    // What is said of sudo is said of su and doas.
    let method = |text: &str| {
        text.replace("[su_", "[sudo_").replace("[doas_", "[sudo_").replace("_SU_", "_SUDO_").replace("_DOAS_", "_SUDO_")
    };
    for (name, variable) in all {
        let cell = |text: &str| if text.is_empty() { String::new() } else { format!("`{}`", method(text)) };
        // The variables of vaults are read elsewhere.
        let fits = |row: &Vec<String>| {
            row[1].split(" = ").next().is_some_and(|key| key.trim_end_matches('`') == cell(&name).trim_end_matches('`'))
                && (variable.is_empty() || row[2] == cell(variable))
        };
        assert!(rows.iter().any(fits), "{name} {variable}");
    }
}

#[test]
fn the_page_has_every_key_and_its_example_loads() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&patchwave::cli::schema_text(SchemaOf::Project)).unwrap();
    let keys = schema["definitions"]["patchwave.yml"]["properties"].as_object().unwrap();
    assert!(!keys.is_empty());
    for key in keys.keys() {
        assert!(page.contains(&format!("| `{key}` |")), "{key}");
    }
    let example = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let site = project(example);
    site.write("inventories/prod.yml", "web: { hosts: { web1: } }\n");
    site.write("patchwave-labels.yml", "web: {}\n");
    site.run("inventory hosts").ended(0).prints("web1\n");
    site.write("playbooks/patch.yml", "name: x\nstages: [{ hosts: all }]\nsteps: [{ command: 'true' }]\n");
    site.run("wave --check --help").ended(0);
}
