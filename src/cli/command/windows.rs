//! `patchwave windows`: when hosts may be started next. Connects to no host.

use std::path::PathBuf;

use jiff::{Timestamp, civil::DateTime};

use crate::{
    cli::{Failure, World, args::WindowsArgs, outcome_selectors::RecordedRuns, rollout::prepare::load_inventory},
    plan, report, ui,
};

pub(in crate::cli) fn windows(args: &WindowsArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let inventory = load_inventory(&args.inventory, world)?;
    let past = RecordedRuns { state_dir, playbook: None };
    let hosts = inventory.select(&args.pattern, &past).map_err(|error| Failure::usage(error.problems))?;
    let now = world.clock.now();
    let from = args.at.as_ref().map_or(Ok(now), |text| time(text, world))?;
    let dates = world.dates();
    let groups = plan::alike(&inventory, &hosts, &dates).map_err(Failure::usage)?;
    let most = usize::from(args.next);
    let text = match () {
        () if args.json => format!("{:#}\n", ui::windows_json(&groups, &dates, (from, most))),
        () if args.ics => report::openings_ics(&groups, &dates, (from, most), now),
        () => ui::windows_text(&groups, &dates, (from, most), world.width()),
    };
    world.print(&text)?;
    Ok(0)
}

/// A moment with an offset, or a time on the clock of this machine.
fn time(text: &str, world: &World) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let here = || text.parse::<DateTime>().ok()?.to_zoned(world.zone()).ok().map(|time| time.timestamp());
    here().ok_or_else(|| {
        Failure::usage(format!("--at {text:?} is not a time"))
            .help("like \"2026-12-13 02:00\" or 2026-12-13T02:00+01:00")
    })
}
