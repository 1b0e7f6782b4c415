//! `patchwave show`: a run read back from the ledger.

use std::{borrow::Cow, path::PathBuf};

use serde_json::Value;

use crate::{
    cli::{Failure, World, args::ShowArgs, command_lines::next_of, which_run::newest_or},
    ledger::{Driver, Ledger},
    playbook::hide_addresses,
    ui,
    view::RunView,
};

pub(in crate::cli) fn show(args: &ShowArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let ledger = Ledger::open_read_only(&state_dir)?;
    let run = newest_or(&ledger, args.run.as_deref(), "show", &state_dir, world)?;
    if args.json {
        let mut text = String::new();
        let take = |line: &str| {
            text.push_str(&shown(line));
            text.push('\n');
            Ok(())
        };
        ledger.each_text(&run, take)?;
        return world.print(&text);
    }
    // Asked first: what the controller recorded before it left is read after it.
    let driver = ledger.driver(&run);
    let (record, state) = (ledger.record(&run)?, ledger.state(&run)?);
    if let Some(why) = &state.cut {
        world.talk(format_args!("run {run}: the end of its record is lost: {why}"));
    }
    match &driver {
        Driver::Nobody => {}
        Driver::Holder(holder) => world.talk(format_args!("{holder} is running this run")),
        Driver::Unclear(why) => {
            world.talk(format_args!("cannot find out whether a controller is running this run: {why}"));
        }
    }
    // `@failed` means the newest run of a playbook; an older one is named.
    let newest = ledger.last_run_of(&state.started.playbook_path)? == Some(run);
    let page = ui::Summary {
        width: world.width(),
        paint: world.paint(world.stdout_is_terminal),
        verbose: args.all,
        impact: false,
        estimate: None,
        next: Some(next_of(&state, newest, &state_dir, world)),
        record: Some(record),
    };
    world.print(&page.render(&RunView { state: &state, running: !driver.is_nobody(), now: world.clock.now() }))
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
