//! `verify`: is the host healthy after the change? Checks that may need a moment (services, ports, HTTP, the command)
//! are tried again for up to 30 s, unless a service has failed for good; the others run once. Reports everything that
//! is wrong at once.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Ended, StepCx,
    baseline::{self, Baseline},
    command, http,
    packages::{self, Rights},
    precheck::together,
    remote, services,
};
use crate::{command::Command, event::StepResult, playbook::Verify};

/// A service that has just started needs a moment.
const SETTLES: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(5);
/// The most error lines that are shown.
const SHOWN: usize = 5;

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &Verify) -> Ended {
    if cx.check {
        return foresee(cx, spec).await;
    }
    let until = (Instant::now() + SETTLES).min(cx.deadline);
    let mut asks = first_asks(cx, spec);
    let waits = !(spec.http.is_empty() && spec.ports.is_empty() && spec.command.is_none());
    // With the same rights the questions are asked in this order: if all services are active, they have settled before
    // the journal is read. Otherwise the rest is asked again.
    if !waits && !cx.rights() {
        asks.extend(known_asks(cx, spec));
    }
    remote::ask_ahead(cx, asks).await?;
    let mut wrong = loop {
        let Seen { wrong, hopeless } = moving_parts(cx, spec).await?;
        if wrong.is_empty() || hopeless || Instant::now() + AGAIN >= until {
            break wrong;
        }
        cx.journal.progress(&wrong[0].summary);
        tokio::time::sleep(AGAIN).await;
        cx.heard.forget();
    };
    let mut said = Vec::new();
    let rights = rights(spec);
    let asks = last_asks(cx, spec).await?;
    remote::ask_ahead(cx, asks).await?;
    if spec.kernel_newest {
        wrong.extend(kernel(cx, rights, &mut said).await?);
    }
    if spec.packages_healthy {
        wrong.extend(packages::check(cx).await?);
    }
    if spec.journal_no_new_errors {
        wrong.extend(journal(cx).await?);
    }
    Ok(if wrong.is_empty() { StepResult::ok("healthy").detail(said) } else { together(wrong) })
}

/// For a check: what it would ask for after the change must be there before it. Services and ports that are not would
/// fail the host; a page and a command may be about what is yet to be installed, so they are not asked.
async fn foresee(cx: &mut StepCx<'_>, spec: &Verify) -> Ended {
    let mut wrong = Vec::new();
    let names = spec.services.as_ref().map_or(Ok(Vec::new()), |list| services::names(cx, list))?;
    if !names.is_empty() {
        let states = remote::ask(cx, &services::states(&names)).await?;
        wrong.extend(services::not_active(&states).map(|down| StepResult::failed("service", down)));
    }
    wrong.extend(closed_ports(cx, spec).await);
    if wrong.is_empty() {
        return Ok(StepResult::would("would verify"));
    }
    let result = together(wrong);
    let summary = format!("before any change, {}", result.summary);
    let help = "it would fail here after the change, too: repair the host, or correct the step";
    Ok(StepResult { summary, ..result }.help(help))
}

/// The ports that do not accept a connection from the jump box.
async fn closed_ports(cx: &StepCx<'_>, spec: &Verify) -> Vec<StepResult> {
    let address = cx.link.target().address.clone();
    let mut closed = Vec::new();
    for port in &spec.ports {
        if let Err(why) = cx.controller.connects(&address, *port, CONNECT).await {
            closed.push(StepResult::failed("port", format!("port {port}: {why}")));
        }
    }
    closed
}

/// The rights to ask for the facts with. The package check needs raised rights anyway; with them, one question is
/// enough.
fn rights(spec: &Verify) -> Rights {
    if spec.packages_healthy { Rights::Raised } else { Rights::Own }
}

/// What can be asked at the start.
fn first_asks(cx: &StepCx<'_>, spec: &Verify) -> Vec<Command> {
    let names = spec.services.as_ref().and_then(|list| services::names(cx, list).ok()).unwrap_or_default();
    let mut asks = Vec::new();
    if !names.is_empty() {
        asks.push(services::states(&names).command);
    }
    if let Err(facts) = packages::known(cx, rights(spec))
        && (spec.kernel_newest || spec.packages_healthy)
    {
        asks.push(facts);
    }
    asks
}

/// What is asked after the services have settled: the journal must not be read earlier.
async fn last_asks(cx: &mut StepCx<'_>, spec: &Verify) -> Result<Vec<Command>, Box<StepResult>> {
    if spec.kernel_newest || spec.packages_healthy {
        // From here on it is known.
        let _ = packages::find(cx, rights(spec)).await?;
    }
    Ok(known_asks(cx, spec))
}

/// What is asked last, as far as it is known by now.
fn known_asks(cx: &StepCx<'_>, spec: &Verify) -> Vec<Command> {
    let mut asks = Vec::new();
    if let Ok(Some(manager)) = packages::known(cx, rights(spec)) {
        if spec.kernel_newest {
            asks.push(manager.kernels().command.privileged(cx.rights()));
        }
        if spec.packages_healthy {
            asks.extend(packages::check_asks(cx));
        }
    }
    if spec.journal_no_new_errors {
        asks.push(baseline::query(Some(before(cx)), cx.rights()).command);
    }
    asks
}

/// One look at what may become healthy within moments.
struct Seen {
    wrong: Vec<StepResult>,
    /// Something will not become healthy.
    hopeless: bool,
}

async fn moving_parts(cx: &mut StepCx<'_>, spec: &Verify) -> Result<Seen, Box<StepResult>> {
    let (mut wrong, mut hopeless) = (Vec::new(), false);
    if let Some(list) = &spec.services {
        let names = services::names(cx, list)?;
        if !names.is_empty() {
            let states = remote::ask(cx, &services::states(&names)).await?;
            hopeless = services::any_is_dead(&states);
            let help = format!("check them on the host: systemctl status {}", names.join(" "));
            wrong.extend(services::not_active(&states).map(|down| StepResult::failed("service", down).help(help)));
        }
    }
    for check in &spec.http {
        if let Err(why) = http::holds(cx, check).await? {
            wrong.push(StepResult::failed("http", why));
        }
    }
    wrong.extend(closed_ports(cx, spec).await);
    if let Some(line) = &spec.command {
        let output = command::check(cx, line).await?;
        if !output.success() {
            wrong.push(StepResult::failed("command", format!("the check command: {}", output.exit)).said(&output));
        }
    }
    Ok(Seen { wrong, hopeless })
}

/// Whether the newest kernel runs. If this cannot be known, `said` gets the reason.
async fn kernel(
    cx: &mut StepCx<'_>,
    rights: Rights,
    said: &mut Vec<String>,
) -> Result<Option<StepResult>, Box<StepResult>> {
    let manager = packages::manager(cx, rights).await?;
    let kernels = packages::look(cx, manager.kernels()).await?;
    let running = &kernels.running;
    let Some(newest) = &kernels.newest else {
        said.push(format!("cannot tell whether {running} is the newest kernel: the running kernel is not in /boot"));
        return Ok(None);
    };
    if newest == running {
        return Ok(None);
    }
    let failed = |summary: String, help: &str| Ok(Some(StepResult::failed("wrong-kernel", summary).help(help)));
    match kernels.passed_over() {
        Some(why) => failed(
            format!("kernel {running} is running; {why}"),
            "make the boot loader start it (update-grub, or its default entry on the host); a `reboot:` step then boots it",
        ),
        None => failed(
            format!("kernel {running} is running, {newest} is installed"),
            "a `reboot:` step with `when: required` boots it",
        ),
    }
}

async fn journal(cx: &mut StepCx<'_>) -> Result<Option<StepResult>, Box<StepResult>> {
    let since = remote::ask(cx, &baseline::query(Some(before(cx)), cx.rights())).await?;
    if !since.journal {
        return Ok(Some(StepResult::failed("journal", "the host has no journal to check for new errors")));
    }
    let count = since.new_errors.len();
    Ok((count > 0).then(|| {
        let lines = since.new_errors.into_iter().take(SHOWN);
        let summary = format!("{count} new errors in the journal");
        StepResult::failed("journal", summary).detail(lines).help("list them on the host: journalctl -b -p err")
    }))
}

/// What counts as old in the journal.
fn before(cx: &StepCx<'_>) -> Baseline {
    // Without a precheck, everything before the start of the run is old.
    let at = run_began(&cx.run.0).unwrap_or(0);
    Baseline::recall(cx).unwrap_or_else(|| Baseline { at, ..Default::default() })
}

/// A run's id begins with its start time in UTC.
fn run_began(run: &str) -> Option<i64> {
    let date = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", run.get(..15)?).ok()?;
    Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_says_when_it_began() {
        assert_eq!(run_began("19700102-000001-kxfa"), Some(86_401));
        assert_eq!(run_began("x"), None);
    }
}
