//! A jump box for the tests of the command line: a project folder with a state folder in it, a fixed environment, and
//! streams that are kept. Start at [`Desk`].

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use patchwave::{
    cli::{self, World, world::Out},
    demo::Fleet,
    event::{Event, Kind},
};
use regex::Regex;
use tempfile::TempDir;

use super::prompt::Scripted;

/// After this time, a test counts as hung.
const HUNG: Duration = Duration::from_secs(240);

/// The playbook for the fleet's hosts: it shows every kind of trouble, and waits no longer than necessary.
pub const PLAYBOOK: &str = "name: Patch
hosts: all
steps:
  - name: Ready
    precheck: { disk_free: { /: 1GiB }, packages: healthy, services: \"{{ services | default(['ssh']) }}\" }
  - name: Updates
    upgrade: { scope: security, lock_timeout: 1s }
  - name: Reboot
    reboot: { when: required, timeout: 60s, stable: 1s }
  - name: Healthy
    verify: { services: \"{{ services | default(['ssh']) }}\", packages: healthy, kernel: newest }
";

/// One operator's workplace on a jump box.
pub struct Desk {
    dir: TempDir,
    /// Columns of the terminal, if known.
    pub columns: Option<u16>,
    /// What a person types at the terminal; `None`: there is no terminal.
    pub types: Option<&'static str>,
}

/// The output of a command, as it was printed.
#[derive(Debug)]
pub struct Said {
    pub code: u8,
    pub out: String,
    pub err: String,
    project: PathBuf,
}

/// A stream that is kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Desk {
    /// An empty project; there is no terminal, and tables are 80 columns wide.
    pub fn empty() -> Self {
        Self { dir: TempDir::with_prefix("patchwave-desk-").unwrap(), columns: Some(80), types: None }
    }

    /// A project with `play.yml` ([`PLAYBOOK`]) and the fleet's inventory, `inv.yml`.
    pub fn of(fleet: &Fleet) -> Self {
        let desk = Self::empty();
        desk.write("inv.yml", &fleet.inventory());
        desk.write("play.yml", PLAYBOOK);
        desk
    }

    /// The project's folder.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes a program of the project.
    pub fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn env(&self) -> Vec<(String, String)> {
        let home = self.folder().display().to_string();
        let state = self.folder().join("state").display().to_string();
        [
            ("HOME", home.as_str()),
            ("USER", "ann"),
            ("TZ", "UTC"),
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("PATCHWAVE_STATE_DIR", state.as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The words of a command line. Names of files in the project become paths, because the tests have a different
    /// current folder.
    fn words(&self, line: &str) -> Vec<std::ffi::OsString> {
        let words = shlex::split(line).unwrap();
        let path = |word: String| match self.folder().join(&word) {
            path if word.ends_with(".yml") && !word.starts_with('@') => path.into_os_string(),
            _ => word.into(),
        };
        std::iter::once("patchwave".into()).chain(words.into_iter().map(path)).collect()
    }

    /// Runs a command line in this process.
    pub fn run(&self, line: &str) -> Said {
        let (out, err) = (Kept::default(), Kept::default());
        let types = self.types;
        let world = World {
            stdout: Out::new(out.clone()),
            stderr: Out::new(err.clone()),
            stdin_is_terminal: types.is_some(),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            columns: self.columns,
            env: self.env().into_iter().collect(),
            folder: self.folder(),
            who: cli::Who::account("ann"),
            clock: Arc::new(patchwave::clock::SystemClock),
            prompt: Scripted::new(move |_, _| types.map(str::to_owned)),
            transport: None,
            fallbacks: Default::default(),
            dates: Default::default(),
            signals: false,
            input: std::sync::Arc::new(|_| Ok(Vec::new())),
            screen: patchwave::ui::ScreenLock::default(),
        };
        let (words, project) = (self.words(line), self.folder());
        let began = Instant::now();
        let code = cli::main(words, world);
        assert!(began.elapsed() < HUNG, "{line:?} took {:?}", began.elapsed());
        let said = Said { code, out: out.text(), err: err.text(), project };
        assert!(!said.err.contains("panicked"), "{said:?}");
        said
    }

    /// The real program, ready to start in the project's folder, with its streams kept.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patchwave"));
        command.args(shlex::split(line).unwrap()).current_dir(self.folder()).env_clear().envs(self.env());
        command.env("COLUMNS", "80").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The real program, started.
    pub fn start(&self, line: &str) -> Running {
        self.started(self.command(line))
    }

    /// A command of [`Desk::command`], started.
    pub fn started(&self, mut command: Command) -> Running {
        Running { child: Some(command.spawn().unwrap()), project: self.folder() }
    }

    /// The real program, run to its end.
    pub fn really(&self, line: &str) -> Said {
        self.start(line).end()
    }

    /// The id of the newest run.
    pub fn last_run(&self) -> String {
        let rows = self.run("runs --json -n 1");
        assert_eq!(rows.code, 0, "{rows:?}");
        let row: serde_json::Value = serde_json::from_str(rows.out.lines().next().unwrap()).unwrap();
        row["run"].as_str().unwrap_or_else(|| panic!("{row}")).to_owned()
    }

    /// Every event of a run.
    pub fn events(&self, run: &str) -> Vec<Event> {
        let said = self.run(&format!("show {run} --json"));
        assert_eq!(said.code, 0, "{said:?}");
        said.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// What `pick` returns for the first event of a run that it accepts; panics if there is none.
    #[track_caller]
    pub fn fact<T>(&self, run: &str, pick: impl Fn(Kind) -> Option<T>) -> T {
        self.facts(run, pick).into_iter().next().unwrap_or_else(|| panic!("{:#?}", self.events(run)))
    }

    /// What `pick` returns for each event of a run that it accepts.
    pub fn facts<T>(&self, run: &str, pick: impl Fn(Kind) -> Option<T>) -> Vec<T> {
        self.events(run).into_iter().filter_map(|event| pick(event.kind)).collect()
    }

    /// Starts a line, and kills it as soon as `what` is in the ledger of the newest run; returns its id.
    pub fn killed(&self, line: &str, what: &str, found: impl Fn(&[Event]) -> bool) -> String {
        let running = self.start(line);
        let run = self.until(what, found);
        running.signal(rustix::process::Signal::KILL);
        running.end().ended(128 + 9);
        run
    }

    /// Waits until `what` is in the ledger of the newest run; returns its id.
    pub fn until(&self, what: &str, found: impl Fn(&[Event]) -> bool) -> String {
        let deadline = Instant::now() + HUNG;
        loop {
            if self.folder().join("state").exists() && self.run("runs --json -n 1").out.starts_with('{') {
                let run = self.last_run();
                if found(&self.events(&run)) {
                    return run;
                }
            }
            assert!(Instant::now() < deadline, "never came: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The real program while it runs; killed if a test ends early.
pub struct Running {
    child: Option<Child>,
    project: PathBuf,
}

impl Running {
    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().unwrap();
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end. After a signal, the exit code is 128 and more, as in a shell.
    pub fn end(mut self) -> Said {
        let mut child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let (done, wait) = std::sync::mpsc::channel();
        let watch = std::thread::spawn(move || {
            if wait.recv_timeout(HUNG).is_err() {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                return true;
            }
            false
        });
        drop(child.stdin.take());
        let output = child.wait_with_output().unwrap();
        let _ = done.send(());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(!watch.join().unwrap(), "it hung\n{out}\n{err}");
        use std::os::unix::process::ExitStatusExt as _;
        let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap());
        let said = Said { code: code.try_into().unwrap(), out, err, project: self.project.clone() };
        assert!(!said.err.contains("panicked"), "{said:?}");
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Said {
    /// Exit code, standard output and standard error as one text, without the parts that differ between two runs: run
    /// ids, times, digests, ports, the project's folder.
    pub fn page(&self) -> String {
        let part = |name: &str, text: &str| match text.trim_end_matches('\n') {
            "" => String::new(),
            text => format!("-- {name}\n{text}\n"),
        };
        self.plain(&format!("exit code {}\n{}{}", self.code, part("stdout", &self.out), part("stderr", &self.err)))
    }

    /// A text of this command without the parts that differ between two runs.
    pub fn plain(&self, text: &str) -> String {
        let text = text.replace(&format!("{}/", self.project.display()), "");
        let text = text.replace(&self.project.display().to_string(), ".");
        // Hashes differ, and the number of events depends on what a host was asked meanwhile.
        let text = record_lines().replace_all(&text, "").into_owned();
        let text = rules().iter().fold(text, |text, (rule, with)| rule.replace_all(&text, *with).into_owned());
        text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// Panics unless it ended with this code.
    #[track_caller]
    pub fn ended(self, code: u8) -> Self {
        assert_eq!(self.code, code, "{}", self.page());
        self
    }

    /// Panics if one of the streams contains one of these texts.
    #[track_caller]
    pub fn never_says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(!self.out.contains(text) && !self.err.contains(text), "said: {text}\n{}", self.page());
        }
        self
    }

    /// Panics unless this is all of its standard output.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert_eq!(self.out, text, "{}", self.page());
        self
    }

    /// Its standard output, one JSON value.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Panics unless each of these texts is in one of the streams.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        let page = self.page();
        for text in texts {
            assert!(page.contains(text), "not said: {text}\n{page}");
        }
        self
    }
}

/// What the end of a run says about its record.
pub fn record_lines() -> &'static Regex {
    static LINES: OnceLock<Regex> = OnceLock::new();
    let pattern = r"(?m)^record: \d+ events?, head ([0-9a-f]{16})\n  in full: ([0-9a-f]{64})\n";
    LINES.get_or_init(|| Regex::new(pattern).unwrap())
}

/// The parts that differ between two runs, and their replacements.
fn rules() -> &'static [(Regex, &'static str)] {
    static RULES: OnceLock<Vec<(Regex, &'static str)>> = OnceLock::new();
    // The account of the real program is that of the person who runs the tests, not the one of the test's own commands.
    let account = regex::escape(&cli::Who::real(None).account);
    let account = format!(r"\b(ann|{account})@[a-zA-Z0-9.-]+( \((login|SUDO_USER) [^)]*\))?");
    RULES.get_or_init(|| {
        [
            (r"\b\d{8}-\d{6}-[a-z]{4}\b", "20260101-000000-abcd"),
            (r"\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?\b", "2026-01-01 00:00"),
            (r"\b\d{4}-\d\d-\d\dT[0-9:.]+Z", "2026-01-01T00:00:00Z"),
            (r"\b\d\d:\d\d:\d\d\b", "00:00:00"),
            (r"\b[0-9a-f]{12}\b", "0123456789ab"),
            (r"\((\d+m)?\d+(\.\d+)?m?s\)", "(1s)"),
            (r" +\b(\d+m)?\d+(\.\d+)?m?s\b", " 1s"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:22"),
            (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:…"),
            (r"\[127\.0\.0\.1\]:\d+", "[127.0.0.1]:22"),
            (r"ansible_port(.): \d+", "ansible_port$1: 22"),
            (r"/\S*/patchwave-fleet-[A-Za-z0-9]+", "[fleet]"),
            (account.as_str(), "ann@jump"),
            (
                r"; (next: [^)]*\)|open until \w+\s+\d+\s+\w+\s+\d+,\s+\d\d:\d\d\s+\w+)",
                "; next: Sun 13 Dec 2026, 02:00 CET (in 15d 2h)",
            ),
            (r"\b\d+ s\b", "1 s"),
            // The message about a closed connection depends on what was still on its way.
            (r"the connection broke: Connection reset by peer \(os error 104\)", "the host closed the connection"),
            (r"(pid|process) \d+", "$1 1"),
        ]
        .map(|(rule, with)| (Regex::new(rule).unwrap(), with))
        .into()
    })
}

/// Whether there is a process whose command line contains `text`.
pub fn running(text: &str) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    entries.flatten().any(|entry| {
        let told = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        Path::new(&entry.file_name()).to_string_lossy().parse::<u32>().is_ok()
            && String::from_utf8_lossy(&told).contains(text)
    })
}
