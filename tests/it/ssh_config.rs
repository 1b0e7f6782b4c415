//! `patchwave ssh-config` against `ssh -G`: the same lines, and a refusal where ssh refuses.

mod both;
mod cases;
mod hostile;
mod keys;
mod keywords;
mod made_up;
mod reach;
mod trust;
mod way;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// `NOT RUN` without ssh, unless it must be there.
pub fn ssh_is_there() -> bool {
    let version = Command::new("ssh").arg("-V").output();
    let version = version.map(|out| String::from_utf8_lossy(&out.stderr).into_owned()).unwrap_or_default();
    // Later releases know more keywords and have other defaults.
    if version.starts_with("OpenSSH_9.2") {
        return true;
    }
    assert!(
        std::env::var_os("PATCHWAVE_LAB").is_none(),
        "the OpenSSH 9.2 client is required, and there is {version:?}"
    );
    eprintln!("NOT RUN: the comparison with `ssh -G` needs the OpenSSH 9.2 client; there is {version:?}");
    false
}

/// Files of one configuration, and both programs on it.
pub struct Pair {
    pub dir: TempDir,
}

impl Pair {
    /// Writes `config`; `DIR` in it stands for the folder.
    pub fn new(config: &str) -> Self {
        let pair = Self { dir: tempfile::tempdir().unwrap() };
        pair.file("config", config);
        pair
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text.replace("DIR", &self.dir.path().display().to_string())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn command(&self, program: &str, first: &str, args: &[&str]) -> Output {
        let args = args.iter().map(|arg| arg.replace("DIR", &self.dir.path().display().to_string()));
        Command::new(program)
            .arg(first)
            .arg("-F")
            .arg(self.dir.path().join("config"))
            .args(args)
            .env("SHELL", "/bin/sh")
            .env("SET_HERE", "set/here")
            .env_remove("NOT_SET_HERE")
            .env("LC_ALL", "C")
            .output()
            .unwrap()
    }

    pub fn ssh(&self, args: &[&str]) -> Output {
        self.command("ssh", "-G", args)
    }

    pub fn ours(&self, args: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_patchwave"), "ssh-config", args)
    }

    /// The difference, if there is one.
    pub fn difference(&self, args: &[&str]) -> Option<String> {
        let (theirs, ours) = (self.ssh(args), self.ours(args));
        let said = |out: &Output| String::from_utf8_lossy(&out.stderr).into_owned();
        match (theirs.status.success(), ours.status.success()) {
            (true, true) => {}
            (false, false) if ours.status.code() == Some(2) => return None,
            _ => {
                return Some(format!(
                    "{args:?}: ssh ended with {}, patchwave with {}\nssh: {}\npatchwave: {}",
                    theirs.status,
                    ours.status,
                    said(&theirs),
                    said(&ours)
                ));
            }
        }
        let (theirs, ours) = (lines(&theirs), lines(&ours));
        let mut found = Vec::new();
        for key in theirs.keys().chain(ours.keys()) {
            if theirs.get(key) != ours.get(key) {
                found.push(format!("{key}: ssh {:?}, patchwave {:?}", theirs.get(key), ours.get(key)));
            }
        }
        found.dedup();
        (!found.is_empty()).then(|| format!("{args:?}:\n{}", found.join("\n")))
    }
}

/// The values of each keyword, in order.
fn lines(out: &Output) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        found.entry(key.to_ascii_lowercase()).or_default().push(value.to_owned());
    }
    found
}

/// A refused command must name the first file, with its line.
#[test]
fn a_refusal_names_the_line() {
    for (config, place, word) in [
        ("Host a\n  Prot 22\n", "config:2", "prot"),
        ("\n\nPort 0\n", "config:3", "port"),
        ("Include DIR/x\n", "x:1", "ciphers"),
        ("Host *\n CanonicalizeHostname yes\n", "config:2", "canonicalizehostname"),
        ("KnownHostsCommand /bin/keys %H\n", "config:1", "knownhostscommand"),
        ("PKCS11Provider /x.so\n", "config:1", "pkcs11provider"),
        ("Match exec \"kill -9 $$\"\n", "config:1", "exec"),
    ] {
        let pair = Pair::new(config);
        pair.file("x", "Ciphers rot13\n");
        let out = pair.ours(&["host"]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{config}: {said}");
        assert!(said.contains(place) && said.contains(word), "{config}: {said}");
        assert!(out.stdout.is_empty(), "{config}");
    }
}

#[test]
fn a_file_that_others_can_write_is_not_believed() {
    let pair = Pair::new("Include DIR/open\n");
    let open = pair.file("open", "User x\n");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).unwrap();
    let out = pair.ours(&["host"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("written by everybody"));
    if ssh_is_there() {
        assert!(!pair.ssh(&["host"]).status.success());
    }
}

#[test]
fn a_command_of_match_runs_only_when_it_is_reached() {
    let pair =
        Pair::new("Match host other exec \"touch DIR/ran\"\n User x\nMatch host web exec \"touch DIR/reached\"\n");
    assert!(pair.ours(&["web"]).status.success());
    let there = |name: &str| Path::exists(&pair.dir.path().join(name));
    assert!(!there("ran") && there("reached"));
}
