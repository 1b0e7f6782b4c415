//! The ledger read back: `runs`, `show`, `log`; and what another shell asks of a run: `approve`, `stop`.

use std::{
    borrow::Cow,
    io::{Read, Write},
    path::PathBuf,
    sync::Arc,
};

use serde_json::Value;

use super::{
    Failure, World,
    args::{LogArgs, RunsArgs, ShowArgs},
    commands::print,
    rollout::{ledger_failure, line_of, next},
};
use crate::{
    command::shows,
    event::{RunId, Stop},
    host::HostName,
    ledger::{Driver, Ledger, LedgerError, Request, Wanted},
    playbook::hide_addresses,
    ui,
    view::RunView,
};

pub(super) fn runs(args: &RunsArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let mut states = Vec::new();
    let mut unread = Vec::new();
    match Ledger::open_read_only(&state_dir) {
        // No run yet is an answer.
        Err(LedgerError::Absent { .. }) => {}
        Err(error) => return Err(ledger_failure(error)),
        Ok(ledger) => {
            for row in ledger.runs(args.number).map_err(ledger_failure)? {
                let alive = !ledger.driver(&row.run).is_nobody();
                // One that cannot be read does not hide the others.
                match ledger.state(&row.run) {
                    Ok(state) => states.push((state, alive)),
                    Err(error @ (LedgerError::NewerRun { .. } | LedgerError::Damaged { .. })) => unread.push(error),
                    Err(error) => return Err(ledger_failure(error)),
                }
            }
        }
    }
    let text = if args.json {
        ui::runs_json(&states).iter().map(|row| format!("{row}\n")).collect()
    } else {
        ui::runs_text(&states, world.width(), world.zone())
    };
    if !states.is_empty() || unread.is_empty() {
        print(world, &text)?;
    }
    let mut code = 0;
    for error in unread {
        if matches!(error, LedgerError::Damaged { .. }) {
            code = 3;
        }
        world.talk(ledger_failure(error));
    }
    Ok(code)
}

pub(super) fn show(args: &ShowArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let ledger = Ledger::open_read_only(&state_dir).map_err(ledger_failure)?;
    let run = newest_or(&ledger, args.run.as_deref())?;
    if args.json {
        let mut text = String::new();
        let take = |line: &str| {
            text.push_str(&shown(line));
            text.push('\n');
            Ok(())
        };
        ledger.each_text(&run, take).map_err(ledger_failure)?;
        return print(world, &text);
    }
    // Asked first: what the controller recorded before it left is read after it.
    let driver = ledger.driver(&run);
    let state = ledger.state(&run).map_err(ledger_failure)?;
    if let Some(why) = &state.cut {
        world.talk(format_args!("run {run}: the end of its record is lost: {why}"));
    }
    match &driver {
        Driver::Nobody => {}
        Driver::Holder(holder) => world.talk(format_args!("{holder} is running this run")),
        Driver::Unclear(why) => {
            world.talk(format_args!("whether a controller is running this run cannot be seen from here: {why}"));
        }
    }
    // `@failed` means the newest run of a playbook; an older one is named.
    let newest = ledger.last_run_of(&state.started.playbook_path).map_err(ledger_failure)? == Some(run);
    let page = ui::Summary {
        width: world.width(),
        paint: world.paint(world.stdout_is_terminal),
        verbose: args.all,
        next: ui::CommandLines { newest, ..next(line_of(&state, world), &state_dir, world) },
    };
    print(world, &page.render(&RunView { state: &state, running: !driver.is_nobody(), now: world.clock.now() }))
}

/// A recorded event as it may be shown. Only the first one, with the plan in it, holds addresses.
fn shown(line: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Value>(line) {
        Ok(mut event) if event["event"] == "run_started" => {
            hide_addresses(&mut event["plan"]);
            event.to_string().into()
        }
        _ => line.into(),
    }
}

/// The run that was asked for, or the newest.
pub(super) fn newest_or(ledger: &Ledger, asked: Option<&str>) -> Result<RunId, Failure> {
    match asked {
        Some(prefix) => ledger.find(prefix).map_err(ledger_failure),
        None => ledger.last_run().map_err(ledger_failure)?.ok_or_else(|| Failure::usage("the ledger holds no run")),
    }
}

pub(super) fn log(args: &LogArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let ledger = Ledger::open_read_only(&state_dir).map_err(ledger_failure)?;
    let run = ledger.find(&args.run).map_err(ledger_failure)?;
    let host = HostName::new(&args.host).map_err(Failure::usage)?;
    let state = ledger.state(&run).map_err(ledger_failure)?;
    let found = state.host(&host).ok_or_else(|| Failure::usage(format!("{host} is not in run {run}")))?;
    print(world, &ui::host_text(&state, found))?;
    let path = ledger.logs(&run, Arc::clone(&world.clock)).path(&host);
    match std::fs::File::open(&path) {
        Ok(mut file) => copy(&mut file, world),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => print(world, "(the host has said nothing)\n"),
        Err(error) => Err(Failure::internal(format!("{}: {error}", path.display()))),
    }
}

/// The log as it is, but for what must not reach a terminal.
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

/// Text that comes in pieces; what does not show is a blank.
#[derive(Default)]
struct Harmless {
    /// The beginning of a character whose end has not come.
    begun: Vec<u8>,
}

impl Harmless {
    /// The text up to here; an empty piece is the end.
    fn take(&mut self, piece: &[u8]) -> String {
        self.begun.extend_from_slice(piece);
        let whole = match std::str::from_utf8(&self.begun) {
            // Cut in the middle of a character.
            Err(error) if error.error_len().is_none() && !piece.is_empty() => error.valid_up_to(),
            // One that is wrong may be followed by one that is cut.
            Err(_) if !piece.is_empty() => self.begun.len() - cut(&self.begun),
            _ => self.begun.len(),
        };
        let rest = self.begun.split_off(whole);
        let text = String::from_utf8_lossy(&std::mem::replace(&mut self.begun, rest)).into_owned();
        text.chars().map(|c| if "\n\t".contains(c) || shows(c) { c } else { ' ' }).collect()
    }
}

/// How many bytes at the end are the beginning of a character.
fn cut(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    (from..bytes.len())
        .find(|at| {
            let tail = &bytes[*at..];
            std::str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .map_or(0, |at| bytes.len() - at)
}

/// Leaves a request for the controller of a run.
pub(super) fn ask(prefix: &str, what: Wanted, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    // Only read at first, so that nothing is made where no run was.
    let run = Ledger::open_read_only(&state_dir).and_then(|ledger| ledger.find(prefix)).map_err(ledger_failure)?;
    let mut ledger = Ledger::open(&state_dir).map_err(ledger_failure)?;
    let holder = match ledger.driver(&run) {
        Driver::Holder(holder) => holder,
        Driver::Nobody => {
            return Err(Failure::refused(format!("no controller is running run {run}"))
                .help(format!("patchwave show {run}, or patchwave resume {run}")));
        }
        Driver::Unclear(why) => {
            return Err(Failure::refused(format!(
                "whether a controller is running run {run} cannot be seen from here: {why}"
            ))
            .help("nothing was requested; use the account that started the run"));
        }
    };
    let request = Request { at: world.clock.now(), by: world.by(), what };
    ledger.request(&run, &request).map_err(ledger_failure)?;
    let told = match what {
        Wanted::Stop(Stop::Drain) => "no new host starts; hosts in flight finish",
        Wanted::Stop(_) => "the run stops",
        Wanted::Approve { .. } => "the stage that waits goes on",
    };
    world.talk(format_args!("run {run} ({holder}): {told}"));
    Ok(0)
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
                // An empty piece before the end is none.
                b"" if cut == 0 => String::new(),
                piece => harmless.take(piece),
            });
            assert_eq!(parts.concat() + &harmless.take(b""), expected, "{cut}");
        }
    }
}
