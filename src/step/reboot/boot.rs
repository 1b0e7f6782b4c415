//! Waiting for a different boot id: first until the connection of the old boot ends (`leave`), then over new ones only.
//! An old sshd still answers while the system goes down.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{
    before::Before,
    leave::{refused, watch},
};
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    event::StepResult,
    step::{StepCx, remote},
    transport::{Class, LinkError, NoSink},
};

/// One attempt, from the connection to the answer.
const ATTEMPT: Duration = Duration::from_secs(5);
/// A login on a machine that is busy booting may take longer, so attempts grow after this time. Until then a machine is
/// also asked often: one that boots in a second should not cost five.
const SLOW_AFTER: Duration = Duration::from_secs(60);
const SLOW_ATTEMPT: Duration = Duration::from_secs(15);
/// The longest pause between two attempts.
const PAUSE: Duration = Duration::from_secs(5);
/// With less time than this, an attempt could only end in a timeout.
const SHORTEST: Duration = Duration::from_secs(2);

/// Reads the boot id. Only a UUID counts as an answer.
pub(super) fn boot_id() -> Query<String> {
    let cat = r#"cat "${PATCHWAVE_ROOT-}/proc/sys/kernel/random/boot_id""#;
    Query::new(Command::sh("boot-id", cat, [""; 0]).timeout(Duration::from_secs(20)), read)
}

fn read(output: &Output) -> Result<String, Unreadable> {
    let text = output.text();
    let id = text.trim();
    let uuid = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if output.success() && uuid {
        return Ok(id.to_owned());
    }
    Err(Unreadable::new(format!("no boot id: {:?}", printable(id))))
}

/// What the attempts have seen.
#[derive(Debug, Default)]
struct Seen {
    /// At least once, the host did not answer.
    down: bool,
    /// The old boot id was read after that.
    back: bool,
    last: Option<String>,
}

/// Waits until a successful read gives a different boot id, and keeps the connection over which it was read. `patience`
/// is for a host that stays up, `deadline` for any.
///
/// # Errors
/// The step's result: `reboot-refused`, `never-went-down`, `same-boot-id`, `never-came-back` or `host-key-changed`.
pub(super) async fn wait(
    cx: &mut StepCx<'_>,
    before: &Before,
    evidence: Option<String>,
    patience: Instant,
    deadline: Instant,
) -> Result<String, Box<StepResult>> {
    let asked = Instant::now();
    // A host that stays up is asked once more, over a new connection.
    let left = watch(cx, before, patience.checked_sub(2 * SHORTEST).unwrap_or(asked)).await?;
    let began = Instant::now();
    if left {
        // Its sshd ends a moment after its connections.
        tokio::time::sleep(pause(began, PAUSE).min(deadline.saturating_duration_since(began))).await;
    }
    let mut seen = Seen::default();
    loop {
        let now = Instant::now();
        let limit = if now.duration_since(began) < SLOW_AFTER { ATTEMPT } else { SLOW_ATTEMPT };
        let left = deadline.saturating_duration_since(now);
        match fresh(cx, limit.min(left), Vec::new()).await {
            Ok(id) if id != before.boot => return Ok(id),
            Ok(_) => {
                if let Some(said) = refused(cx, before).await {
                    return Err(said);
                }
                seen.back = seen.down;
            }
            // A busy host that was there a moment ago: this attempt had less time than usual.
            Err(None) if left < limit => {}
            Err(error) => {
                if let Some(result) = hard(error.as_ref()) {
                    return Err(result);
                }
                (seen.down, seen.back) = (true, false);
                seen.last = error.map(|error| error.to_string()).or(seen.last);
                cx.journal.progress("down; waiting for it to come back");
            }
        }
        let end = if seen.down { deadline } else { patience };
        if Instant::now() + SHORTEST >= end {
            if !seen.down || seen.back {
                // A slow answer alone does not prove a reboot, and a reboot may be too quick to be seen.
                let gone = mark_is_gone(cx).await;
                (seen.down, seen.back) = (gone, gone);
            }
            return Err(Box::new(verdict(&seen, evidence, asked)));
        }
        let pause = pause(began, PAUSE);
        // The last attempt needs some time as well.
        tokio::time::sleep(pause.min((end - SHORTEST).saturating_duration_since(Instant::now()))).await;
    }
}

/// The pause between two attempts, of random length: a thousand hosts may be rebooting. `most` is for a machine that
/// has been away for a while.
pub(super) fn pause(began: Instant, most: Duration) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(if began.elapsed() < SLOW_AFTER {
        fastrand::u64(200..=700)
    } else {
        fastrand::u64(most / 5..=most)
    })
}

/// One look over a new connection; `more` questions are asked together with it. `Err(None)`: no answer in time.
pub(super) async fn fresh(
    cx: &mut StepCx<'_>,
    limit: Duration,
    more: Vec<Command>,
) -> Result<String, Option<LinkError>> {
    cx.link.close().await;
    cx.heard.forget();
    let limit = limit.max(Duration::from_millis(100));
    let mut query = boot_id();
    query.command.timeout = limit;
    let asking = async {
        if !more.is_empty() {
            // One shell runs all of it. If it does not come to its end, the boot id is asked alone.
            let all: Vec<Command> = std::iter::once(query.command.clone()).chain(more).collect();
            match cx.link.exec_all(&all).await {
                Ok(outputs) => {
                    let mut answers = all.into_iter().zip(outputs);
                    if let Some(id) = answers.next().and_then(|(_, output)| query.read(&output).ok()) {
                        cx.heard.learn(answers);
                        return Ok(id);
                    }
                }
                Err(error @ LinkError::Connect(_)) => return Err(error),
                Err(_) => {}
            }
        }
        cx.link.ask(&query, &mut NoSink).await
    };
    match timeout(limit, asking).await {
        Ok(answer) => answer.map_err(Some),
        Err(_) => {
            cx.link.close().await;
            Err(None)
        }
    }
}

/// Whether the mark of the request has disappeared from the host. In doubt: false.
async fn mark_is_gone(cx: &mut StepCx<'_>) -> bool {
    let test = r#"if [ -e "${PATCHWAVE_ROOT-}/run/patchwave-reboot" ]; then echo there; else echo gone; fi"#;
    let command = Command::sh("reboot-mark", test, [""; 0]).timeout(ATTEMPT);
    matches!(timeout(ATTEMPT, cx.link.exec(&command, &mut NoSink)).await, Ok(Ok(output)) if output.text().trim() == "gone")
}

/// Errors that do not go away by waiting. A refused login is not one: a booting system refuses logins for a while.
pub(super) fn hard(error: Option<&LinkError>) -> Option<Box<StepResult>> {
    let error = error.filter(|error| !remote::may_pass(error))?;
    let class = match error {
        LinkError::Connect(error) => error.class,
        LinkError::Exec(error) => error.class,
        // An answer without a boot id does not count.
        LinkError::Unreadable { .. } => return None,
    };
    if class == Class::Local {
        return None;
    }
    if class == Class::OtherMachine {
        return Some(Box::new(StepResult { changed: true, ..*Box::<StepResult>::from(error.clone()) }));
    }
    let summary = format!("the host key changed after the reboot: {error}");
    let mut result = StepResult::failed("host-key-changed", summary).changed(true);
    result.help = error.help().map(str::to_owned);
    Some(Box::new(result))
}

fn verdict(seen: &Seen, evidence: Option<String>, began: Instant) -> StepResult {
    let after = format!("{} s", began.elapsed().as_secs());
    let detail = evidence.into_iter().map(|said| format!("the host said: {said}"));
    let result = match (seen.down, seen.back) {
        (false, _) => StepResult::failed("never-went-down", format!("still up {after} after the reboot request"))
            .help("check what blocks it on the host: systemctl list-jobs; journalctl -b -u systemd-logind"),
        (true, true) => StepResult::failed(
            "same-boot-id",
            format!("it went away and came back with the same boot id (waited {after})"),
        )
        .help("look at its console; a container may have the boot id of its host machine")
        .changed(true),
        (true, false) => {
            let result = StepResult::unreachable(
                "never-came-back",
                format!("it went down and did not come back within {after}"),
            );
            let last = seen.last.iter().map(|error| format!("last attempt: {error}"));
            result.detail(last).help("look at its console").changed(true)
        }
    };
    result.detail(detail)
}
