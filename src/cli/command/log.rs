//! `patchwave log`: the output of one host in a run.

use std::{
    io::{Read, Write},
    path::PathBuf,
    sync::Arc,
};

use crate::{
    cli::{Failure, World, args::LogArgs, command_lines::program, which_run::newest_or},
    command::shows,
    event::RunId,
    hint::Hint,
    host::HostName,
    ledger::Ledger,
    ui,
    view::RunView,
};

pub(in crate::cli) fn log(args: &LogArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let ledger = Ledger::open_read_only(&state_dir)?;
    let run = newest_or(&ledger, args.run.as_deref(), "log", &state_dir, world)?;
    let host = HostName::new(&args.host).map_err(Failure::usage)?;
    let running = !ledger.driver(&run).is_nobody();
    let state = ledger.state(&run)?;
    let found = state.host(&host).ok_or_else(|| not_in(&ledger, &run, &host))?;
    world.print(&ui::host_text(&RunView::of(&state).running(running), found, &program(&state_dir, world)))?;
    let path = ledger.logs(&run, Arc::clone(&world.clock)).path(&host);
    match std::fs::File::open(&path) {
        Ok(mut file) => copy(&mut file, world),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => world.print("(no output)\n"),
        Err(error) => Err(Failure::internal(format!("{}: {error}", path.display()))),
    }
}

fn not_in(ledger: &Ledger, run: &RunId, host: &HostName) -> Failure {
    let failure = Failure::usage(format!("{host} is not in run {run}"));
    match ledger.find(host.as_str()) {
        Ok(named) => failure
            .help(Hint::words(format!("{host} is a run; name a host of it: ")).and_command("log", &[&named.0, "HOST"])),
        Err(_) => failure.help(Hint::words("its hosts: ").and_command("show", &[&run.0, "--all"])),
    }
}

/// The log as it is, except for characters that must not reach a terminal.
fn copy(file: &mut std::fs::File, world: &mut World) -> Result<u8, Failure> {
    let mut piece = vec![0; 64 << 10];
    let mut text = Harmless::default();
    loop {
        let n = file.read(&mut piece).map_err(Failure::internal)?;
        let written = match world.stdout_is_terminal {
            true => world.stdout.write_all(text.take(&piece[..n]).as_bytes()),
            false => world.stdout.write_all(&piece[..n]),
        };
        if n == 0 || written.is_err() {
            return Ok(0);
        }
    }
}

/// Makes text safe that comes in pieces; characters that are not printable become blanks.
#[derive(Default)]
struct Harmless {
    /// The first bytes of a character that is not complete yet.
    begun: Vec<u8>,
}

impl Harmless {
    /// The safe text so far; an empty piece marks the end.
    fn take(&mut self, piece: &[u8]) -> String {
        self.begun.extend_from_slice(piece);
        let whole = match std::str::from_utf8(&self.begun) {
            // The piece ends in the middle of a character.
            Err(error) if error.error_len().is_none() && !piece.is_empty() => error.valid_up_to(),
            // After an invalid character, the last one may be cut.
            Err(_) if !piece.is_empty() => self.begun.len() - cut(&self.begun),
            _ => self.begun.len(),
        };
        let rest = self.begun.split_off(whole);
        let text = String::from_utf8_lossy(&std::mem::replace(&mut self.begun, rest)).into_owned();
        text.chars().map(|c| if "\n\t".contains(c) || shows(c) { c } else { ' ' }).collect()
    }
}

/// How many bytes at the end begin a character that is not complete.
fn cut(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    (from..bytes.len())
        .find(|at| {
            let tail = &bytes[*at..];
            std::str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .map_or(0, |at| bytes.len() - at)
}

#[cfg(test)]
mod tests {
    use super::Harmless;

    #[test]
    fn what_a_terminal_would_act_on_is_blank_wherever_it_is_cut() {
        let text = "a\x1b[2Jb\u{9b}2J\u{202e}c\t\u{e4}\u{1f600}\u{2800}\n".as_bytes();
        let bytes = [text, b"\xff\xf0\x9f", text, b"\xe2\x80"].concat();
        let shown = "a [2Jb 2J c\t\u{e4}\u{1f600} \n";
        let expected = format!("{shown}\u{fffd}\u{fffd}{shown}\u{fffd}");
        for cut in 0..bytes.len() {
            let mut harmless = Harmless::default();
            let parts = [&bytes[..cut], &bytes[cut..], b""].map(|piece| match piece {
                // An empty piece before the end is left out.
                b"" if cut == 0 => String::new(),
                piece => harmless.take(piece),
            });
            assert_eq!(parts.concat() + &harmless.take(b""), expected, "{cut}");
        }
    }
}
