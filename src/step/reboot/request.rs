//! Warning the users on the host, and requesting the reboot in a way that lets the answer come back.

use std::time::Duration;

use tokio::time::Instant;

use super::before::Before;
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    event::StepResult,
    pkg,
    playbook::Reboot,
    step::{
        StepCx, guard, lease, packages,
        remote::{self, Patience},
    },
};

/// The most lines that are shown about a refused reboot.
const MOST_SAID: usize = 12;

const WARN: &str = "command -v wall >/dev/null 2>&1 || exit 0\nwall";
/// `$1`: the boot that is to end. `$2`: the name of the unit.
const SAME_BOOT: &str = r#"root=${PATCHWAVE_ROOT-}
[ "$(cat "$root/proc/sys/kernel/random/boot_id")" = "$1" ] || { echo other-boot; exit 0; }
unit=patchwave-reboot-$2
systemd=
[ -d "$root/run/systemd/system" ] && command -v systemd-run >/dev/null 2>&1 && systemd=1
# An earlier request whose answer was lost, and which is about to do it.
[ -z "$systemd" ] || ! systemctl is-active --quiet "$unit" || { echo asked; exit 0; }"#;
/// The packages are checked between [`SAME_BOOT`] and this. A reboot removes the mark in /run, even a reboot that is
/// too quick to be seen and keeps the boot id. If the reboot is refused, the exit code is written into the mark; a
/// shell that the shutdown itself ends writes nothing.
const ASK: &str = r#"mark=$root/run/patchwave-reboot
: >"$mark"
refused='code=$?; [ "$code" -ge 128 ] || echo "refused $code" >>"$0"; exit "$code"'
if [ -n "$systemd" ]; then
  systemctl reset-failed "$unit" >/dev/null 2>&1
  systemd-run --quiet --unit="$unit" \
    /bin/sh -c 'sleep 1; systemctl reboot >"$0" 2>&1 && exit; '"$refused" "$mark" </dev/null && echo asked && exit 0
fi
setsid -f /bin/sh -c 'sleep 1; { shutdown -r now || reboot; } >"$0" 2>&1 && exit; '"$refused" "$mark" \
  </dev/null >/dev/null 2>&1 && echo asked"#;
/// `$1`: as `$2` above. Reports what refused the reboot, if it was refused, and resets the failed unit, so that it does
/// not count as a fault of the host or block another request.
const REFUSED: &str = r#"root=${PATCHWAVE_ROOT-}
mark=$root/run/patchwave-reboot
unit=patchwave-reboot-$1
refused=
[ ! -r "$mark" ] || refused=$(sed -n 's/^refused //p' "$mark")
if [ -d "$root/run/systemd/system" ] && systemctl is-failed --quiet "$unit"; then refused=${refused:-unit}; fi
if [ -n "$refused" ]; then
  [ "$(systemctl show -p LoadState --value reboot.target)" != masked ] || echo "said reboot.target is masked"
  head -n 10 "$mark" | sed -e '/^refused /d' -e 's/^/said /'
  if [ "$refused" = unit ]; then journalctl -q --no-pager -o cat -n 5 -u "$unit" | sed 's/^/said /'; fi
  systemd-inhibit --list --no-legend --no-pager | grep -w shutdown | grep -w -e block -e block-weak | head -n 10 |
    sed 's/^/inhibited by /'
  systemctl reset-failed "$unit"
  echo "refused $refused"
fi 2>/dev/null
echo end"#;

/// Warns logged-in users and waits. Nothing is scheduled on the host: if the run ends meanwhile, nothing happens.
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
    // If a warning cannot be shown, the step goes on; a warning may be sent twice.
    if let Ok(output) = remote::read(cx, &command).await
        && !output.success()
    {
        cx.journal.progress(&format!("wall: {}", output.last_lines(1)));
    }
    cx.journal.progress(&format!("users were warned; rebooting in {minutes} min"));
    tokio::time::sleep(spec.warn.min(cx.remaining())).await;
    if cx.remaining().is_zero() {
        return Err(Box::new(StepResult::failed("timeout", "the warning takes longer than the step's time limit")));
    }
    Ok(())
}

/// How a request ended.
pub(super) struct Asked {
    /// When it was sent.
    pub at: Instant,
    /// What the host answered against it; this does not prove that the host stays up. `None`: the host accepted it, or
    /// the connection was lost on the way, as a reboot does.
    pub against: Option<String>,
}

/// Requests the reboot, once no other program works on the packages. The request itself checks them, so that nothing
/// can begin between the check and the request. With `guard`, the id of a guard, nothing is requested once that guard
/// has its verdict.
///
/// `None`: another program installed packages and is done; what was known before must be read again.
///
/// # Errors
/// The step's result: the packages stayed locked until `until` (class `lock`), or the host cannot be reached. The
/// reboot was not requested.
pub(super) async fn ask(
    cx: &mut StepCx<'_>,
    before: &Before,
    guard: Option<&str>,
    until: Instant,
) -> Result<Option<Asked>, Box<StepResult>> {
    // What was heard before is of the boot that ends.
    cx.heard.forget();
    let script = format!("{SAME_BOOT}\n{}\n{ASK}", pkg::stop_if_locked());
    let command = Command::sh("reboot-ask", &script, [before.boot.as_str(), &unit(before)])
        .changing()
        .timeout(Duration::from_secs(30).min(cx.remaining()))
        .privileged(true);
    let command = lease::checked(cx, guard::unless_over(command, guard));
    let mut patience = Patience::new(cx, command.timeout);
    loop {
        cx.journal.progress("reboots");
        let at = Instant::now();
        let asked = |against| Ok(Some(Asked { at, against }));
        let error = match cx.link.exec(&command, &mut *cx.log).await {
            Ok(output) if let Some(lost) = lease::kept_from(&output) => return Err(lost),
            Ok(output) => match answer(&output) {
                Answer::Asked => return asked(None),
                Answer::Against(said) => return asked(Some(said)),
                Answer::Locked(holder) => {
                    packages::wait(cx, &holder, until).await?;
                    return Ok(None);
                }
            },
            Err(error) => error,
        };
        if error.outcome_unknown() {
            return asked(None);
        }
        // The request was not sent, and it is bound to the old boot: if the host happens to reboot now, asking again
        // does nothing.
        if !patience.again(cx, &error).await {
            return Err(error.into());
        }
    }
}

/// A unit name can be used only once, so the host itself refuses a second request in the same boot.
pub(super) fn unit(before: &Before) -> String {
    before.boot.chars().filter(char::is_ascii_alphanumeric).take(12).collect()
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It is rebooting, or has already rebooted.
    Asked,
    /// The reboot was not requested: this program works on the packages.
    Locked(String),
    /// Anything else.
    Against(String),
}

fn answer(output: &Output) -> Answer {
    let against = || Answer::Against(format!("{} {}", output.exit, output.last_lines(1)));
    match pkg::locked(output) {
        Ok(Some(holders)) => {
            let holder = holders.iter().find(|holder| !pkg::is_lists(holder));
            Answer::Locked(holder.map_or_else(|| "another process".to_owned(), ToString::to_string))
        }
        Ok(None) if output.text().lines().any(|line| matches!(line.trim(), "asked" | "other-boot")) => Answer::Asked,
        Ok(None) => against(),
        // The answer was cut after the word `locked`: the reboot was not requested, whatever holds the lock.
        Err(_) => Answer::Locked("another process".to_owned()),
    }
}

/// Why the host did not reboot, once it has said so: its own words, and what inhibits a shutdown.
pub(super) fn refused(before: &Before) -> Query<Option<Vec<String>>> {
    let command = Command::sh("reboot-refused", REFUSED, [unit(before)]).timeout(Duration::from_secs(15));
    Query::new(command.privileged(true), |output| {
        let text = output.text();
        let lines: Vec<&str> = text.lines().collect();
        if lines.last() != Some(&"end") {
            return Err(Unreadable::new(format!("cannot read whether it refused: {}", output.last_lines(1))));
        }
        if !lines.iter().any(|line| line.starts_with("refused ")) {
            return Ok(None);
        }
        let said = lines.iter().filter_map(|line| match line.strip_prefix("said ") {
            Some(said) => Some(said.to_owned()),
            None => line.starts_with("inhibited by ").then(|| (*line).to_owned()),
        });
        let words = |line: String| printable(&line.split_whitespace().collect::<Vec<_>>().join(" "));
        Ok(Some(said.map(words).filter(|line| !line.is_empty()).take(MOST_SAID).collect()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn said(text: &str) -> Output {
        Output { exit: Exit::Code(0), stdout: text.into(), stderr: vec![], dropped: 0 }
    }

    #[test]
    fn only_a_line_of_its_own_is_an_answer() {
        let ends = "end\n".repeat(pkg::ALL.len());
        let lock = &format!("locked\nlock /var/lib/dpkg/lock 12 /usr/bin/dpkg --configure asked\n{ends}");
        for (text, expected) in [
            ("asked\n", Answer::Asked),
            ("Welcome!\nother-boot\n", Answer::Asked),
            (lock, Answer::Locked("dpkg (pid 12)".to_owned())),
            ("locked\nlock /var/lib/dpkg/lock 12 asked", Answer::Locked("another process".to_owned())),
            ("nobody asked you\n", Answer::Against("exit code 0 nobody asked you".to_owned())),
        ] {
            assert_eq!(answer(&said(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_who_it_was() {
        let query = refused(&Before::default());
        assert_eq!(query.read(&said("end\n")).unwrap(), None);
        assert!(query.read(&said("refused 1\n")).is_err(), "cut");
        let text = "said Call to Reboot failed: Access denied\ninhibited by backup 0 root 99  systemd-inhibit \
                    shutdown dump\x1b[2J block\nrefused 1\nend\n";
        assert_eq!(
            query.read(&said(text)).unwrap().unwrap(),
            [
                "Call to Reboot failed: Access denied",
                "inhibited by backup 0 root 99 systemd-inhibit shutdown dump[2J block"
            ]
        );
    }
}
