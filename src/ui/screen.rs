//! A terminal made from a writer, for indicatif to draw on. Knows control sequences, not what is drawn.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use console::measure_text_width;
use indicatif::TermLike;

use super::Size;

/// A terminal made from a writer. Buffers a redraw and writes it in one go. Errors are ignored, because a run must not
/// stop when the terminal is gone.
///
/// indicatif fills each line with blanks up to the edge, so that the next one begins below it. Here a line end takes
/// their place: a terminal that becomes narrower or wider breaks filled lines at other places, and then nobody knows
/// how many there are.
pub(super) struct Screen {
    out: Mutex<Output>,
    size: Arc<dyn Fn() -> Size + Send + Sync>,
}

struct Output {
    out: Box<dyn Write + Send>,
    gathered: Vec<u8>,
    /// The line has its blanks: the next text begins below it. (After the blanks of the last line, the `^C` that the
    /// terminal prints would begin a line that is not counted.)
    ended: bool,
    /// How wide the lines of this redraw are.
    drawn: Vec<usize>,
    /// The width of the terminal when this redraw began.
    columns: u16,
    /// The same of the redraw before.
    before: (Vec<usize>, u16),
    /// Nothing was written since the last redraw.
    fresh: bool,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl Screen {
    pub(super) fn new(out: Box<dyn Write + Send>, size: Arc<dyn Fn() -> Size + Send + Sync>) -> Self {
        let output = Output {
            out,
            gathered: Vec::new(),
            ended: false,
            drawn: Vec::new(),
            columns: size().columns,
            before: (Vec::new(), size().columns),
            fresh: true,
        };
        Self { out: Mutex::new(output), size }
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, text: &str) -> io::Result<()> {
        let mut output = self.output();
        output.fresh = false;
        if std::mem::take(&mut output.ended) {
            output.gathered.extend_from_slice(b"\r\n");
            output.drawn.push(0);
        }
        if output.drawn.is_empty() {
            output.drawn.push(0);
        }
        if let Some(width) = output.drawn.last_mut() {
            *width += measure_text_width(text);
        }
        output.gathered.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// A control sequence that does not depend on the cursor's column.
    fn control(&self, sequence: &str) -> io::Result<()> {
        let mut output = self.output();
        (output.ended, output.fresh) = (false, false);
        output.gathered.extend_from_slice(sequence.as_bytes());
        Ok(())
    }

    /// A control sequence with a count (ECMA-48 CSI); a count of 0 would mean 1.
    fn steer(&self, n: usize, letter: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.control(&format!("\x1b[{n}{letter}")) }
    }

    /// A redraw begins, and the cursor is in the last of the `lines` that are to be replaced. If the terminal has
    /// another width by now, it has broken them again: they are removed here, and as many empty ones take their place.
    fn after_resize(&self, lines: usize) {
        let Size { columns, reflows, .. } = (self.size)();
        let mut output = self.output();
        if !output.fresh {
            return;
        }
        output.columns = columns;
        let (before, width) = &output.before;
        if !reflows || *width == columns || columns == 0 {
            return;
        }
        let rows: usize = before.iter().rev().take(lines).map(|wide| wide.div_ceil(columns.into()).max(1)).sum();
        let up = if rows > 1 { format!("\x1b[{}A", rows - 1) } else { String::new() };
        let clean = format!("\r{up}\x1b[J{}", "\n".repeat(lines.saturating_sub(1)));
        output.gathered.extend_from_slice(clean.as_bytes());
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
        self.after_resize(n + 1);
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
            self.output().ended = true;
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.control("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let mut output = self.output();
        let Output { out, gathered, drawn, columns, .. } = &mut *output;
        let _ = out.write_all(gathered).and_then(|()| out.flush());
        gathered.clear();
        output.before = (std::mem::take(drawn), *columns);
        output.fresh = true;
        Ok(())
    }
}
