//! Everything that comes from outside: streams, environment, folder, time, and the person at the terminal. Created once
//! and passed down; nothing below uses a global.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Read, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::{failure::Failure, project_dates::Said, terminal::keyboard::Keyboard, who::Who};
use crate::{
    calendar::Dates,
    clock::{Clock, SystemClock},
    inventory::Fallbacks,
    prompt::Prompt,
    transport::Transport,
    ui::{self, Colour, Paint, ScreenLock, Size},
};
use jiff::tz::TimeZone;

/// A stream that several may write to.
#[derive(Clone)]
pub struct Out(Arc<Mutex<Box<dyn Write + Send>>>);

impl Out {
    /// Shares `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(writer))))
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// Reads standard input to its end, but at most this many bytes.
pub type Input = dyn Fn(u64) -> io::Result<Vec<u8>> + Send + Sync;

/// The outside world of one command.
pub struct World {
    /// Data.
    pub stdout: Out,
    /// Talk.
    pub stderr: Out,
    /// Whether standard input is a terminal, so that a person can be asked.
    pub stdin_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal, so that bars can be drawn.
    pub stderr_is_terminal: bool,
    /// Columns, where they are known.
    pub columns: Option<u16>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The current folder.
    pub folder: PathBuf,
    /// Who runs this.
    pub who: Who,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Asks the person at the terminal.
    pub prompt: Arc<dyn Prompt>,
    /// Reads standard input to its end, but at most this many bytes.
    pub input: Arc<Input>,
    /// Keeps bars off the screen during questions.
    pub screen: ScreenLock,
    /// A transport instead of SSH, for tests.
    pub transport: Option<Arc<dyn Transport>>,
    /// What settings say about connections of all hosts; weaker than inventories.
    pub fallbacks: Fallbacks,
    /// Freezes and calendars of the project.
    pub dates: Said,
    /// Whether the process handles signals.
    pub signals: bool,
}

impl World {
    /// The real one.
    pub fn real() -> Self {
        Self {
            stdout: Out::new(std::io::stdout()),
            stderr: Out::new(std::io::stderr()),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            columns: console::Term::stderr().size_checked().map(|(_, columns)| columns),
            env: std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
            who: Who::real(std::env::var("SUDO_USER").ok().as_deref().filter(|name| !name.is_empty())),
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            clock: Arc::new(SystemClock),
            prompt: Arc::new(Keyboard::default()),
            input: Arc::new(read_input),
            screen: ScreenLock::default(),
            transport: None,
            fallbacks: Fallbacks::default(),
            dates: Said::default(),
            signals: true,
        }
    }

    /// An environment variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Who runs this command, and where: `root@jump1 (login ann)`.
    pub fn by(&self) -> String {
        self.who.person.beside(&format!("{}@{}", self.who.account, self.machine()))
    }

    /// The name of this machine.
    pub fn machine(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }

    /// The colours for a stream, from the environment and from whether it is a terminal.
    pub fn paint(&self, terminal: bool) -> Paint {
        Paint::decide(Colour::Auto, terminal, |name| self.env.get(name).cloned())
    }

    /// Columns for a table: the terminal's, `COLUMNS`, or 100 in a file.
    pub fn width(&self) -> u16 {
        let told = self.var("COLUMNS").and_then(|columns| columns.parse().ok());
        self.columns.or(told).unwrap_or(100).clamp(40, 400)
    }

    /// The terminal's size now; it may change while a run goes on.
    pub(super) fn terminal_size(&self) -> Size {
        self.terminal()()
    }

    /// Reads the terminal's size.
    pub(super) fn terminal(&self) -> impl Fn() -> Size + Send + Sync + 'static {
        // These cut long lines. (tmux calls itself screen, too.)
        let term = self.var("TERM").unwrap_or("");
        let screen = self.var("STY").is_some() && self.var("TMUX").is_none();
        let reflows = self.var("XTERM_VERSION").is_none() && !screen && term != "linux" && !term.starts_with("rxvt");
        move || {
            let of = |term: console::Term| term.size_checked();
            let found = of(console::Term::stderr()).or_else(|| of(console::Term::stdout()));
            let (rows, columns) = found.unwrap_or((24, 80));
            Size { rows, columns, reflows }
        }
    }

    /// The time zone for display: `TZ`, or else the system's.
    pub fn zone(&self) -> TimeZone {
        self.var("TZ")
            .and_then(|name| TimeZone::get(name.trim_start_matches(':')).ok())
            .unwrap_or_else(TimeZone::system)
    }

    /// Freezes and calendars of the project, with their files as they are now.
    pub(super) fn dates(&self) -> Dates {
        self.dates.load(|path| self.shown(path))
    }

    /// A path as the operator wrote it, made absolute.
    pub fn absolute(&self, path: &std::path::Path) -> PathBuf {
        self.folder.join(path)
    }

    /// A path as it is shown and can be typed: relative if it is inside the current folder.
    pub fn shown(&self, path: &std::path::Path) -> String {
        match path.strip_prefix(&self.folder) {
            Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
            Ok(below) => below.display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }

    /// Writes data; returns the exit code for a command that only prints. It is not an error if the reader is gone (`|
    /// head`).
    pub(super) fn print(&mut self, text: &str) -> Result<u8, Failure> {
        match self.stdout.write_all(text.as_bytes()).and_then(|()| self.stdout.flush()) {
            Ok(()) => Ok(0),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            Err(error) => Err(Failure::internal(format!("standard output cannot be written: {error}"))),
        }
    }

    /// Writes a line for people. Errors are ignored, so that a closed terminal does not stop the command.
    pub fn talk(&mut self, line: impl std::fmt::Display) {
        let _ = writeln!(self.stderr, "{line}");
    }

    /// Writes an error or a warning, which begins with that word.
    pub fn complain(&mut self, text: impl std::fmt::Display) {
        let width = self.stderr_is_terminal.then(|| self.width());
        let text = ui::complaint(&text.to_string(), self.paint(self.stderr_is_terminal), width);
        self.talk(text);
    }
}

fn read_input(most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin().take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
