//! The ledger read back: `runs`, `show`, `log`; and what another shell asks of a run: `approve`, `stop`.

use std::{
    io::{Read, Write},
    path::PathBuf,
    sync::Arc,
};

use super::{
    Failure, World,
    args::{LogArgs, RunsArgs, ShowArgs},
    commands::print,
    rollout::{ledger_failure, line_of, next},
};
use crate::{
    event::{RunId, Stop},
    host::HostName,
    ledger::{Driver, Ledger, LedgerError, Request, Wanted},
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
            text.push_str(line);
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
        Driver::Holder(holder) => world.talk(format_args!("{holder} drives this run now")),
        Driver::Unclear(why) => {
            world.talk(format_args!("whether anybody drives this run now cannot be seen from here: {why}"));
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

/// The log as it is, but for what could act on a terminal.
fn copy(file: &mut std::fs::File, world: &mut World) -> Result<u8, Failure> {
    let mut piece = vec![0; 64 << 10];
    let mut led = false;
    loop {
        let n = file.read(&mut piece).map_err(Failure::internal)?;
        if n == 0 {
            return Ok(0);
        }
        if world.stdout_is_terminal {
            harmless(&mut piece[..n], &mut led);
        }
        if world.stdout.write_all(&piece[..n]).is_err() {
            return Ok(0);
        }
    }
}

/// Replaces control characters, those of two bytes (U+0080 to U+009F) too: some terminals act on them. `led` says
/// whether the byte before was the first of two.
fn harmless(piece: &mut [u8], led: &mut bool) {
    for byte in piece {
        let first = std::mem::replace(led, *byte == 0xc2);
        if (byte.is_ascii_control() && !b"\n\t".contains(byte)) || (first && (0x80..0xa0).contains(byte)) {
            *byte = b' ';
        }
    }
}

/// Leaves a request for the controller of a run.
pub(super) fn ask(prefix: &str, what: Wanted, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    // Only read at first, so that nothing is made where no run was.
    let run = Ledger::open_read_only(&state_dir).and_then(|ledger| ledger.find(prefix)).map_err(ledger_failure)?;
    let mut ledger = Ledger::open(&state_dir).map_err(ledger_failure)?;
    let holder = match ledger.driver(&run) {
        Driver::Holder(holder) => holder,
        Driver::Nobody => {
            return Err(Failure::refused(format!("nobody drives run {run} now"))
                .help(format!("patchwave show {run}, or patchwave resume {run}")));
        }
        Driver::Unclear(why) => {
            return Err(Failure::refused(format!("whether anybody drives run {run} cannot be seen from here: {why}"))
                .help("nothing was asked for; say it as the account that drives the run"));
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
    use super::harmless;

    #[test]
    fn what_a_terminal_would_act_on_is_blank_wherever_it_is_cut() {
        let text = "a\x1b[2Jb\u{9b}2Jc\tä\n".as_bytes();
        for cut in 0..text.len() {
            let (mut front, mut back) = (text[..cut].to_vec(), text[cut..].to_vec());
            let mut led = false;
            harmless(&mut front, &mut led);
            harmless(&mut back, &mut led);
            front.append(&mut back);
            assert_eq!(String::from_utf8_lossy(&front), "a [2Jb\u{fffd} 2Jc\tä\n", "{cut}");
        }
    }
}
