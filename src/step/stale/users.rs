//! For a check: which services run with files that an upgrade would replace, and what would become of each. Start at
//! [`foresee`].

use std::{collections::BTreeSet, time::Duration};

use super::{
    look::{BEGIN, Look, Process, read},
    sort::{Sorted, reason, short, sort},
    survey::{Survey, decided},
};
use crate::{
    command::{Command, Query},
    event::{Fate, ForeseenService, StepResult},
    pkg::PackageManager,
    playbook::RestartServices,
    step::{StepCx, packages},
};

/// The most packages that are asked about.
const MOST: usize = 2000;

// A package may list a file below /lib that is mapped as one below /usr/lib, or the other way round.
const USERS: &str = r#"{ files "$@"; echo ==; grep -s -H -E "$code" "$r"/proc/[0-9]*/maps; } | awk '
function plain(file) { if (file ~ /^\/usr\/(s?bin|lib[^\/]*)\//) sub(/^\/usr/, "", file); return file }
!maps && $0 == "==" { maps = 1; next }
!maps {
  i = index($0, " "); package = substr($0, 1, i - 1); file = substr($0, i + 1)
  of[plain(file)] = package
  if (file ~ /\/systemd\/system\/[^\/]+\.service$/) { sub(/.*\//, "", file); print "ships", package, file }
  next
}
match($0, /\/proc\/[0-9]+\/maps:/) {
  pid = substr($0, RSTART + 6, RLENGTH - 12); rest = substr($0, RSTART + RLENGTH); file = substr(rest, index(rest, "/"))
  if (plain(file) in of && !seen[pid, of[plain(file)]]++) print "uses", pid, of[plain(file)], file
}' | head -n 20000 | while read -r what one two three; do
  case $what in
  ships) echo "ships $one $two" ;;
  uses) told "$one" "$three" && echo "of $two" ;;
  esac
done 2>/dev/null
echo end"#;

/// The services that use files of these installed packages, with their fate once the packages are replaced. Nothing on
/// a host without systemd, and where the manager cannot list files: then it is not known.
///
/// # Errors
/// An unreachable host, or an answer that cannot be read.
pub(in crate::step) async fn foresee(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    replaced: &BTreeSet<&str>,
    restart: RestartServices,
) -> Result<Vec<ForeseenService>, Box<StepResult>> {
    let Some(list) = manager.list_files().filter(|_| !replaced.is_empty()) else { return Ok(Vec::new()) };
    let look = packages::ask(cx, users(list, replaced)).await?;
    let sorted = sort(&look);
    let units = sorted.units.clone();
    let survey = decided(cx, Sorted { manager: false, ..sorted }).await?;
    let own = manager.restarts_services();
    Ok(units.iter().map(|(unit, pids)| service(&look, &survey, (unit, pids), own, restart)).collect())
}

fn users(list: &str, packages: &BTreeSet<&str>) -> Query<Look> {
    let script = format!("{BEGIN}files() {{\n{list}\n}}\n{USERS}");
    let names = packages.iter().take(MOST).copied();
    Query::new(Command::sh("stale-users", &script, names).timeout(Duration::from_secs(120)), read)
}

fn service(
    look: &Look,
    survey: &Survey,
    (unit, pids): (&String, &Vec<u32>),
    own: bool,
    restart: RestartServices,
) -> ForeseenService {
    let of = |process: &Process| pids.contains(&process.pid).then(|| process.package.clone()).flatten();
    let because: BTreeSet<String> = look.processes.iter().filter_map(of).collect();
    let ships = look.ships.iter().any(|(package, shipped)| shipped == unit && because.contains(package));
    let can_restart = survey.restart.contains(unit);
    let name = short(unit);
    let fate = match () {
        () if survey.reasons.contains(&reason(name)) => Fate::NeedsReboot,
        () if can_restart && (restart == RestartServices::Needed || (own && ships)) => Fate::Restarted,
        () => Fate::KeepsOldFiles,
    };
    ForeseenService { name: name.to_owned(), because: because.into_iter().collect(), fate }
}
