//! Proving that a host that booted is up: settled, with the expected kernel, and still so after a while.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{before::Before, boot, health};
use crate::{
    command::{Command, Query, Unreadable, printable},
    event::StepResult,
    playbook::Reboot,
    step::{Ended, StepCx, baseline, packages, remote},
    transport::{LinkError, NoSink, Phase},
};

/// `$1`: how often a system that is starting is looked at before the answer.
const STATE: &str = r#"n=$1 state=none
while [ -d "${PATCHWAVE_ROOT-}/run/systemd/system" ]; do
  state=$(systemctl is-system-running 2>/dev/null)
  case $state in '' | initializing | starting) ;; *) break ;; esac
  n=$((n - 1))
  [ "$n" -gt 0 ] && sleep 0.3 2>/dev/null || break
done
boot=
{ read -r boot <"${PATCHWAVE_ROOT-}/proc/sys/kernel/random/boot_id"; } 2>/dev/null
echo "boot $boot"
echo "state $state"
echo "kernel $(uname -r)""#;
/// Some seconds, in looks of the script.
const LOOKS: &str = "15";
const LOOK: Duration = Duration::from_secs(15);
/// The longest pause between two looks after the first minute.
const BETWEEN: Duration = Duration::from_secs(2);

/// Proves it, or says what is wrong.
pub(super) async fn prove(
    cx: &mut StepCx<'_>,
    spec: &Reboot,
    before: &Before,
    asked: Instant,
    deadline: Instant,
) -> Ended {
    match up(cx, spec, before, deadline).await {
        Ok(kernel) => {
            let seconds = asked.elapsed().as_secs();
            let mut result = StepResult::ok(format!("rebooted in {seconds} s, kernel {kernel}; {}", before.why));
            (result.rebooted, result.changed) = (true, true);
            Ok(result)
        }
        Err(mut result) => {
            (result.rebooted, result.changed) = (true, true);
            Err(result)
        }
    }
}

/// Two logins prove it: the one that found the new boot, over which it is watched until it has settled, and another one
/// after `stable`, in the boot that has settled.
async fn up(cx: &mut StepCx<'_>, spec: &Reboot, before: &Before, deadline: Instant) -> Result<String, Box<StepResult>> {
    let State { state, kernel, boot } = settled(cx, deadline).await?;
    if let Some(expected) = before.kernel.as_ref().filter(|expected| **expected != kernel) {
        let summary = format!("it came up with kernel {kernel}, not {expected}");
        let help = match &before.loader {
            Some(file) => {
                format!("check the boot loader's default entry on the host: before the reboot {file} said {expected}")
            }
            None => "check the boot loader's default entry on the host: no known file says what it starts".to_owned(),
        };
        return Err(Box::new(StepResult::failed("wrong-kernel", summary).help(help)));
    }
    if state == "degraded" {
        degraded(cx, before).await?;
    }
    cx.journal.progress("up; checking that it stays up");
    tokio::time::sleep(spec.stable.min(deadline.saturating_duration_since(Instant::now()))).await;
    if logs_in(cx, deadline).await? != boot {
        let summary = format!("it rebooted again within {} s", spec.stable.as_secs());
        let help = "find out what reboots it, on the host: journalctl --list-boots; last -x; or look at its console";
        return Err(Box::new(StepResult::failed("unstable", summary).help(help)));
    }
    health::after(cx, spec, before).await?;
    Ok(kernel)
}

/// What a system says about itself.
struct State {
    state: String,
    kernel: String,
    boot: String,
}

/// The system's state once it no longer changes.
async fn settled(cx: &mut StepCx<'_>, deadline: Instant) -> Result<State, Box<StepResult>> {
    let (query, began) = (state(), Instant::now());
    loop {
        let answer = timeout(LOOK, cx.link.ask(&query, &mut NoSink)).await;
        let last = match answer {
            Ok(Ok(now)) if is_settled(&now.state) => return Ok(now),
            Ok(Ok(now)) => now.state,
            Ok(Err(error)) => {
                if let Some(result) = boot::hard(Some(&error)) {
                    return Err(result);
                }
                error.to_string()
            }
            Err(_) => {
                cx.link.close().await;
                "no answer".to_owned()
            }
        };
        if Instant::now() >= deadline {
            let summary = format!("it is up, but still starting: {last}");
            let help = "see what is still starting on the host: systemctl list-jobs";
            return Err(Box::new(StepResult::failed("degraded", summary).help(help)));
        }
        cx.journal.progress(&format!("booting: {last}"));
        let pause = boot::pause(began, BETWEEN);
        tokio::time::sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
}

fn is_settled(state: &str) -> bool {
    // `offline`: systemd is installed but is not process 1.
    matches!(state, "running" | "degraded" | "none" | "offline")
}

fn state() -> Query<State> {
    Query::new(Command::sh("system-state", STATE, [LOOKS]).timeout(LOOK), |output| {
        let text = output.text();
        let find = |tag| text.lines().find_map(|line| line.strip_prefix(tag)).map(printable);
        match (find("state "), find("kernel "), find("boot ")) {
            (Some(state), Some(kernel), Some(boot)) if !(kernel.is_empty() || boot.is_empty()) => {
                Ok(State { state, kernel, boot })
            }
            _ => Err(Unreadable::new(format!("no state: {}", output.last_lines(1)))),
        }
    })
}

/// Only units that had not failed before the reboot count.
async fn degraded(cx: &mut StepCx<'_>, before: &Before) -> Result<(), Box<StepResult>> {
    let now = remote::ask(cx, &baseline::query(None, true)).await?.seen.failed_units;
    let new: Vec<&str> = now.difference(&before.failed_units).map(String::as_str).collect();
    if new.is_empty() {
        return Ok(());
    }
    let summary = format!("it is up, but these units failed after the reboot: {}", new.join(", "));
    Err(Box::new(StepResult::failed("degraded", summary).help(format!("systemctl status {}", new.join(" ")))))
}

/// A new login; returns the boot in which it was. It is tried again as long as there is time. What will be asked of the
/// packages is asked together with it.
async fn logs_in(cx: &mut StepCx<'_>, deadline: Instant) -> Result<String, Box<StepResult>> {
    let began = Instant::now();
    // There is one try even if the deadline has just passed.
    let end = deadline.max(Instant::now() + LOOK);
    // Of the boot that may be over.
    cx.link.forget_facts();
    let mut more = packages::check_asks(cx);
    loop {
        let error = match boot::fresh(cx, LOOK, std::mem::take(&mut more)).await {
            Ok(id) => return Ok(id),
            Err(error) => error,
        };
        if let Some(result) = boot::hard(error.as_ref()) {
            return Err(result);
        }
        if Instant::now() >= end {
            let refused = matches!(&error, Some(LinkError::Connect(error)) if matches!(error.phase, Phase::Auth));
            let what = if refused { "a new login does not work after the reboot" } else { "it went away again" };
            let why = error.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
            let result = StepResult::unreachable("never-came-back", format!("{what}: {why}"));
            return Err(Box::new(result.help("look at its console")));
        }
        tokio::time::sleep(boot::pause(began, BETWEEN)).await;
    }
}
