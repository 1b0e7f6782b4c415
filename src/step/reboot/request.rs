//! Warning the people on the host, and asking it to reboot so that the answer still comes back.

use std::time::Duration;

use super::Before;
use crate::{
    command::{Command, printable},
    event::StepResult,
    playbook::Reboot,
    step::{
        StepCx, guard, lease,
        remote::{self, Patience},
    },
};

const WARN: &str = "command -v wall >/dev/null 2>&1 || exit 0\nwall";
/// `$1`: the boot that is to end. `$2`: a name for the unit.
/// The mark in /run goes with a reboot, even with one that is too quick to be seen and keeps the boot id.
const ASK: &str = r#"root=${PATCHWAVE_ROOT-}
[ "$(cat "$root/proc/sys/kernel/random/boot_id")" = "$1" ] || { echo other-boot; exit 0; }
: >"$root/run/patchwave-reboot"
if [ -d "$root/run/systemd/system" ] && command -v systemd-run >/dev/null 2>&1; then
  systemd-run --quiet --unit="patchwave-reboot-$2" /bin/sh -c 'sleep 1; exec systemctl reboot' </dev/null && echo asked && exit 0
fi
setsid -f /bin/sh -c 'sleep 1; shutdown -r now || reboot' </dev/null >/dev/null 2>&1 && echo asked"#;

/// Tells logged-in users and waits. Nothing is scheduled on the host: if the run ends meanwhile, nothing happens.
pub(super) async fn warn(cx: &mut StepCx<'_>, spec: &Reboot) -> Result<(), Box<StepResult>> {
    let minutes = spec.warn.as_secs().div_ceil(60);
    let message = match &spec.message {
        Some(template) => cx.scope.render(template)?,
        None => "System patching".to_owned(),
    };
    let message: String = message.lines().map(printable).collect::<Vec<_>>().join("\n");
    let text = format!("{message}\nThis machine reboots in {minutes} min.\n");
    let command =
        Command::sh("reboot-warn", WARN, [""; 0]).stdin(text).timeout(Duration::from_secs(20)).privileged(true);
    // A warning that nobody can hear is no reason to stop; it may be sent twice.
    if let Ok(output) = remote::read(cx, &command).await
        && !output.success()
    {
        cx.journal.progress(&format!("wall: {}", output.last_lines(1)));
    }
    cx.journal.progress(&format!("users are warned; reboots in {minutes} min"));
    tokio::time::sleep(spec.warn.min(cx.remaining())).await;
    if cx.remaining().is_zero() {
        return Err(Box::new(StepResult::failed("timeout", "the warning takes longer than the step may")));
    }
    Ok(())
}

/// Asks for the reboot. `None`: it was asked for, or its connection was lost on the way, which is what a reboot does.
/// `Some`: what the host said against it; still no proof that it stays up.
/// With `guard`, the id of one, it is not asked for once that has its verdict.
pub(super) async fn ask(
    cx: &mut StepCx<'_>,
    before: &Before,
    guard: Option<&str>,
) -> Result<Option<String>, Box<StepResult>> {
    // A unit's name is taken once: a second request of the same boot is refused by the host itself.
    let unit: String = before.boot.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let command = Command::sh("reboot-ask", ASK, [before.boot.as_str(), &unit])
        .changing()
        .timeout(Duration::from_secs(30).min(cx.remaining()))
        .privileged(true);
    let command = lease::checked(cx, guard::unless_over(command, guard));
    let mut patience = Patience::new(cx, command.timeout);
    loop {
        cx.journal.progress("reboots");
        let error = match cx.link.exec(&command, &mut *cx.log).await {
            Ok(output) if output.text().contains("asked") || output.text().contains("other-boot") => return Ok(None),
            Ok(output) if let Some(lost) = lease::kept_from(&output) => return Err(lost),
            Ok(output) => return Ok(Some(format!("{} {}", output.exit, output.last_lines(1)))),
            Err(error) => error,
        };
        if error.outcome_unknown() {
            return Ok(None);
        }
        // Not sent, and bound to the boot: a host that somebody else reboots in this moment is asked when it is back.
        if !patience.again(cx, &error).await {
            return Err(error.into());
        }
    }
}
