//! The first hour on real hosts, from an empty folder to a patched wave: the commands of README as they stand there,
//! typed at a terminal of 80 columns.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::{
    fleet::{Lab, SECURITY, at_once},
    terminal::Terminal,
};

/// The most that a person may have to type.
const MOST: usize = 8;

/// The lines of README from an empty folder to a patched wave, without their comments.
fn typed() -> Vec<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md");
    let block = text.split("```sh\n").skip(1).find(|block| block.starts_with("patchwave init")).expect("the commands");
    let block = block.split("```").next().unwrap_or_default();
    block.lines().map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned()).collect()
}

/// What a person changes in the new inventory: the hosts, how to log in, and how long to wait.
fn edit(inventory: &Path, lab: &Lab) {
    let address = |host: &str| {
        let all = fs::read_to_string(lab.state().join("hosts")).expect("hosts");
        let line = all.lines().find(|line| line.starts_with(&format!("{host} "))).expect("the host").to_owned();
        format!("{host}: {{ ansible_host: {} }}", line.rsplit(' ').next().unwrap_or_default())
    };
    let key = format!("ansible_ssh_private_key_file: {}", lab.state().join("key").display());
    let edits = [
        ("# ansible_user: admin", "ansible_user: ops".to_owned()),
        ("# ansible_ssh_private_key_file: ~/.ssh/patch_ed25519", key),
        ("staging01.example.com:", address("h1")),
        ("web[01:08].example.com:", format!("{}\n        {}", address("h2"), address("h3"))),
        ("db01.example.com:", address("h4")),
        ("db02.example.com: { ansible_host: 192.0.2.12 }", "#".to_owned()),
        ("[ssh, nginx]", "[ssh, lab-svc]".to_owned()),
        ("[ssh, postgresql]", "[ssh]".to_owned()),
        ("soak: 10m", "soak: 1s".to_owned()),
    ];
    let text = fs::read_to_string(inventory).expect("the inventory");
    let text = edits.iter().fold(text, |text, (old, new)| {
        assert!(text.contains(old), "{old} is not in the new inventory:\n{text}");
        text.replace(old, new)
    });
    fs::write(inventory, text).expect("the inventory");
}

#[test]
fn the_first_hour_is_eight_commands_and_no_option_twice() {
    let Some(lab) = Lab::up(4, "lab-reboot=h1") else { return };
    let hosts = ["h1", "h2", "h3", "h4"];
    // As the daily timer of a host that has been up for a day.
    at_once(&hosts, |host| drop(lab.on(host, "apt-get -q update; touch /etc/lab-fail-fixed")));
    let lines = typed();
    assert!(lines.len() <= MOST, "{lines:#?}");
    let options: Vec<&str> =
        lines.iter().flat_map(|line| line.split(' ')).filter(|word| word.starts_with('-') && word.len() > 2).collect();
    assert_eq!(options.len(), options.iter().collect::<BTreeSet<_>>().len(), "an option is typed twice: {lines:#?}");

    let home = lab.folder().join("home");
    fs::create_dir(&home).expect("a folder");
    let mut folder = home.clone();
    let mut screens = Vec::new();
    for line in &lines {
        if let Some(into) = line.strip_prefix("cd ") {
            folder.push(into);
            continue;
        }
        if let Some(file) = line.strip_prefix("editor ") {
            edit(&folder.join(file), &lab);
            continue;
        }
        let words = line.strip_prefix("patchwave ").unwrap_or_else(|| panic!("{line}"));
        let mut place: Command = lab.inside();
        place.args(["env", "-C"]).arg(&folder).env("HOME", &home).env("TZ", "UTC").env_remove("SSH_AUTH_SOCK");
        place.env_remove("XDG_STATE_HOME").env_remove("PATCHWAVE_STATE_DIR");
        let program = env!("CARGO_BIN_EXE_patchwave");
        let mut terminal = Terminal::start(place, 80, &format!("exec {program} {words}"));
        // New host keys, in one question or in several; whether to begin; before the databases.
        let questions: &[&str] = match words.split(' ').next() {
            Some("exec") => &["Continue and record "; 4],
            Some("run") if !words.contains("--check") => &["Type yes to continue: ", "waits for approval"],
            _ => &[],
        };
        let mut at = 0;
        for question in questions {
            let Some(asked) = terminal.or_over(at, question) else { break };
            at = asked;
            terminal.press("yes\n");
        }
        let (code, screen) = terminal.end();
        let expected = if words == "scan" { 8 } else { 0 };
        assert_eq!(code, expected, "{line}\n{screen}");
        screens.push(screen);
    }

    for host in hosts {
        let installed = lab.packages(host);
        for (name, version) in SECURITY {
            assert_eq!(installed[name], format!("installed {version}"), "{host}: {name}");
        }
    }
    assert_eq!(lab.packages("h1")["lab-reboot"], "installed 1.0+deb12u1");
    let last = screens.last().expect("a screen");
    assert!(last.contains("4 hosts: 4 ok"), "{last}");
}
