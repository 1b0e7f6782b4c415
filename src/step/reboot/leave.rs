//! From the request to the end of the old boot. The connection over which the host was asked belongs to the boot that
//! ends: as long as it answers, the host is still up. So nothing logs in to a host that is going down, which may take
//! minutes; that would cost it many logins and prove nothing. Start at [`watch`].

use std::time::Duration;

use tokio::{
    sync::watch::{Sender, channel},
    time::{Instant, timeout},
};

use super::{before::Before, request};
use crate::{
    command::Command,
    event::StepResult,
    step::{StepCx, guard},
    transport::{NoSink, Sink, Stream},
};

/// `$1`, `$2`: as those of the request. `$3`: how often to look. Says `up` each time. Ends with success after the last
/// look, once the request was refused, and in another boot.
const WATCH: &str = r#"root=${PATCHWAVE_ROOT-}
mark=$root/run/patchwave-reboot
systemd=
[ -d "$root/run/systemd/system" ] && command -v systemctl >/dev/null 2>&1 && systemd=1
n=$3
while [ "$n" -gt 0 ]; do
  boot=
  { read -r boot <"$root/proc/sys/kernel/random/boot_id"; } 2>/dev/null
  [ "$boot" = "$1" ] || exit 0
  echo up || exit 1
  if [ -r "$mark" ]; then
    while read -r word rest; do [ "$word" != refused ] || exit 0; done <"$mark"
  fi
  [ -z "$systemd" ] || ! systemctl is-failed --quiet "patchwave-reboot-$2" || exit 0
  sleep 0.5 2>/dev/null || sleep 1
  n=$((n - 1))
done"#;
/// Between two looks of the host.
const LOOKS: Duration = Duration::from_millis(500);
/// One command: shorter than any idle timeout of a connection.
const WHILE: Duration = Duration::from_secs(20);
/// A host that says nothing for so long is looked for over new connections. Where `sleep` knows only seconds, it speaks
/// once a second.
const SILENT: Duration = Duration::from_secs(2);

/// Waits until the connection of the old boot ends or is silent: then true. False: there is none, it is of another
/// boot, or `until` has come. What it sees decides nothing: the next login does.
///
/// # Errors
/// The step's result, if the host has refused to reboot.
pub(super) async fn watch(cx: &mut StepCx<'_>, before: &Before, until: Instant) -> Result<bool, Box<StepResult>> {
    loop {
        let left = until.saturating_duration_since(Instant::now()).min(WHILE);
        let looks = left.as_millis() / LOOKS.as_millis();
        if looks == 0 || !cx.link.is_open() {
            return Ok(false);
        }
        let began = Instant::now();
        let words = [before.boot.clone(), request::unit(before), looks.to_string()];
        let command = Command::sh("reboot-watch", WATCH, words).timeout(2 * left + SILENT).privileged(true);
        let (tell, mut heard) = channel(());
        let ended = {
            let mut pulse = Pulse(tell);
            let mut watching = std::pin::pin!(cx.link.exec_here(&command, &mut pulse));
            loop {
                tokio::select! {
                    ended = &mut watching => break ended,
                    spoke = timeout(SILENT, heard.changed()) => if !matches!(spoke, Ok(Ok(()))) { break None },
                }
            }
        };
        if !ended.is_some_and(|output| output.success()) {
            // Lost, silent, or its shell was ended: the host is on its way.
            cx.link.abandon();
            return Ok(true);
        }
        if let Some(said) = refused(cx, before).await {
            return Err(said);
        }
        if began.elapsed() < left / 2 {
            // It is in another boot already, or does not say why it ended early.
            return Ok(false);
        }
    }
}

/// The result if the host took the request and then refused to reboot, as far as the open connection tells. In doubt:
/// `None`.
pub(super) async fn refused(cx: &mut StepCx<'_>, before: &Before) -> Option<Box<StepResult>> {
    let query = request::refused(before);
    let answer = timeout(query.command.timeout, cx.link.exec_here(&query.command, &mut NoSink)).await;
    if answer.is_err() {
        cx.link.abandon();
    }
    let said = query.read(&answer.ok()??).ok()??;
    let inhibitors: Vec<&str> = said.iter().filter_map(|line| line.strip_prefix("inhibited by ")).collect();
    let first = said.iter().find(|line| !line.starts_with("inhibited by "));
    let why = first.map_or_else(|| "it gave no reason".to_owned(), Clone::clone);
    let by = inhibitors.first().map(|who| format!("; inhibited by {who}")).unwrap_or_default();
    let help = if said.iter().any(|line| line.ends_with("reboot.target is masked")) {
        "on the host: systemctl unmask reboot.target; then run again with --limit @failed"
    } else if inhibitors.is_empty() {
        "check the host: systemctl status reboot.target; systemd-inhibit --list"
    } else {
        "check what inhibits it on the host (systemd-inhibit --list), wait for it to end, then run again with --limit @failed"
    };
    let summary = format!("the host refused to reboot, nothing was changed: {why}{by}");
    // The change did not begin, so a guard has nothing to roll back.
    guard::not_begun(cx);
    Some(Box::new(StepResult::failed("reboot-refused", summary).detail(said).help(help)))
}

/// Notes that the host has sent something.
struct Pulse(Sender<()>);

impl Sink for Pulse {
    fn write(&mut self, _: Stream, _: &[u8]) {
        let _ = self.0.send(());
    }
}
