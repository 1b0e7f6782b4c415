//! A terminal made from a writer, for indicatif to draw on. Knows control sequences, not what is drawn.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use indicatif::TermLike;

use super::Size;

/// A terminal made from a writer. Buffers a redraw and writes it in one go. Errors are ignored, because a run must not
/// stop when the terminal is gone.
pub(super) struct Screen {
    out: Mutex<Output>,
    size: Arc<dyn Fn() -> Size + Send + Sync>,
}

struct Output {
    out: Box<dyn Write + Send>,
    gathered: Vec<u8>,
    /// Blanks up to the edge of the screen, which follow each line. They are written only when more text comes: after
    /// the blanks of the last line, the `^C` that the terminal prints would begin a line that is not counted.
    blanks: usize,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl Screen {
    pub(super) fn new(out: Box<dyn Write + Send>, size: Arc<dyn Fn() -> Size + Send + Sync>) -> Self {
        Self { out: Mutex::new(Output { out, gathered: Vec::new(), blanks: 0 }), size }
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, text: &str) -> io::Result<()> {
        let mut output = self.output();
        let blanks = std::mem::take(&mut output.blanks);
        output.gathered.extend(std::iter::repeat_n(b' ', blanks));
        output.gathered.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// A control sequence that does not depend on the cursor's column.
    fn control(&self, sequence: &str) -> io::Result<()> {
        let mut output = self.output();
        output.blanks = 0;
        output.gathered.extend_from_slice(sequence.as_bytes());
        Ok(())
    }

    /// A control sequence with a count (ECMA-48 CSI); a count of 0 would mean 1.
    fn steer(&self, n: usize, letter: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.control(&format!("\x1b[{n}{letter}")) }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        (self.size)().columns
    }

    fn height(&self) -> u16 {
        (self.size)().rows
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.steer(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.steer(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.steer(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.steer(n, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.put(line)?;
        self.put("\r\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if text.bytes().any(|byte| byte != b' ') {
            return self.put(text);
        }
        if !text.is_empty() {
            self.put("")?;
            self.output().blanks = text.len();
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.control("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let mut output = self.output();
        let Output { out, gathered, .. } = &mut *output;
        let _ = out.write_all(gathered).and_then(|()| out.flush());
        gathered.clear();
        Ok(())
    }
}
