//! The program under test, started in the lab's network as a person starts it: with its own state folder, files for its
//! output, and a deadline for everything.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    events::{Events, read},
    fleet::Lab,
};

/// Longer than anything in these tests may take.
const LIMIT: Duration = Duration::from_secs(240);

/// One jump box: a state folder, and the files that its runs are started from.
pub struct Patchwave<'a> {
    lab: &'a Lab,
    state: PathBuf,
    inventory: PathBuf,
    playbook: PathBuf,
    calls: AtomicUsize,
    /// How large a file may become, as if the disk were full beyond that.
    pub largest_file: Option<u64>,
    /// A library that is loaded into the program.
    pub preload: Option<PathBuf>,
}

impl<'a> Patchwave<'a> {
    /// `inventory` groups the lab's hosts; addresses, login and key come from the lab's own inventory before it.
    pub fn new(lab: &'a Lab, inventory: &str, playbook: &str) -> Self {
        Self::named(lab, "jump", inventory, playbook)
    }

    pub fn named(lab: &'a Lab, name: &str, inventory: &str, playbook: &str) -> Self {
        let inventory = lab.write(&format!("{name}/inventories/test.yml"), inventory);
        let playbook = lab.write(&format!("{name}/playbooks/test.yml"), playbook);
        Self {
            lab,
            state: lab.folder().join(name).join("state"),
            inventory,
            playbook,
            calls: AtomicUsize::new(0),
            largest_file: None,
            preload: None,
        }
    }

    /// `run` from beginning to end, with its events as JSON.
    pub fn run(&self, more: &[&str]) -> Ended {
        self.start_run(more).wait()
    }

    pub fn start_run(&self, more: &[&str]) -> Running<'a> {
        let playbook = self.playbook.display().to_string();
        let mut words = vec!["run", &playbook, "--yes", "--json"];
        let trust = self.trust();
        if !more.contains(&"--known-hosts") {
            words.extend([trust[0].as_str(), trust[1].as_str()]);
        }
        let (ours, labs) = (self.inventory.display().to_string(), self.lab.state().join("inventory.yml"));
        let labs = labs.display().to_string();
        words.extend(["-i", &labs, "-i", &ours]);
        words.extend(more);
        self.start(&words)
    }

    /// `resume` from beginning to end.
    pub fn resume(&self) -> Ended {
        self.start_resume().wait()
    }

    pub fn start_resume(&self) -> Running<'a> {
        let trust = self.trust();
        self.start(&["resume", "--yes", "--json", &trust[0], &trust[1]])
    }

    fn trust(&self) -> [String; 2] {
        ["--known-hosts".to_owned(), self.lab.state().join("known_hosts").display().to_string()]
    }

    /// Any command, to its end.
    pub fn call(&self, words: &[&str]) -> Ended {
        self.start(words).wait()
    }

    pub fn start(&self, words: &[&str]) -> Running<'a> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let file = |what: &str| self.state.with_file_name(format!("{what}.{number}"));
        let (out, err) = (file("out"), file("err"));
        let open = |path: &Path| Stdio::from(fs::File::create(path).expect("a file for output"));
        let mut command = self.lab.inside();
        if let Some(bytes) = self.largest_file {
            command.args(["prlimit", &format!("--fsize={bytes}"), "env", "--ignore-signal=XFSZ"]);
        }
        if let Some(library) = &self.preload {
            command.arg("env").arg(format!("LD_PRELOAD={}", library.display()));
        }
        command.arg(env!("CARGO_BIN_EXE_patchwave")).arg("--state-dir").arg(&self.state).args(words);
        command.stdin(Stdio::null()).stdout(open(&out)).stderr(open(&err)).env_remove("SSH_AUTH_SOCK");
        let child = command.spawn().expect("bash");
        let words = words.join(" ");
        Running { lab: self.lab, child, out, err, words }
    }

    /// Everything that was kept on the jump box, as one text, to search for what must not be in it.
    pub fn everything_kept(&self) -> String {
        let folder = self.state.parent().expect("it is in a folder");
        let output =
            Command::new("grep").args(["-r", "-a", "-h", "", "--exclude-dir=inventories"]).arg(folder).output();
        String::from_utf8_lossy(&output.expect("grep").stdout).into_owned()
    }

    /// The host's output in the log.
    pub fn log_of(&self, run: &str, host: &str) -> String {
        let ended = self.call(&["log", run, host]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        ended.out
    }
}

/// The running program.
pub struct Running<'a> {
    lab: &'a Lab,
    child: Child,
    out: PathBuf,
    err: PathBuf,
    words: String,
}

impl Running<'_> {
    /// Waits for the first event that matches.
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + LIMIT;
        loop {
            let ended = self.child.try_wait().expect("a child").is_some();
            if let Some(event) = read(&self.text(&self.out)).into_iter().find(&wanted) {
                return event;
            }
            assert!(!ended && Instant::now() < end, "it never came: {}", self.all());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until a script succeeds on the host.
    pub fn until_on(&self, host: &str, script: &str) {
        self.lab.until(host, script);
    }

    /// Its messages for the person so far.
    pub fn said(&self) -> String {
        self.text(&self.err)
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a process id")).expect("not 0");
        kill_process(pid, signal).expect("it lives");
    }

    /// From now on its files cannot grow. It was started with a `largest_file`, so it survives this.
    pub fn fill_its_disk(&self) {
        let done = Command::new("prlimit").args(["--pid", &self.pid().to_string(), "--fsize=0"]).status();
        assert!(done.expect("prlimit").success());
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn wait(mut self) -> Ended {
        let end = Instant::now() + LIMIT;
        let status = loop {
            match self.child.try_wait().expect("a child") {
                Some(status) => break status,
                None if Instant::now() > end => {
                    let _ = self.child.kill();
                    panic!("it hangs: {}", self.all());
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let (out, err) = (self.text(&self.out), self.text(&self.err));
        Ended { code: status.code().unwrap_or(-1), out, err, words: self.words.clone() }
    }

    fn text(&self, path: &Path) -> String {
        String::from_utf8_lossy(&fs::read(path).expect("its output")).into_owned()
    }

    fn all(&self) -> String {
        format!("patchwave {}\n{}\n{}", self.words, self.text(&self.out), self.text(&self.err))
    }
}

/// How it ended.
pub struct Ended {
    /// The exit code; -1: ended by a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    words: String,
}

impl Ended {
    pub fn events(&self) -> Events {
        Events(read(&self.out))
    }

    /// Panics with its whole output unless it ended with this code.
    #[track_caller]
    pub fn must(self, code: i32) -> Self {
        assert_eq!(self.code, code, "patchwave {}\n{}\n{}", self.words, self.out, self.err);
        self
    }

    /// The run's id, from its messages for the person.
    pub fn run_id(&self) -> String {
        run_id(&self.err)
    }
}

/// The run's id in the messages for the person.
pub fn run_id(said: &str) -> String {
    let line = said.lines().find_map(|line| line.strip_prefix("run ")).unwrap_or_else(|| panic!("no run id: {said}"));
    line.split(';').next().unwrap_or_default().trim().to_owned()
}
