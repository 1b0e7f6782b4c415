//! `init`: a project in an empty folder, and one around an inventory that is there. What it says to type next works.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use patchwave::demo::{Fleet, FleetSpec};

use crate::support::cli::{Desk, Said};

/// An inventory in INI, with group_vars beside it, and hosts of several kinds.
const HOSTS: &str = "lonely.example.com
[prod_web]
web[1:3].example.com
[prod_db]
db1.example.com
[prod:children]
prod_web
prod_db
[staging]
stage1.example.com
both.example.com
[live]
both.example.com
[no]
n1.example.com
";

/// The lines below `next:` without the comments.
fn next(said: &Said) -> Vec<String> {
    let (_, lines) = said.out.split_once("next:\n").unwrap_or_else(|| panic!("{said:?}"));
    lines.lines().map(str::trim).filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Every file below a folder, with its text.
fn everything(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Types what needs no host: `cd`, and the commands of this program that contact none.
fn type_lines(desk: &Desk, lines: &[String]) -> Vec<Said> {
    let mut folder = desk.folder();
    let mut said = Vec::new();
    for line in lines {
        if let Some(to) = line.strip_prefix("cd ") {
            folder = folder.join(shlex::split(to).unwrap().remove(0));
        } else if let Some(file) = line.strip_prefix("editor ") {
            assert!(folder.join(file).is_file(), "{line}");
        } else if let Some(words) = line.strip_prefix("patchwave ")
            && ["inventory check", "plan "].iter().any(|command| words.starts_with(command))
        {
            let mut command = desk.command(words);
            command.current_dir(&folder);
            said.push(desk.started(command).end().ended(0));
        }
    }
    said
}

#[test]
fn an_empty_folder_becomes_a_project_and_what_it_says_to_type_works() {
    let desk = Desk::empty();
    let made = desk.really("init 'my fleet'").ended(0);
    insta::assert_snapshot!(made.out, @r#"
    made in my fleet:
      patchwave.yml inventory.yml
      playbooks/patch.yml
      hooks/drain hooks/undrain hooks/snapshot hooks/restore
      schemas/playbook.json schemas/inventory.json schemas/vars.json schemas/project.json
    next:
      cd 'my fleet'
      # your hosts, instead of the examples
      editor inventory.yml
      # all mistakes at once
      patchwave inventory check
      # logs in everywhere; asks about new host keys
      patchwave exec all --host-keys ask -- uptime
      # who is patched when; no host is contacted
      patchwave plan playbooks/patch.yml
      # what would be done; nothing is changed
      patchwave run playbooks/patch.yml --check
      # the wave
      patchwave run playbooks/patch.yml
    "#);
    let folder = desk.folder().join("my fleet");
    for hook in ["drain", "undrain", "snapshot", "restore"] {
        let mode = fs::metadata(folder.join("hooks").join(hook)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{hook} is a program");
    }
    let said = type_lines(&desk, &next(&made));
    assert!(said[0].out.contains("11 hosts"), "{said:?}");
    assert_eq!(said[0].err, "from patchwave.yml: inventory inventory.yml\n");
    assert!(said[1].out.contains("production/high"), "{said:?}");
    // Everything that it made is checked by editors, with the schemas that it made.
    for (file, schema) in
        [("inventory.yml", "schemas/inventory.json"), ("playbooks/patch.yml", "../schemas/playbook.json")]
    {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!(text.lines().next().unwrap(), format!("# yaml-language-server: $schema={schema}"));
        assert!(folder.join(file).parent().unwrap().join(schema).is_file());
    }
    assert_eq!(
        desk.really("schema playbook").ended(0).out.as_bytes(),
        fs::read(folder.join("schemas/playbook.json")).unwrap()
    );
}

#[test]
fn in_the_folder_where_one_is() {
    let desk = Desk::empty();
    let made = desk.really("init").ended(0);
    assert!(made.out.starts_with("made in .:\n  patchwave.yml inventory.yml\n  playbooks/patch.yml\n"), "{made:?}");
    assert_eq!(type_lines(&desk, &next(&made)).len(), 2);
}

#[test]
fn no_file_is_overwritten() {
    let desk = Desk::empty();
    desk.write("inventory.yml", "mine");
    desk.write("hooks/drain", "mine, too");
    std::os::unix::fs::symlink("/nowhere", desk.folder().join("patchwave.yml")).unwrap();
    desk.write("other.txt", "not in the way");
    let before: Vec<_> =
        ["inventory.yml", "hooks/drain", "other.txt"].map(|f| fs::read(desk.folder().join(f)).unwrap()).into();
    desk.really("init").ended(3).says(&[
        "these files are there already, and nothing was written: patchwave.yml, inventory.yml, hooks/drain",
        "init DIR",
    ]);
    let after: Vec<_> =
        ["inventory.yml", "hooks/drain", "other.txt"].map(|f| fs::read(desk.folder().join(f)).unwrap()).into();
    assert_eq!(before, after);
    assert!(!desk.folder().join("playbooks").exists());
    // A second time is refused as well; a file in the place of the folder, too.
    desk.really("init new").ended(0);
    desk.really("init new").ended(3).says(&["new/patchwave.yml"]);
    desk.really("init other.txt").ended(3).says(&["this is not a folder"]);
}

#[test]
fn around_an_inventory_that_is_there() {
    let desk = Desk::empty();
    desk.write("ansible/hosts", HOSTS);
    desk.write("ansible/group_vars/staging.yml", "ansible_user: admin\n");
    let before = everything(&desk.folder().join("ansible"));
    let made = desk.really("init patching --from-inventory ansible/hosts").ended(0);
    assert_eq!(everything(&desk.folder().join("ansible")), before, "the inventory of the user stays as it is");
    let folder = desk.folder().join("patching");
    let labels = fs::read_to_string(folder.join("patchwave-labels.yml")).unwrap();
    insta::assert_snapshot!(labels.replace(&desk.folder().display().to_string(), "DESK"), @r#"
    # yaml-language-server: $schema=schemas/inventory.json
    # What stages are made of: the environment and the risk of hosts that have none in
    #   DESK/ansible/hosts
    # That inventory stays as it is, and this file is read after it. All of it is guessed from the names of the groups.
    # Correct what is wrong, and remove each REVIEW that you have read. `patchwave inventory show HOST` prints what a host
    # has now, and from where.
    all:
      vars:
        patchwave:
          # REVIEW: no group says it for lonely.example.com,n1.example.com; this is the careful choice
          environment: production
          # REVIEW: no group says it for lonely.example.com,n1.example.com; this is the careful choice
          risk: high
    prod: # 4 hosts
      vars:
        patchwave:
          environment: production # REVIEW: from "prod" in the name
    staging: # 2 hosts
      vars:
        patchwave:
          environment: staging # REVIEW: from "staging" in the name
          risk: low # REVIEW: from "staging" in the name
      hosts:
        both.example.com: { patchwave: { environment: production } } # REVIEW: in groups of staging and of production
    live: # 1 host
      vars:
        patchwave:
          environment: production # REVIEW: from "live" in the name
    prod_web: # 3 hosts
      vars:
        patchwave:
          risk: medium # REVIEW: from "web" in the name
    prod_db: # 1 host
      vars:
        patchwave:
          risk: high # REVIEW: from "db" in the name
    "#);
    let settings = fs::read_to_string(folder.join("patchwave.yml")).unwrap();
    let list = format!("inventory: [\"{}\", \"patchwave-labels.yml\"]", desk.folder().join("ansible/hosts").display());
    assert!(settings.contains(&list), "{settings}");
    let said = type_lines(&desk, &next(&made));
    assert!(said[0].out.contains("8 hosts"), "{said:?}");
    assert!(said[0].err.starts_with("from patchwave.yml: ") && said[0].err.lines().count() == 1, "a warning: {said:?}");
    for stage in ["staging/low", "production/medium", "production/high"] {
        assert!(said[1].out.contains(stage), "{stage}: {said:?}");
    }
}

/// The rest of what it says to type, on hosts that answer.
#[test]
fn the_playbook_of_a_project_patches_hosts() {
    let fleet = Fleet::start(FleetSpec::quick(2)).unwrap();
    let desk = Desk::of(&fleet);
    let made = desk.really("init p --from-inventory inv.yml").ended(0);
    let lines = next(&made);
    let typed = |start: &str, more: &str| {
        let line = lines.iter().rev().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{lines:?}"));
        // There is no terminal here to ask at.
        let line = line.strip_prefix("patchwave ").unwrap().replace("--host-keys ask", "--host-keys accept-new");
        let mut command = desk.command(&format!("{line}{more}"));
        command.current_dir(desk.folder().join("p"));
        desk.started(command).end()
    };
    typed("patchwave exec all ", "").ended(0).says(&["2 hosts"]);
    let run = lines.iter().find(|line| line.ends_with(" --check")).unwrap();
    typed(run, "").ended(0);
    assert!(fleet.hosts().all(|host| host.boots() == 1));
    typed("patchwave run ", " --yes").ended(0).says(&["2 hosts: 2 ok"]);
    assert!(fleet.hosts().all(|host| host.boots() == 2), "the kernel of each is new");
}

#[test]
fn an_inventory_in_the_folder_itself_and_one_that_says_everything() {
    let desk = Desk::empty();
    let all = "all: { vars: { patchwave: { environment: production, risk: low } }, hosts: { h1: } }\n";
    desk.write("mine.yml", all);
    let made = desk.really("init --from-inventory mine.yml").ended(0);
    assert!(!desk.folder().join("patchwave-labels.yml").exists() && !desk.folder().join("inventory.yml").exists());
    let settings = fs::read_to_string(desk.folder().join("patchwave.yml")).unwrap();
    assert!(settings.contains("inventory: [\"mine.yml\"]\n"), "{settings}");
    assert_eq!(type_lines(&desk, &next(&made)).len(), 2);
    assert_eq!(fs::read_to_string(desk.folder().join("mine.yml")).unwrap(), all);
}

#[test]
fn an_inventory_that_does_not_load_makes_no_project() {
    let desk = Desk::empty();
    desk.write("bad.yml", "all: [\n");
    desk.really("init new --from-inventory bad.yml").ended(2).says(&["bad.yml:1:6: this is not YAML"]);
    desk.really("init new --from-inventory nosuch.yml").ended(2).says(&["nosuch.yml"]);
    assert!(!desk.folder().join("new").exists());
}
