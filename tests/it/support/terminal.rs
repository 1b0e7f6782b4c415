//! A terminal with a person at it: a program in its own session, behind a pseudo-terminal that `script` holds. Keys are
//! sent when the program has asked; its output is kept as it comes.

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// After this time, a test counts as hung.
const HUNG: Duration = Duration::from_secs(120);

/// A program behind a terminal; ended when dropped.
pub struct Terminal {
    child: Child,
    keys: Option<ChildStdin>,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Runs a line of `/bin/sh` with `columns` columns. `outer` wraps it: it gets the words of `script` as arguments.
    pub fn start(mut outer: Command, columns: u16, line: &str) -> Self {
        let line = format!("stty rows 30 cols {columns}; {line}");
        outer.args(["script", "-q", "-e", "-c", &line, "/dev/null"]);
        // `script` gives the line to `$SHELL`.
        outer.env("SHELL", "/bin/sh").env("TERM", "xterm");
        let mut child =
            outer.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("script");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (child.stdout.take().expect("piped"), Arc::clone(&screen));
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut piece) {
                to.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..n]);
            }
        });
        Self { keys: child.stdin.take(), child, screen, reader: Some(reader) }
    }

    /// Everything that was written so far, control sequences included.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until `words` appear after the first `from` bytes of the output; returns where they end.
    #[track_caller]
    pub fn until(&mut self, from: usize, words: &str) -> usize {
        let found = self.or_over(from, words);
        found.unwrap_or_else(|| panic!("it never said {words:?}:\n{}", self.text()))
    }

    /// The same, but `None` if the program ends before.
    #[track_caller]
    pub fn or_over(&mut self, from: usize, words: &str) -> Option<usize> {
        let end = Instant::now() + HUNG;
        loop {
            let over = self.child.try_wait().expect("a child").is_some();
            let text = self.text();
            if let Some(at) = text.get(from..).and_then(|new| new.find(words)) {
                return Some(from + at + words.len());
            }
            if over {
                return None;
            }
            assert!(Instant::now() < end, "it never said {words:?}:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses these keys.
    pub fn press(&mut self, keys: &str) {
        let to = self.keys.as_mut().expect("the terminal is there");
        to.write_all(keys.as_bytes()).and_then(|()| to.flush()).expect("the terminal takes keys");
    }

    /// Waits for the question, answers it, and returns where the question ended.
    #[track_caller]
    pub fn answer(&mut self, from: usize, question: &str, answer: &str) -> usize {
        let at = self.until(from, question);
        self.press(&format!("{answer}\n"));
        at
    }

    /// Waits for the end; returns the exit code and everything that was written.
    #[track_caller]
    pub fn end(mut self) -> (i32, String) {
        let end = Instant::now() + HUNG;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                if let Some(reader) = self.reader.take() {
                    let _ = reader.join();
                }
                return (status.code().unwrap_or(-1), self.text());
            }
            assert!(Instant::now() < end, "it hangs:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.keys.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
