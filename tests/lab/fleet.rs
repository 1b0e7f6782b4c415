//! The hosts of one test: up when [`Lab::up`] returns, gone when it is dropped. The truth about a host comes from the
//! host itself (`lab.sh exec`), not over the network and not from the program under test.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab.sh");

/// The security updates that are pending on every host, with their new versions. The security version of `lab-masked`
/// is hidden behind a newer ordinary one.
pub const SECURITY: [(&str, &str); 7] = [
    ("lab-conf", "1.0+deb12u1"),
    ("lab-fail", "1.0+deb12u1"),
    ("lab-masked", "2.0"),
    ("lab-sec", "1.0+deb12u1"),
    ("lab-slowsec", "1.0+deb12u1"),
    ("lab-svc", "1.0+deb12u1"),
    ("liblab1", "1.0+deb12u1"),
];

/// Does this for all of them at the same time.
pub fn at_once<T: Sync>(all: &[T], what: impl Fn(&T) + Sync) {
    std::thread::scope(|threads| {
        for one in all {
            threads.spawn(|| what(one));
        }
    });
}

/// Hosts, and a folder for the files of the test.
pub struct Lab {
    holder: Child,
    stdin: Option<ChildStdin>,
    state: PathBuf,
    folder: TempDir,
    _turn: Turn,
}

impl Lab {
    /// Boots `h1` to `hN`; `add` is `LAB_ADD` (`lab-reboot=h2`). `None`: there is no lab here, and a loud message says
    /// so.
    pub fn up(hosts: usize, add: &str) -> Option<Self> {
        Self::up_of(hosts, add, "")
    }

    /// The same with hosts of other Debian releases: `suites` is `LAB_SUITES` (`trixie=h2`).
    pub fn up_of(hosts: usize, add: &str, suites: &str) -> Option<Self> {
        if let Some(why) = absent() {
            eprintln!("NOT RUN: {}: {why}", std::thread::current().name().unwrap_or("a test of the lab"));
            return None;
        }
        let turn = Turn::wait();
        let mut holder = Command::new(SCRIPT)
            .args(["hold", &hosts.to_string()])
            .env("LAB_ADD", add)
            .env("LAB_SUITES", suites)
            .env_remove("LAB_STATE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash");
        let stdin = holder.stdin.take();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let state = PathBuf::from(line.trim_end());
        assert!(state.is_dir(), "the lab did not come up: {line:?}");
        let folder = tempfile::Builder::new().prefix("patchwave-lab-").tempdir().expect("a folder");
        Some(Self { holder, stdin, state, folder, _turn: turn })
    }

    /// The folder for the files of this test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The lab's own files: key, known_hosts, inventory.yml.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Writes a file of this test.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        fs::write(&path, text).expect("written");
        path
    }

    /// One verb of `lab.sh`.
    pub fn sh(&self, words: &[&str]) {
        let output = self.output(words);
        assert!(output.status.success(), "lab.sh {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The output of a script run as root on the host, trimmed.
    pub fn on(&self, host: &str, script: &str) -> String {
        let output = self.output(&["exec", host, "sh", "-c", script]);
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "{host}: {script}: {text} {}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Starts a program on the host and leaves it running.
    pub fn leave_on(&self, host: &str, script: &str) {
        let unit = format!("systemd-run --quiet --collect -- sh -c '{script}'");
        self.on(host, &unit);
    }

    /// Asks for a reboot as a user's login would; the reboot goes on when that login is over. The host may be gone
    /// before it can answer, so the answer says nothing: see [`downs`](Self::downs).
    pub fn ask_to_reboot(&self, host: &str, command: &str) {
        let _ = self.output(&["exec", host, "systemd-run", "--quiet", "--collect", "--", "sh", "-c", command]);
    }

    /// `lab.sh run`: a program in the network of the lab. The process becomes the program, so it keeps its process id.
    pub fn inside(&self) -> Command {
        let mut command = Command::new(SCRIPT);
        command.env("LAB_STATE", &self.state).env_remove("LAB_ADD").arg("run");
        command
    }

    fn output(&self, words: &[&str]) -> Output {
        Command::new(SCRIPT).args(words).env("LAB_STATE", &self.state).stdin(Stdio::null()).output().expect("bash")
    }

    /// Waits until a script succeeds on the host.
    pub fn until(&self, host: &str, script: &str) {
        let succeeds = || self.output(&["exec", host, "sh", "-c", script]).status.success();
        self.in_time(succeeds, || format!("{host}: never true: {script}"));
    }

    /// Waits until this is true. The limit is for things that never happen, not for slow ones.
    pub fn in_time(&self, is_so: impl Fn() -> bool, what: impl Fn() -> String) {
        let end = Instant::now() + Duration::from_secs(150);
        while !is_so() {
            assert!(Instant::now() < end, "{}", what());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// All packages of the host, with status and version.
    pub fn packages(&self, host: &str) -> BTreeMap<String, String> {
        let list = self.on(host, "dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\\n'");
        list.lines().filter_map(|line| line.split_once(' ')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    /// One package of the host: `installed 1.0`.
    pub fn package(&self, host: &str, name: &str) -> String {
        self.packages(host).remove(name).unwrap_or_default()
    }

    /// Its boot id, if the host answers now.
    pub fn boot_id_of_now(&self, host: &str) -> Option<String> {
        let output = self.output(&["exec", host, "cat", "/proc/sys/kernel/random/boot_id"]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    pub fn boot_id(&self, host: &str) -> String {
        self.on(host, "cat /proc/sys/kernel/random/boot_id")
    }

    /// How often the slow package's installation began and ended on the host.
    pub fn slow_installs(&self, host: &str) -> (usize, usize) {
        let log = self.on(host, "cat /var/log/lab-slow");
        let count = |word: &str| log.lines().filter(|line| line.starts_with(word)).count();
        (count("begin lab-slowsec"), count("end lab-slowsec"))
    }

    /// The host has the security updates, installed once, and everything else of `before` is unchanged.
    pub fn is_patched(&self, host: &str, before: &BTreeMap<String, String>, more: &[(&str, &str)]) {
        self.has_changed(host, before, more);
        assert_eq!(self.on(host, "dpkg --audit; systemctl is-active ssh lab-svc"), "active\nactive", "{host}");
        assert_eq!(self.slow_installs(host), (1, 1), "{host}: each transaction runs once");
    }

    /// Only the security updates have changed since `before`.
    pub fn has_changed(&self, host: &str, before: &BTreeMap<String, String>, more: &[(&str, &str)]) {
        let after = self.packages(host);
        let changed: BTreeMap<&str, String> = after
            .iter()
            .filter(|(name, version)| before.get(*name) != Some(*version))
            .map(|(name, version)| (name.as_str(), version.clone()))
            .collect();
        let wanted: BTreeMap<&str, String> =
            SECURITY.iter().chain(more).map(|(name, version)| (*name, format!("installed {version}"))).collect();
        assert_eq!(changed, wanted, "{host}: what changed");
        assert!(before.keys().all(|name| after.contains_key(name)), "{host}: a package is gone");
        assert_eq!(self.on(host, "cat /etc/lab-conf.conf"), "setting = edited here", "{host}");
        assert_eq!(self.on(host, "apt-mark showhold"), "lab-held", "{host}");
    }

    /// How often the host has asked its machine for a reboot since it was created.
    pub fn asked_to_reboot(&self, host: &str) -> usize {
        let log = fs::read(self.state.join("log").join(format!("{host}.log"))).expect("its console");
        String::from_utf8_lossy(&log).lines().filter(|line| line.ends_with("exit 133")).count()
    }

    /// How often the host went down, for whatever reason.
    pub fn downs(&self, host: &str) -> usize {
        let log = fs::read(self.state.join("log").join(format!("{host}.log"))).expect("its console");
        String::from_utf8_lossy(&log).lines().filter(|line| line.starts_with("exit ")).count()
    }

    /// Writes a file on the host.
    pub fn put(&self, host: &str, path: &str, bytes: &[u8]) {
        let mut child = Command::new(SCRIPT)
            .args(["exec", host, "sh", "-c", &format!("cat >{path}")])
            .env("LAB_STATE", &self.state)
            .stdin(Stdio::piped())
            .spawn()
            .expect("bash");
        child.stdin.take().expect("piped").write_all(bytes).expect("it reads");
        assert!(child.wait().expect("a child").success(), "{host}: {path}");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(keep) = env::var_os("LAB_KEEP")
        {
            let _ = Command::new("cp").arg("-a").arg(self.folder()).arg(keep).status();
        }
        drop(self.stdin.take());
        let _ = self.holder.wait();
    }
}

/// Why there is no lab; `None`: there is one.
fn absent() -> Option<String> {
    match env::var("PATCHWAVE_LAB").as_deref() {
        Ok("skip") => Some("PATCHWAVE_LAB=skip".into()),
        Ok("required") => None,
        Ok(other) => panic!("PATCHWAVE_LAB is neither skip nor required: {other}"),
        Err(_) => {
            let probe = Command::new(SCRIPT).arg("probe").stdin(Stdio::null()).output().expect("bash");
            (!probe.status.success()).then(|| String::from_utf8_lossy(&probe.stderr).trim().to_owned())
        }
    }
}

/// Allows a few labs at once, where all tests are threads of one process. (cargo-nextest has `.config/nextest.toml`.)
struct Turn;

static FREE: (Mutex<usize>, Condvar) = (Mutex::new(3), Condvar::new());

impl Turn {
    fn wait() -> Self {
        let free = FREE.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = FREE.1.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREE.1.notify_one();
    }
}
