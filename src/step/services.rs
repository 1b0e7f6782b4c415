//! Units of a host: whether they are active, and what changes that. Shared by precheck, verify and service.
//!
//! Command lines on the host, through `/bin/sh -c`: `systemctl is-active -- UNIT…`, `systemctl show -p LoadState
//! --value -- UNIT`, `systemctl list-unit-files --no-legend --no-pager` where `/run/systemd/system` is, else `service
//! NAME status` and `/etc/init.d`.

use std::{collections::BTreeMap, time::Duration};

use super::StepCx;
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    event::StepResult,
    playbook::TemplateList,
    yaml::nearest,
};

/// Most units in one step.
const MOST: usize = 200;
const ACTIVE: &str = r#"r=${PATCHWAVE_ROOT-}
if [ -d "$r/run/systemd/system" ]; then
  states=$(systemctl is-active -- "$@" | while read -r state; do
    # systemctl reports a missing unit as inactive, too.
    if [ "$state" = inactive ] && [ "$(systemctl show -p LoadState --value -- "$1" 2>/dev/null)" = not-found ]; then
      state=not-found
    fi
    echo "$state"
    shift
  done)
else
  states=$(for u; do
    if service "$u" status >/dev/null 2>&1; then echo active
    elif [ -e "$r/etc/init.d" ] && [ ! -e "$r/etc/init.d/$u" ]; then echo not-found
    else echo inactive; fi
  done)
fi
printf '%s\n' "$states"
case $states in *not-found*)
  echo known
  systemctl list-unit-files --no-legend --no-pager 2>/dev/null | sed -n 's/^\([^ ]*\)\.service .*/\1/p' | head -n 1000
  ls "$r/etc/init.d" 2>/dev/null | head -n 1000 ;;
esac
echo end"#;

/// The state of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// `active`, `inactive`, `failed`, `activating`, …
    Is(String),
    /// The host does not have the unit.
    Missing {
        /// A unit of a similar name.
        similar: Option<String>,
    },
}

impl State {
    /// Whether it is in this state.
    pub(super) fn is(&self, state: &str) -> bool {
        matches!(self, Self::Is(is) if is == state)
    }
}

/// Renders and checks unit names.
pub(super) fn names(cx: &StepCx<'_>, list: &TemplateList) -> Result<Vec<String>, Box<StepResult>> {
    let names: Vec<String> = cx.scope.render_list(list)?.iter().map(|name| name.trim().to_owned()).collect();
    let fail = |summary: String| Err(Box::new(StepResult::failed("bad-service", summary)));
    if names.len() > MOST {
        return fail(format!("{} services given; one step takes at most {MOST}", names.len()));
    }
    let good = |name: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b":._@\\-".contains(&b);
        !name.is_empty() && !name.starts_with('-') && name.len() < 256 && name.bytes().all(plain)
    };
    match names.iter().find(|name| !good(name)) {
        Some(name) => fail(format!("{name:?} is not a valid service name")),
        None => Ok(names),
    }
}

/// The unit that systemd takes a name for.
pub(super) fn unit(name: &str) -> String {
    const KINDS: [&str; 11] = [
        ".service",
        ".socket",
        ".timer",
        ".mount",
        ".automount",
        ".target",
        ".slice",
        ".scope",
        ".path",
        ".swap",
        ".device",
    ];
    if KINDS.iter().any(|kind| name.ends_with(kind)) { name.to_owned() } else { format!("{name}.service") }
}

/// The state of each unit. `names` is not empty.
pub(super) fn states(names: &[String]) -> Query<BTreeMap<String, State>> {
    let command = Command::sh("service-states", ACTIVE, names).timeout(Duration::from_secs(60));
    let names = names.to_vec();
    Query::new(command, move |output| read(&names, output))
}

fn read(names: &[String], output: &Output) -> Result<BTreeMap<String, State>, Unreadable> {
    let text = output.text();
    let lines: Vec<String> = text.lines().map(|line| printable(line.trim())).collect();
    let unreadable = || Unreadable::new(format!("cannot read the state of services: {}", output.last_lines(1)));
    let Some((_, lines)) = lines.split_last().filter(|(end, _)| *end == "end") else { return Err(unreadable()) };
    let (states, known) = lines.split_at(lines.iter().position(|line| line == "known").unwrap_or(lines.len()));
    if states.len() != names.len() {
        return Err(unreadable());
    }
    let state = |(name, state): (&String, &String)| {
        let similar =
            || nearest(name.trim_end_matches(".service"), known.iter().skip(1).map(String::as_str)).map(str::to_owned);
        let state = if state == "not-found" { State::Missing { similar: similar() } } else { State::Is(state.clone()) };
        (name.clone(), state)
    };
    Ok(names.iter().zip(states).map(state).collect())
}

/// Whether waiting for a unit is useless: it does not exist, or it is `failed` with no restart to come (that would be
/// `activating`). An `inactive` unit may still be about to start: its turn in the boot, or its dependencies.
pub(super) fn any_is_dead(states: &BTreeMap<String, State>) -> bool {
    states.values().any(|state| state.is("failed") || matches!(state, State::Missing { .. }))
}

/// `ssh is failed, no unit nginx on this host (similar: nginx-light)`: those that are not fine; `None` if all are.
pub(super) fn not_active(states: &BTreeMap<String, State>) -> Option<String> {
    said(states, |state| !state.is("active"))
}

/// Those units that do not exist on the host.
pub(super) fn missing(states: &BTreeMap<String, State>) -> Option<String> {
    said(states, |state| matches!(state, State::Missing { .. }))
}

/// A phrase about some of the units.
pub(super) fn said(states: &BTreeMap<String, State>, which: impl Fn(&State) -> bool) -> Option<String> {
    let one = |(name, state): (&String, &State)| match state {
        State::Is(state) => format!("{name} is {state}"),
        State::Missing { similar: None } => format!("no unit {name} on this host"),
        State::Missing { similar: Some(similar) } => format!("no unit {name} on this host (similar: {similar})"),
    };
    let some: Vec<String> = states.iter().filter(|(_, state)| which(state)).map(one).collect();
    (!some.is_empty()).then(|| some.join(", "))
}
