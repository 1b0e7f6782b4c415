//! The commands that arm, settle and clean up a guard. The rollback, which may hold secrets, is sent on standard input.

use std::time::Duration;

use super::known::Outlives;
use crate::{
    command::{Command, Unquotable, printable},
    pkg,
    playbook::Guard,
    step::{StepCx, job},
};

const ALIVE: &str = include_str!("../job/alive.sh");
const ARM: &str = concat!(
    include_str!("../base.sh"),
    include_str!("../job/alive.sh"),
    include_str!("armed.sh"),
    include_str!("arm.sh")
);
const ARMED: &str = include_str!("armed.sh");
const WATCH: &str = include_str!("watch.sh");
const SETTLE: &str = concat!(
    include_str!("../base.sh"),
    include_str!("../job/alive.sh"),
    include_str!("armed.sh"),
    include_str!("settle.sh")
);
const CLEAN: &str = concat!(include_str!("../base.sh"), include_str!("armed.sh"), include_str!("clean.sh"));

/// The most bytes of a rollback's output in one answer.
pub(super) const CHUNK: usize = 64 << 10;

/// Arms guard `id`; safe to send again.
pub(super) fn arm(
    cx: &StepCx<'_>,
    guard: &Guard,
    id: &str,
    outlives: Outlives,
    rollback: &Command,
) -> Result<Command, Unquotable> {
    let bytes = job::run_file(rollback, None)?.into_bytes();
    let owner: String = printable(cx.owner).chars().take(100).collect();
    let (within, size) = (guard.within.as_secs().to_string(), bytes.len().to_string());
    let limit = guard.timeout.as_secs().to_string();
    let boot = if outlives == Outlives::Reboot { "boot" } else { "" };
    let watch = format!("{ALIVE}{ARMED}{}{WATCH}", pkg::are_locked());
    Ok(Command::sh("guard-arm", ARM, [id, &cx.run.0, &owner, &within, boot, &size, &watch, &limit])
        .changing()
        .stdin(bytes)
        .timeout(Duration::from_secs(60))
        .privileged(true))
}

/// The verdict that is wanted for a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Confirm,
    RollBack,
    /// It is disabled: the host never carries it out.
    GiveUp,
}

/// Asks for a verdict and reads the current one, with the rollback's output from `offset` on; safe to send again.
pub(super) fn settle(id: &str, wish: Wish, offset: u64, wait: Duration) -> Command {
    let wish = match wish {
        Wish::Confirm => "confirm",
        Wish::RollBack => "roll-back",
        Wish::GiveUp => "give-up",
    };
    let (offset, most, seconds) = (offset.to_string(), CHUNK.to_string(), wait.as_secs().to_string());
    let mut command = Command::sh("guard-settle", SETTLE, [id, wish, &offset, &most, &seconds])
        .timeout(wait + Duration::from_secs(20))
        .privileged(true);
    command.keep = CHUNK + 4096;
    command
}

/// Removes its files; safe to send again.
pub(super) fn clean(id: &str) -> Command {
    Command::sh("guard-clean", CLEAN, [id]).timeout(Duration::from_secs(30)).privileged(true)
}
