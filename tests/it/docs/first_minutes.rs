//! The first minutes of README, typed line by line in an empty folder, on simulated hosts that have the names of the
//! project's examples. Each screen that README shows is compared with what is printed.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use patchwave::demo::{Fleet, FleetSpec, Role};
use regex::Regex;

use super::page::{self, root};
use crate::support::cli::{Desk, Said};

/// The hosts of a new project's inventory.
fn fleet() -> Fleet {
    let named = |name: &str, role, environment| (name.to_owned(), role, environment);
    let mut hosts = vec![named("staging01", Role::App, "staging")];
    hosts.extend((1..=8).map(|n| named(&format!("web{n:02}"), Role::Web, "production")));
    hosts.extend((1..=2).map(|n| named(&format!("db{n:02}"), Role::Db, "production")));
    let mut spec = FleetSpec::quick(hosts.len());
    for (host, (name, role, environment)) in spec.hosts.iter_mut().zip(hosts) {
        (host.name, host.role, host.environment) = (format!("{name}.example.com"), role, environment);
        host.kernel_update = host.name.starts_with("web01");
    }
    Fleet::start(spec).unwrap()
}

/// A person in a folder, who types what README says.
struct Person<'a> {
    desk: Desk,
    folder: PathBuf,
    fleet: &'a Fleet,
}

impl Person<'_> {
    /// Types a line of README; returns what a terminal shows. `None`: it was not for this program.
    fn types(&mut self, line: &str) -> Option<(String, Said)> {
        let line = line.split(" #").next().unwrap().trim();
        if let Some(folder) = line.strip_prefix("cd ") {
            self.folder.push(folder);
            return None;
        }
        if let Some(file) = line.strip_prefix("editor ") {
            self.edits(file);
            return None;
        }
        let line = line.strip_prefix("patchwave ").unwrap_or_else(|| panic!("{line}"));
        // Both streams in one, as on a terminal.
        // There is nobody here to be asked.
        let program = self.desk.command(&line.replace("--host-keys ask ", ""));
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(program.get_program()).args(program.get_args());
        shell.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.current_dir(&self.folder).env("COLUMNS", "100");
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Some((line.to_owned(), self.desk.started(shell).end()))
    }

    /// Where the hosts are is all that has to be edited in the example.
    fn edits(&self, file: &str) {
        assert!(self.folder.join(file).exists(), "{file}");
        for host in self.fleet.hosts() {
            let text = format!(
                "ansible_host: 127.0.0.1\nansible_port: {}\nansible_user: {}\nansible_ssh_private_key_file: {}\n\
                 ansible_ssh_common_args: -o UserKnownHostsFile={}\nansible_become: false\n",
                host.port(),
                self.fleet.user(),
                self.fleet.key_file().display(),
                self.fleet.known_hosts().display(),
            );
            let path = self.folder.join("host_vars").join(format!("{}.yml", host.name()));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
}

/// The lines for this program, their exit codes, and what must be on the screen after each of them.
const SHOWS: [(&str, u8, &str); 6] = [
    ("init patching", 0, "made in patching"),
    ("exec all", 0, "11 hosts: 11 ok"),
    ("scan", 8, "11 hosts: 11 answered, updates are pending on 11"),
    ("plan playbooks/patch.yml", 0, "11 hosts in 3 stages"),
    ("run playbooks/patch.yml --check", 0, "11 hosts: 11 without a problem; nothing was changed"),
    // The databases have risk high, and nobody is at a terminal to say yes.
    ("run playbooks/patch.yml", 3, "--yes"),
];

#[test]
fn the_first_minutes_do_what_they_say() {
    let readme = root().join("README.md");
    let of_readme = |language| page::blocks(language).into_iter().filter(|block| block.page == readme);
    let block = of_readme("sh").find(|block| block.text.contains("patchwave init")).expect("the first minutes");
    let mut screens: Vec<String> = of_readme("console").map(|block| block.text).collect();
    assert!(screens.len() >= 2, "{screens:?}");
    let fleet = fleet();
    let desk = Desk::empty();
    let mut person = Person { folder: desk.folder(), desk, fleet: &fleet };
    let mut shows = SHOWS.iter();
    // How old the hosts' package lists are.
    let age = Regex::new(r"(?m) (now|\d+[mhd])$").unwrap();
    for line in block.text.lines() {
        let Some((typed, said)) = person.types(line) else { continue };
        let (words, code, shown) = shows.next().unwrap_or_else(|| panic!("{line}: nothing is expected"));
        assert!(typed.starts_with(words), "{typed}, not {words}");
        let said = said.ended(*code).says(&[shown]);
        let Some(at) = screens.iter().position(|screen| screen.lines().next() == Some(&format!("$ patchwave {typed}")))
        else {
            continue;
        };
        let screen = screens.remove(at);
        let printed = format!("$ patchwave {typed}\n{}", said.out);
        if update() {
            let text = fs::read_to_string(&readme).unwrap().replace(&screen, &printed);
            fs::write(&readme, text).unwrap();
        } else {
            let plain = |text: &str| age.replace_all(&said.plain(text), " 1m").into_owned();
            assert_eq!(plain(&screen), plain(&printed), "README.md: INSTA_UPDATE=always prints it again");
        }
    }
    assert_eq!(shows.count(), 0, "README.md has fewer lines");
    assert!(block.text.lines().count() <= 8, "more than eight commands until a wave is patched: {}", block.text);
    let (_, said) = person.types("patchwave run playbooks/patch.yml --limit staging").unwrap();
    said.ended(0).says(&["1 host: 1 ok"]);
    assert!(screens.is_empty(), "screens without their command: {screens:?}");
}

/// Whether pages are to be written again.
fn update() -> bool {
    std::env::var("INSTA_UPDATE").as_deref() == Ok("always")
}
