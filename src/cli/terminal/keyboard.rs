//! The terminal's keyboard: only one question reads it at a time. A wait for an approval, which can also be given
//! elsewhere, lets any other question go first. However the program ends, the terminal is left as it was. Start at
//! [`Keyboard`].

use std::{
    fs::OpenOptions,
    io::{self, Write},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Signal, getpid, kill_process},
    termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr},
};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::prompt::Prompt;

/// How often the wait for an approval checks whether another question wants the keyboard.
const LOOK: Duration = Duration::from_millis(50);
/// The longest answer.
const LONGEST: usize = 4 << 10;

/// The keyboard of the terminal that the program was started at.
#[derive(Default)]
pub(in crate::cli) struct Keyboard {
    /// Held by the question that is reading.
    turn: Mutex<()>,
    /// Questions that wait for their turn.
    waiting: AtomicUsize,
    /// The terminal as it was, while a secret is typed.
    before: Mutex<Option<Termios>>,
}

impl Prompt for Keyboard {
    fn line(&self, question: &str) -> Option<String> {
        self.alone(|| {
            forget_typed();
            show(question);
            read_line()
        })
    }

    /// Ctrl-C sends its usual signal, after the terminal echoes again.
    fn secret(&self, question: &str) -> Option<SecretString> {
        self.alone(|| {
            let before = tcgetattr(io::stdin()).ok()?;
            let mut hidden = before.clone();
            hidden.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
            hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
            hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
            *self.before() = Some(before);
            // Input from before the question is dropped.
            tcsetattr(io::stdin(), OptionalActions::Flush, &hidden).ok()?;
            show(question);
            let typed = typed_secret(|| byte(&mut [0]));
            show("\n");
            self.restore();
            match typed {
                Typed::Line(line) => Some(line),
                Typed::Nothing => None,
                Typed::Interrupt => {
                    let _ = kill_process(getpid(), Signal::INT);
                    None
                }
            }
        })
    }

    /// Goes on waiting after any other question.
    fn listen(&self) -> Option<String> {
        loop {
            while self.waiting.load(Ordering::SeqCst) > 0 {
                sleep(LOOK);
            }
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            forget_typed();
            while self.waiting.load(Ordering::SeqCst) == 0 {
                if typed()? {
                    return read_line();
                }
            }
        }
    }

    /// Makes the terminal echo again if a secret was being typed.
    fn restore(&self) {
        if let Some(before) = self.before().take() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

impl Keyboard {
    fn alone<T>(&self, read: impl FnOnce() -> T) -> T {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        read()
    }

    fn before(&self) -> MutexGuard<'_, Option<Termios>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops input that was typed before a question was shown.
fn forget_typed() {
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
}

/// Whether there is something to read, after a short wait; `None`: there never will be.
fn typed() -> Option<bool> {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let pause = Timespec { tv_sec: 0, tv_nsec: LOOK.as_nanos().try_into().unwrap_or(50_000_000) };
    match poll(&mut fds, Some(&pause)) {
        Ok(0) | Err(Errno::INTR) => Some(false),
        Ok(_) => Some(true),
        Err(_) => None,
    }
}

/// Writes to the terminal, even if standard error goes elsewhere.
fn show(text: &str) {
    let shown = match OpenOptions::new().write(true).open("/dev/tty") {
        Ok(mut terminal) => terminal.write_all(text.as_bytes()),
        Err(_) => io::stderr().write_all(text.as_bytes()),
    };
    // An error is ignored: if the terminal is gone, no answer comes either.
    let _ = shown;
}

/// The next byte, without the buffer of [`io::Stdin`], so that no later line is read ahead; `None` at the end.
fn byte(into: &mut [u8; 1]) -> Option<u8> {
    loop {
        match rustix::io::read(io::stdin(), &mut *into) {
            Ok(1..) => return Some(into[0]),
            Err(Errno::INTR) => {}
            Ok(0) | Err(_) => return None,
        }
    }
}

fn read_line() -> Option<String> {
    let mut line = Vec::new();
    loop {
        match byte(&mut [0]) {
            Some(b'\n') => break,
            Some(byte) if line.len() < LONGEST => line.push(byte),
            Some(_) => {}
            None if line.is_empty() => return None,
            None => break,
        }
    }
    Some(String::from_utf8_lossy(&line).trim().to_owned())
}

/// The result of asking for a secret.
#[cfg_attr(test, derive(Debug))]
enum Typed {
    Line(SecretString),
    Nothing,
    Interrupt,
}

/// Reads keys up to the end of a line, and handles the few editing keys that a terminal usually handles itself.
fn typed_secret(mut key: impl FnMut() -> Option<u8>) -> Typed {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        match key() {
            Some(b'\n' | b'\r') => break,
            Some(0x03) => return Typed::Interrupt,
            // Ctrl-D ends the input, like the end of a file.
            Some(0x04) | None if line.is_empty() => return Typed::Nothing,
            Some(0x04) | None => break,
            Some(0x7f | 0x08) => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-U: start over.
            Some(0x15) => line.clear(),
            Some(byte) if byte >= b' ' && line.len() < LONGEST => line.push(byte),
            Some(_) => {}
        }
    }
    match std::str::from_utf8(&line) {
        Ok(text) => Typed::Line(SecretString::from(text)),
        Err(_) => Typed::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn keys_make_a_secret() {
        for (keys, expected) in [
            ("pass\n", Ok("pass")),
            ("p\u{e4}\u{7f}ass\r", Ok("pass")),
            ("\u{7f}x\u{8}\u{8}pass\n", Ok("pass")),
            ("wrong\u{15}pass\u{1a}\n", Ok("pass")),
            (" blanks \n", Ok(" blanks ")),
            ("pass\u{4}more", Ok("pass")),
            ("\n", Ok("")),
            ("\u{4}", Err(false)),
            ("", Err(false)),
            ("pa\u{3}ss\n", Err(true)),
        ] {
            let mut bytes = keys.bytes();
            let typed = match typed_secret(|| bytes.next()) {
                Typed::Line(line) => Ok(line.expose_secret().to_owned()),
                Typed::Nothing => Err(false),
                Typed::Interrupt => Err(true),
            };
            assert_eq!(typed.as_deref().map_err(|end| *end), expected, "{keys:?}");
        }
        let mut endless = std::iter::repeat_n(b'x', 2 * LONGEST).chain([b'\n']);
        assert!(matches!(typed_secret(|| endless.next()), Typed::Line(line) if line.expose_secret().len() == LONGEST));
    }
}
