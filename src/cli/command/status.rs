//! `patchwave status`: how far a run is, read from the ledger while whoever drives it goes on.

use std::{io::Write as _, path::PathBuf, time::Duration};

use crate::{
    cli::{
        Failure, World,
        args::{ConnectArgs, StatusArgs},
        command_lines::next,
        rollout::experience::experience,
        which_run::newest_or,
    },
    event::{Event, RunId, RunState},
    ledger::{Driver, Ledger},
    plan::Experience,
    ui::{self, Reporter as _, Size, Status},
    view::RunView,
};

/// Between two looks at the ledger.
const LOOK: Duration = Duration::from_millis(500);

pub(in crate::cli) fn status(args: &StatusArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let ledger = Ledger::open_read_only(&state_dir)?;
    let run = newest_or(&ledger, args.run.as_deref(), "status", &state_dir, world)?;
    let program = next(String::new(), &state_dir, world).program;
    // How long something still takes is not asked of a run that nobody is running.
    let past = match ledger.driver(&run) {
        Driver::Nobody => Experience::default(),
        _ => experience(&state_dir, &ledger.state(&run)?.started.playbook_path, Some(&run)),
    };
    let watcher = Watcher { program, ledger, run, past };
    if args.watch {
        return watcher.watch(args.json, world);
    }
    let state = watcher.ledger.state(&watcher.run)?;
    let status = watcher.status(&state, world);
    let text = if args.json { format!("{:#}\n", status.json(&state)) } else { status.render(&state) };
    world.print(&text)
}

struct Watcher {
    ledger: Ledger,
    run: RunId,
    program: String,
    past: Experience,
}

impl Watcher {
    fn status(&self, state: &RunState, world: &World) -> Status {
        let now = world.clock.now();
        let driver = match self.ledger.driver(&self.run) {
            Driver::Nobody => None,
            Driver::Holder(holder) => Some(holder.to_string()),
            Driver::Unclear(why) => Some(format!("unknown: cannot find out whether a controller is running it: {why}")),
        };
        // What people asked for is over with the controller that they asked; a resume takes it back.
        let asked = driver.is_none() && state.stop.is_some();
        let done = state.tally.in_flight == 0 && !state.stopped_early();
        Status {
            width: world.width(),
            paint: world.paint(world.stdout_is_terminal),
            zone: world.zone(),
            now,
            waits: if asked || done { None } else { RunView { state, running: driver.is_some(), now }.waits() },
            driver,
            program: self.program.clone(),
            past: self.past.clone(),
            forks: ConnectArgs::FORKS,
            chatter: Default::default(),
        }
    }

    /// Follows the run until no controller is running it.
    fn watch(&self, json: bool, world: &mut World) -> Result<u8, Failure> {
        let mut state = self.ledger.state(&self.run)?;
        let paint = world.paint(world.stdout_is_terminal);
        let lines = ui::Lines::new(Box::new(world.stdout.clone()), paint, world.zone());
        let mut lines = lines.called(&self.program);
        let redraw = world.stdout_is_terminal && !json;
        let (mut place, mut shown) = (ui::Redraw::default(), String::new());
        loop {
            if redraw {
                // The window may have another size by now.
                world.columns = Some(world.terminal_size().columns);
            }
            // Asked first: what the controller recorded before it left is read after it.
            let status = self.status(&state, world);
            let quiet = json || redraw || shown.is_empty();
            self.news(&mut state, |state, event| {
                if !quiet {
                    lines.event(state, event);
                }
            })?;
            let waits = RunView { state: &state, running: status.driver.is_some(), now: status.now }.waits();
            let status = Status { waits, ..status };
            if json {
                let text = format!("{}\n", status.json(&state));
                if text != shown && world.print(&text).is_ok() {
                    shown = text;
                }
            } else if redraw {
                draw(&status.render(&state), &mut place, world)?;
            } else if shown.is_empty() {
                shown = status.render(&state);
                world.print(&shown)?;
            } else if let Some(waits) = status.waits_line(&state) {
                lines.note(status.now, &waits);
            }
            // Where it cannot be seen who drives it, its own last event is the end.
            let seen = || matches!(self.ledger.driver(&self.run), Driver::Holder(_));
            if status.driver.is_none() || (state.finished && !seen()) {
                return Ok(state.exit_code());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Takes in what was recorded since, and tells each event.
    fn news(&self, state: &mut RunState, mut tell: impl FnMut(&RunState, &Event)) -> Result<(), Failure> {
        let mut events = Vec::new();
        let take = |event| {
            events.push(event);
            Ok(())
        };
        self.ledger.each(&self.run, state.seq, take)?;
        for event in &events {
            state.apply(event).map_err(Failure::internal)?;
            tell(state, event);
        }
        Ok(())
    }
}

/// Draws over the page before it.
fn draw(page: &str, place: &mut ui::Redraw, world: &mut World) -> Result<(), Failure> {
    let text = place.page(page, Size { columns: world.width(), ..world.terminal_size() });
    let written = world.stdout.write_all(text.as_bytes()).and_then(|()| world.stdout.flush());
    written.map_err(|error| Failure::internal(format!("standard output cannot be written: {error}")))
}
