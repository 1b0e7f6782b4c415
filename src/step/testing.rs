//! The base of the steps' tests: hosts that are folders on this machine, with shims in `bin/`, and a step context.
//! Start at [`Bench`].

use std::{
    collections::{HashMap, VecDeque},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, time::Instant};

use super::{Ask, Claim, Controller, Interrupted, NoEnd, Ran, StepCx, StepJournal, StepLog};
use crate::{
    clock::SystemClock,
    command::{Command, Exit, Output},
    event::{RunId, StepPhase, StepRef},
    host::HostName,
    pkg::Undo,
    playbook::{StepKind, StepSpec, TemplateScope},
    target::Target,
    transport::{Class, ConnectError, ExecError, Link, Phase, Session, Sink, Stream, Transport},
};

/// What happens to the next command with a certain label.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection is cut this long after the command began; its process is killed.
    CutAfter(Duration),
    /// The connection is cut this long after the command began; its process goes on.
    LoseAfter(Duration),
    /// As [`Fault::LoseAfter`], and nothing that the command said arrives.
    NotHeardAfter(Duration),
    /// The connection is cut before the command is sent.
    NotSent,
}

/// A host that is a folder: commands run here, with `PATCHWAVE_ROOT` set to it.
#[derive(Clone, Default)]
pub(crate) struct LocalTransport {
    root: PathBuf,
    faults: Arc<Mutex<HashMap<&'static str, VecDeque<Fault>>>>,
    /// Labels of the commands that ran, in order.
    pub ran: Arc<Mutex<Vec<&'static str>>>,
    /// Connection attempts that fail from now on. All do while the host has the file `locked-out`.
    pub refuse: Arc<Mutex<VecDeque<Class>>>,
    /// Connections that were opened.
    pub opened: Arc<AtomicUsize>,
}

impl Transport for LocalTransport {
    fn connect(&self, _: Arc<Target>) -> BoxFuture<'_, Result<Box<dyn Session>, ConnectError>> {
        Box::pin(async {
            let locked_out = self.root.join("locked-out").exists().then_some(Class::TimedOut);
            if let Some(class) = locked_out.or_else(|| self.refuse.lock().unwrap().pop_front()) {
                return Err(ConnectError {
                    phase: Phase::Connect,
                    class,
                    message: format!("cannot connect ({class})"),
                    help: None,
                });
            }
            self.opened.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(self.clone()) as Box<dyn Session>)
        })
    }
}

impl Session for LocalTransport {
    fn exec<'a>(
        &'a mut self,
        command: &'a Command,
        sink: &'a mut dyn Sink,
    ) -> BoxFuture<'a, Result<Output, ExecError>> {
        Box::pin(async move {
            let fault = self.faults.lock().unwrap().get_mut(command.label).and_then(VecDeque::pop_front);
            let error = |sent, class| ExecError { sent, class, message: format!("{class}"), help: None };
            if matches!(fault, Some(Fault::NotSent)) {
                return Err(error(false, Class::Lost));
            }
            self.ran.lock().unwrap().push(command.label);
            let line = command.shell_line().map_err(|_| error(false, Class::Local))?;
            let mut child = tokio::process::Command::new("/bin/sh")
                .args(["-c", &line])
                .env_clear()
                .env("PATCHWAVE_ROOT", &self.root)
                .current_dir("/")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0)
                .kill_on_drop(matches!(fault, Some(Fault::CutAfter(_)) | None))
                .spawn()
                .map_err(|_| error(false, Class::Local))?;
            let mut stdin = child.stdin.take().unwrap();
            let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            // As it comes: what was said before a cut was heard.
            let listen = async {
                let (mut one, mut other) = (vec![0; 8 << 10], vec![0; 8 << 10]);
                let mut open = [true, true];
                while open != [false, false] {
                    let (stream, piece) = tokio::select! {
                        n = out.read(&mut one), if open[0] => (Stream::Stdout, &one[..n?]),
                        n = err.read(&mut other), if open[1] => (Stream::Stderr, &other[..n?]),
                    };
                    if piece.is_empty() {
                        open[usize::from(stream == Stream::Stderr)] = false;
                    } else if !matches!(fault, Some(Fault::NotHeardAfter(_))) {
                        sink.write(stream, piece);
                        if stream == Stream::Stdout { &mut stdout } else { &mut stderr }.extend_from_slice(piece);
                    }
                }
                Ok::<_, std::io::Error>(())
            };
            let talk = async {
                let feed = async move {
                    // A program may end without reading its input.
                    let _ = stdin.write_all(&command.stdin).await;
                };
                tokio::join!(feed, listen).1?;
                child.wait().await
            };
            let limit = match fault {
                Some(Fault::CutAfter(time) | Fault::LoseAfter(time) | Fault::NotHeardAfter(time)) => {
                    time.min(command.timeout)
                }
                _ => command.timeout,
            };
            match tokio::time::timeout(limit, talk).await {
                Ok(status) if fault.is_none() => {
                    let status = status.map_err(|_| error(true, Class::Lost))?;
                    let mut dropped = 0;
                    for stream in [&mut stdout, &mut stderr] {
                        dropped += stream.len().saturating_sub(command.keep) as u64;
                        stream.truncate(command.keep);
                    }
                    let exit = match (status.code(), status.signal()) {
                        (Some(code), _) => Exit::Code(code as u32),
                        (None, signal) => Exit::Signal(signal.unwrap_or(0).to_string()),
                    };
                    Ok(Output { exit, stdout, stderr, dropped })
                }
                _ if fault.is_some() => Err(error(true, Class::Lost)),
                _ => Err(error(true, Class::CommandTimeout)),
            }
        })
    }

    /// The content of `host-key` on the host.
    fn host_key(&self) -> Option<String> {
        std::fs::read_to_string(self.root.join("host-key")).ok()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// Remembers notes and progress messages.
#[derive(Default)]
pub(crate) struct Notebook {
    pub notes: Map<String, Value>,
    pub progress: Vec<String>,
    /// Refuses every note from now on.
    pub closed: bool,
}

impl StepJournal for Notebook {
    fn note<'a>(&'a mut self, key: &'a str, value: Value) -> BoxFuture<'a, Result<(), Interrupted>> {
        Box::pin(async move {
            if self.closed {
                return Err(Interrupted);
            }
            self.notes.insert(key.to_owned(), value);
            Ok(())
        })
    }

    fn progress(&mut self, text: &str) {
        self.progress.push(text.to_owned());
    }
}

/// Keeps both streams, in order of arrival, and how much of each job's output there is.
#[derive(Default)]
pub(crate) struct Log(pub Vec<u8>, HashMap<String, u64>);

impl Sink for Log {
    fn write(&mut self, _: Stream, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl StepLog for Log {
    fn job_offset(&mut self, job: &str) -> u64 {
        self.1.get(job).copied().unwrap_or(0)
    }

    fn write_job(&mut self, job: &str, bytes: &[u8]) {
        *self.1.entry(job.to_owned()).or_default() += bytes.len() as u64;
        self.0.extend_from_slice(bytes);
    }

    fn flush(&mut self) {}
}

/// A jump box without programs or network.
pub(crate) struct NoController;

impl Controller for NoController {
    fn run<'a>(&'a self, _: &'a Command, _: &'a Claim, _: &'a mut dyn Sink) -> Ran<'a> {
        Box::pin(async { Err(NoEnd::Failed("no programs here".to_owned())) })
    }

    fn http<'a>(&'a self, _: &'a str, _: Ask<'a>, _: Duration) -> BoxFuture<'a, Result<(u16, Vec<u8>), String>> {
        Box::pin(async { Err("no network here".to_owned()) })
    }

    fn connects<'a>(&'a self, _: &'a str, _: u16, _: Duration) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Err("no network here".to_owned()) })
    }

    fn find(&self, _: &str) -> Option<PathBuf> {
        None
    }
}

/// One host in a temporary folder, and everything else that a step needs.
pub(crate) struct Bench {
    pub folder: tempfile::TempDir,
    pub transport: LocalTransport,
    pub link: Link,
    pub run: RunId,
    pub host: HostName,
    pub spec: StepSpec,
    pub attempt: u32,
    pub check: bool,
    pub scope: TemplateScope,
    pub limit: Duration,
    pub journal: Notebook,
    pub log: Log,
    pub controller: Box<dyn Controller>,
    pub resumed: bool,
    pub undo: Undo,
    notes: Map<String, Value>,
}

impl Bench {
    /// A host that has booted and has nothing on it, and a step of this kind.
    pub fn new(kind: StepKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let transport = LocalTransport { root: folder.path().to_owned(), ..Default::default() };
        let host = HostName::new("web1").unwrap();
        let target = Arc::new(Target::plain(host.clone(), "127.0.0.1"));
        let bench = Self {
            link: Link::new(Arc::new(transport.clone()), target),
            transport,
            run: RunId("20261122-020003-kxfa".into()),
            host,
            spec: spec(kind),
            attempt: 1,
            check: false,
            scope: TemplateScope::default(),
            limit: Duration::from_secs(30),
            journal: Notebook::default(),
            log: Log::default(),
            controller: Box::new(NoController),
            resumed: false,
            undo: Undo::default(),
            notes: Map::new(),
            folder,
        };
        bench.boots("boot-1");
        bench
    }

    /// The context of the step's next attempt, with the notes of those before.
    pub fn cx(&mut self) -> StepCx<'_> {
        self.notes = self.journal.notes.clone();
        StepCx {
            run: &self.run,
            host: &self.host,
            owner: "ann@jump1",
            step: StepRef { phase: StepPhase::Main, index: 0 },
            attempt: self.attempt,
            gate: None,
            spec: &self.spec,
            check: self.check,
            scope: &self.scope,
            link: &mut self.link,
            deadline: Instant::now() + self.limit,
            notes: &self.notes,
            guard: super::guard::Known::default(),
            lost_lease: None,
            leased: false,
            holds_lease: false,
            heard: super::Heard::default(),
            undo: &self.undo,
            resumed: self.resumed,
            journal: &mut self.journal,
            log: &mut self.log,
            controller: &*self.controller,
            clock: Arc::new(SystemClock),
        }
    }

    /// The next commands with this label hit these faults.
    pub fn faults(&self, label: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.transport.faults.lock().unwrap().entry(label).or_default().extend(faults);
    }

    /// No more faults.
    pub fn no_faults(&self) {
        self.transport.faults.lock().unwrap().clear();
    }

    /// A path on the host.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside.trim_start_matches('/'))
    }

    /// Puts a file on the host.
    pub fn file(&self, inside: &str, text: impl AsRef<[u8]>) {
        let path = self.path(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Puts a program on the host, found before those of this machine.
    pub fn shim(&self, name: &str, body: &str) {
        let path = format!("bin/{name}");
        self.file(&path, format!("#!/bin/sh\n{body}\n"));
        std::fs::set_permissions(self.path(&path), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The host's boot id from now on.
    pub fn boots(&self, id: &str) {
        self.file("proc/sys/kernel/random/boot_id", format!("{id}\n"));
    }

    /// How often a command with this label ran.
    pub fn count(&self, label: &str) -> usize {
        self.transport.ran.lock().unwrap().iter().filter(|ran| **ran == label).count()
    }
}

/// A step of this kind with default settings.
pub(crate) fn spec(kind: StepKind) -> StepSpec {
    StepSpec { name: "step".into(), ..StepSpec::of(kind) }
}

/// Waits until `path` exists; fails after ten seconds.
pub(crate) async fn appears(path: &Path) {
    for _ in 0..500 {
        if path.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} does not appear", path.display());
}

/// Puts an apt on the host with one pending security update: `libssl3 1`, which becomes `2`. Calls of `apt-get` and
/// `apt-mark` are lines of the file `calls`; what it prints is in files that a test may overwrite.
pub(crate) fn patchable(bench: &Bench) {
    bench.file("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    bench.file("calls", "");
    let inst = "Inst libssl3 [1] (2 Debian-Security:stable-security [amd64])\n";
    bench.file("outlook", inst);
    bench.file("simulation", inst);
    bench.file(
        "tables",
        "libssl3:\n  Installed: 1\n  Candidate: 2\n  Version table:\n     2 500\n        500 sec Packages\n *** 1 100\n        \
         100 /var/lib/dpkg/status\n",
    );
    bench.file("packages", "pkg\tlibssl3\t1\tamd64\tinstall\tinstalled\tok\n");
    bench.shim(
        "apt-get",
        r#"echo "apt-get $*" >>"$PATCHWAVE_ROOT/calls"
case "$*" in
*indextargets*) echo 'sec Packages|Debian|Debian-Security|stable-security|bookworm-security' ;;
-s*upgrade) cat "$PATCHWAVE_ROOT/outlook" ;;
-s*) cat "$PATCHWAVE_ROOT/simulation" ;;
*"-d install"*) ;;
*install*) sed -i 's/\t1\t/\t2\t/' "$PATCHWAVE_ROOT/packages" ;;
esac"#,
    );
    bench.shim("apt-cache", r#"cat "$PATCHWAVE_ROOT/tables""#);
    bench.shim("dpkg-query", r#"case "$*" in *Want*) cat "$PATCHWAVE_ROOT/packages" ;; *) exit 1 ;; esac"#);
    bench.shim("dpkg", "echo amd64");
    bench.shim("apt-mark", r#"[ "$1" = showauto ] || echo "apt-mark $*" >>"$PATCHWAVE_ROOT/calls""#);
    bench.shim("id", "echo 0");
    bench.shim("uname", "echo 6.1.0-98-amd64");
}
