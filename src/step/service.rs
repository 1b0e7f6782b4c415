//! `service`: units are started, stopped, restarted or reloaded in a detached job (a unit may be the network), and then
//! checked.
//!
//! A unit that a package transaction needs, or runs in, is not stopped in the middle of that transaction.
//!
//! Command lines on the host: `systemctl start|stop|restart|reload -- UNIT…`, else `service NAME start|…`.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{
    Ended, StepCx,
    job::{self, JobSpec},
    packages, remote,
    result::unseen,
    services::{self, State},
    stale,
};
use crate::{
    command::Command,
    event::StepResult,
    pkg,
    playbook::{ServiceSpec, ServiceState},
};

/// How long a unit that was just started may take to be active.
const SETTLES: Duration = Duration::from_secs(30);
const ACT: &str = r#"verb=$1; shift
if [ -d "${PATCHWAVE_ROOT-}/run/systemd/system" ]; then exec systemctl "$verb" -- "$@"; fi
code=0
for u; do service "$u" "$verb" || code=$?; done
exit "$code""#;

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &ServiceSpec) -> Ended {
    let names = services::names(cx, &spec.names)?;
    if names.is_empty() {
        return Ok(StepResult::skipped("no services named"));
    }
    let states = remote::ask(cx, &services::states(&names)).await?;
    let missing = services::missing(&states);
    let (verb, done) = match spec.state {
        ServiceState::Started => ("start", "started"),
        ServiceState::Stopped => ("stop", "stopped"),
        ServiceState::Restarted => ("restart", "restarted"),
        ServiceState::Reloaded => ("reload", "reloaded"),
    };
    let to_do: Vec<&String> = match spec.state {
        ServiceState::Started | ServiceState::Stopped => {
            names.iter().filter(|name| !states.get(*name).is_some_and(|state| is_so(spec.state, state))).collect()
        }
        ServiceState::Restarted | ServiceState::Reloaded => names.iter().collect(),
    };
    if to_do.is_empty() {
        return Ok(StepResult::ok(format!("{} already {done}", names.join(", "))));
    }
    let shown = to_do.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    if cx.check {
        // An earlier step may install it.
        let but = missing.map(|missing| format!("; now there is {missing}")).unwrap_or_default();
        return Ok(StepResult::would(format!("would {verb} {shown}{but}")));
    }
    if let Some(missing) = missing {
        let help = "check the spelling, and that its package is installed: systemctl list-unit-files";
        return Ok(StepResult::failed("no-unit", missing).help(help));
    }
    if matches!(spec.state, ServiceState::Stopped | ServiceState::Restarted) {
        let units: Vec<String> = to_do.iter().map(|name| services::unit(name)).collect();
        undisturbed(cx, &units).await?;
    }
    let args = [verb].into_iter().chain(to_do.iter().map(|name| name.as_str()));
    let command = Command::sh("service", ACT, args).privileged(cx.rights());
    let end = job::run(cx, &JobSpec::new("service", command)).await?;
    let unseen = |early| unseen(&format!("systemctl {verb} {shown} ran"), early);
    let states = settle(cx, spec.state, &names).await.map_err(unseen)?;
    if let Some(wrong) = services::said(&states, |state| !is_so(spec.state, state)) {
        let summary = format!("after {verb}: {wrong}");
        let help = format!("check it on the host: systemctl status {}", names.join(" "));
        return Ok(StepResult::failed("service", summary).detail(end.last_lines(5)).help(help).changed(true));
    }
    if !end.success() {
        let summary = format!("systemctl {verb} {shown}: {}", end.exit);
        return Ok(StepResult::failed("service", summary).detail(end.last_lines(5)).changed(true));
    }
    let mut result = StepResult::ok(format!("{shown} {done}")).changed(true);
    if matches!(spec.state, ServiceState::Stopped | ServiceState::Restarted) {
        result.restarted = to_do.iter().map(|name| stale::short(name).to_owned()).collect();
    }
    Ok(result)
}

/// Waits until no transaction needs one of these units or runs in it: stopping it would leave packages half done.
async fn undisturbed(cx: &mut StepCx<'_>, units: &[String]) -> Result<(), Box<StepResult>> {
    // Part of the step's time is for the units themselves.
    let until = Instant::now() + packages::PATIENCE.min(cx.remaining().saturating_sub(SETTLES));
    packages::free_of(cx, until, |holder| units.iter().any(|unit| pkg::needs_unit(unit) || holder.runs_in(unit))).await
}

/// The states, once they are as wanted or time is up.
pub(super) async fn settle(
    cx: &mut StepCx<'_>,
    wanted: ServiceState,
    names: &[String],
) -> Result<BTreeMap<String, State>, Box<StepResult>> {
    let until = (Instant::now() + SETTLES).min(cx.deadline);
    loop {
        let states = remote::ask(cx, &services::states(names)).await?;
        let all = states.values().all(|state| is_so(wanted, state));
        let hopeless = wanted != ServiceState::Stopped && services::any_is_dead(&states);
        if all || hopeless || Instant::now() >= until {
            return Ok(states);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn is_so(wanted: ServiceState, state: &State) -> bool {
    match wanted {
        ServiceState::Stopped => state.is("inactive") || state.is("failed"),
        ServiceState::Started | ServiceState::Restarted | ServiceState::Reloaded => state.is("active"),
    }
}
