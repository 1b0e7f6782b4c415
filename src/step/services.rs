//! Units of a host: whether they are active, and what makes them so. Shared by precheck, verify and service.
//!
//! Command lines on the host, through `/bin/sh -c`: `systemctl is-active -- UNIT…` where `/run/systemd/system` is, else
//! `service NAME status`.

use std::{collections::BTreeMap, time::Duration};

use super::StepCx;
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    event::StepResult,
    playbook::TemplateList,
};

/// Most units in one step.
const MOST: usize = 200;
const ACTIVE: &str = r#"if [ -d "${PATCHWAVE_ROOT-}/run/systemd/system" ]; then
  systemctl is-active -- "$@"
else
  for u; do if service "$u" status >/dev/null 2>&1; then echo active; else echo inactive; fi; done
fi
echo end"#;

/// Renders and checks unit names.
pub(super) fn names(cx: &StepCx<'_>, list: &TemplateList) -> Result<Vec<String>, Box<StepResult>> {
    let names: Vec<String> = cx.scope.render_list(list)?.iter().map(|name| name.trim().to_owned()).collect();
    let fail = |summary: String| Err(Box::new(StepResult::failed("bad-service", summary)));
    if names.len() > MOST {
        return fail(format!("{} services are more than the {MOST} that one step takes", names.len()));
    }
    let good = |name: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b":._@\\-".contains(&b);
        !name.is_empty() && !name.starts_with('-') && name.len() < 256 && name.bytes().all(plain)
    };
    match names.iter().find(|name| !good(name)) {
        Some(name) => fail(format!("{name:?} is not the name of a service")),
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

/// The state of each unit (`active`, `inactive`, `failed`, `activating`, …). `names` is not empty.
pub(super) fn states(names: &[String]) -> Query<BTreeMap<String, String>> {
    let command = Command::sh("service-states", ACTIVE, names).timeout(Duration::from_secs(60));
    let names = names.to_vec();
    Query::new(command, move |output| read(&names, output))
}

fn read(names: &[String], output: &Output) -> Result<BTreeMap<String, String>, Unreadable> {
    let text = output.text();
    let lines: Vec<String> = text.lines().map(|line| printable(line.trim())).collect();
    match lines.split_last() {
        Some((end, states)) if end == "end" && states.len() == names.len() => {
            Ok(names.iter().cloned().zip(states.iter().cloned()).collect())
        }
        _ => Err(Unreadable::new(format!("services cannot be asked for: {}", output.last_lines(1)))),
    }
}

/// Whether a unit is dead for good: `failed` has no restart before it (that would be `activating`), so nobody need wait.
/// What is `inactive` may still be about to start: its turn in the boot, or its dependencies.
pub(super) fn any_is_dead(states: &BTreeMap<String, String>) -> bool {
    states.values().any(|state| state == "failed")
}

/// `ssh is failed, cron is inactive`: those that are not active; `None` if all are.
pub(super) fn not_active(states: &BTreeMap<String, String>) -> Option<String> {
    let down: Vec<String> = states
        .iter()
        .filter(|(_, state)| *state != "active")
        .map(|(name, state)| format!("{name} is {state}"))
        .collect();
    (!down.is_empty()).then(|| down.join(", "))
}
