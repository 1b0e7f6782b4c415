//! A program on a terminal that is drawn: its screen is read as a person sees it, with its colours.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(120);

/// A terminal with a program in it; both end when this is dropped.
pub struct Tmux {
    socket: String,
}

impl Tmux {
    /// Starts a command line in `folder`, on a terminal of this size. Its `HOME` is the folder, and this program is in
    /// its `PATH`.
    pub fn start(columns: u16, rows: u16, folder: &Path, line: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let tmux = Self { socket: format!("patchwave-{}-{count}", std::process::id()) };
        let program = Path::new(env!("CARGO_BIN_EXE_patchwave")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let folder = folder.display().to_string();
        let line = format!("env -u TMUX -u SSH_AUTH_SOCK PATH='{path}' HOME='{folder}' {line}");
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let size = ["-x", &columns, "-y", &rows, "-c", &folder];
        tmux.tmux(&[&["-u", "-f", "/dev/null", "new-session", "-d"][..], &size, &[&line]].concat());
        tmux
    }

    fn tmux(&self, words: &[&str]) -> String {
        let done = Command::new("tmux").arg("-L").arg(&self.socket).args(words).output().unwrap();
        assert!(done.status.success(), "tmux {words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Presses keys, by tmux's names for them, or types words.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Gives the terminal another size, as a person does with its window.
    pub fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &rows]);
    }

    /// Everything that was printed so far, wrapped as on the screen, with its colours as control sequences.
    pub fn coloured(&self) -> String {
        self.tmux(&["capture-pane", "-e", "-p", "-S", "-"])
    }

    /// The same, with the lines whole that the terminal had to break.
    pub fn joined(&self) -> String {
        self.tmux(&["capture-pane", "-e", "-p", "-J", "-S", "-"])
    }

    /// What is on the screen now.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen has this text; returns the screen.
    #[track_caller]
    pub fn until(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(began.elapsed() < LIMIT, "never on the screen: {text}\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}
