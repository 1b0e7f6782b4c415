//! One sshd, one configuration, and both clients on it: `ssh` is the reference.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::support::sshd::{Sshd, keygen, me, need};

/// How both clients reach the server; the lines of a case come first and win.
const WAY: &str = "Host web\n HostName 127.0.0.1\n Port PORT\n User ME\n UserKnownHostsFile DIR/known\n \
                   GlobalKnownHostsFile none\n HostKeyAlias fleet\n BatchMode yes\n UpdateHostKeys no\n";

/// The server and the files that both clients need.
pub struct Both {
    pub sshd: Sshd,
    ssh: PathBuf,
    /// `SSH_AUTH_SOCK`.
    pub agent: Option<PathBuf>,
}

impl Both {
    /// Starts it; `config` is the server's.
    pub fn start(config: &str) -> Option<Self> {
        let ssh = need("ssh")?;
        Self::over(Sshd::start(config)?, ssh)
    }

    /// The same with a folder of keys that is removed with the server; `KEYS` in its configuration means that folder.
    pub fn start_with(keys: tempfile::TempDir, config: &str) -> Option<Self> {
        let ssh = need("ssh")?;
        let mut sshd = Sshd::start(&config.replace("KEYS", &keys.path().display().to_string()))?;
        for file in fs::read_dir(keys.path()).unwrap().flatten() {
            fs::copy(file.path(), sshd.path(&file.file_name().to_string_lossy())).unwrap();
        }
        sshd.also(keys.keep());
        Self::over(sshd, ssh)
    }

    fn over(sshd: Sshd, ssh: PathBuf) -> Option<Self> {
        let both = Self { sshd, ssh, agent: None };
        both.known(&format!("fleet {}", both.public("host")));
        both.file("inv.yml", "all: { hosts: { web: {} } }\n");
        Some(both)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.sshd.path(name)
    }

    /// Writes a file.
    pub fn file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Writes the file of known hosts.
    pub fn known(&self, text: &str) {
        self.file("known", text);
    }

    /// Replaces `DIR`, `PORT` and `ME` by the server's. Not for text with keys in it, which may contain these letters.
    fn filled(&self, text: &str) -> String {
        let dir = self.sshd.dir.path().display().to_string();
        text.replace("DIR", &dir).replace("PORT", &self.sshd.port.to_string()).replace("ME", &me())
    }

    pub fn public(&self, key: &str) -> String {
        fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap()
    }

    /// Makes a key pair.
    pub fn key(&self, name: &str, kind: &str) {
        keygen(&self.path(name), kind, "");
    }

    /// Accepts these keys, and no others.
    pub fn let_in(&self, keys: &[&str]) {
        let text: String = keys.iter().map(|key| self.public(key)).collect();
        fs::write(self.path("authorized_keys"), text).unwrap();
    }

    /// Runs `ssh-keygen` in the server's folder.
    pub fn keygen(&self, arguments: &[&str]) {
        let mut keygen = Command::new("ssh-keygen");
        keygen.arg("-q").args(arguments).current_dir(self.sshd.dir.path()).stdin(Stdio::null());
        let out = keygen.output().unwrap();
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    }

    fn command(&self, program: &Path, lines: &str) -> Command {
        let lines: String = lines.lines().map(|line| format!("{}\n", line.trim())).collect();
        self.file("config", &self.filled(&format!("{lines}{WAY}")));
        let mut command = Command::new(program);
        command
            .current_dir(self.sshd.dir.path())
            .stdin(Stdio::null())
            .env("PATCHWAVE_STATE_DIR", self.path("state"))
            .env("HOME", self.sshd.dir.path())
            .env_remove("SSH_AUTH_SOCK")
            .envs(self.agent.iter().map(|socket| ("SSH_AUTH_SOCK", socket)));
        command
    }

    /// Runs a shell line with `ssh`.
    pub fn theirs(&self, lines: &str, line: &str) -> Output {
        let mut command = self.command(&self.ssh, lines);
        command.arg("-F").arg(self.path("config")).args(["web", line]).output().unwrap()
    }

    /// Runs a shell line with `patchwave exec`.
    pub fn ours(&self, lines: &str, line: &str) -> Output {
        self.ours_with(&[], lines, line)
    }

    /// The same with more arguments.
    pub fn ours_with(&self, arguments: &[&str], lines: &str, line: &str) -> Output {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_patchwave")), lines);
        command.arg("exec").args(arguments).arg("-F").arg(self.path("config")).arg("-i").arg(self.path("inv.yml"));
        command.args(["all", "--", line]).output().unwrap()
    }

    /// Both log in, or neither does.
    pub fn agree(&self, lines: &str, welcome: bool) {
        let theirs = self.theirs(lines, "true");
        assert_eq!(theirs.status.success(), welcome, "{lines}: ssh says {}", said(&theirs));
        let ours = self.ours(lines, "true");
        assert_eq!(ours.status.success(), welcome, "{lines}: patchwave says {}", said(&ours));
    }

    /// Neither logs in, and ours prints this.
    pub fn refused(&self, lines: &str, word: &str) {
        self.agree(lines, false);
        let ours = self.ours(lines, "true");
        assert!(said(&ours).contains(word), "{lines}: {}", said(&ours));
    }
}

pub fn said(out: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}
