//! What may be done about processes that use replaced files: systemd says of each unit whether it can be restarted.

use std::{collections::BTreeMap, time::Duration};

use super::{
    look::{Look, look},
    sort::{Kept, Sorted, kept, reason, short, sort},
};
use crate::{
    command::{Command, Output, Query, Unreadable},
    event::StepResult,
    step::{StepCx, packages},
};

/// What there is to do, and what is left to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Process 1 can load itself again.
    pub manager: bool,
    /// Units to restart.
    pub restart: Vec<String>,
    /// What is not restarted here, with the reason in brackets.
    pub keep: Vec<String>,
    /// Why a reboot is due.
    pub reasons: Vec<String>,
    /// More lines for people: sessions, containers, processes that a restart leaves alone.
    pub detail: Vec<String>,
}

/// A unit as `systemctl show` describes it.
type Properties = BTreeMap<String, String>;

/// Looks at the host.
///
/// # Errors
/// An unreachable host, or an answer that cannot be read.
pub(super) async fn survey(cx: &mut StepCx<'_>) -> Result<Survey, Box<StepResult>> {
    let look: Look = packages::ask(cx, look()).await?;
    decided(cx, sort(&look)).await
}

/// What may be done about these processes.
///
/// # Errors
/// As [`survey`].
pub(super) async fn decided(cx: &mut StepCx<'_>, sorted: Sorted) -> Result<Survey, Box<StepResult>> {
    let shown = match sorted.units.is_empty() {
        true => BTreeMap::new(),
        false => packages::ask(cx, show(sorted.units.keys())).await?,
    };
    Ok(decide(sorted, &shown))
}

fn show<'a>(units: impl Iterator<Item = &'a String>) -> Query<BTreeMap<String, Properties>> {
    let properties = "Id,Type,ActiveState,KillMode,MainPID,RefuseManualStart,RefuseManualStop";
    let words = ["systemctl", "show", "-p", properties, "--"].map(str::to_owned);
    let argv = words.into_iter().chain(units.cloned());
    Query::new(Command::reads("stale-units", argv).timeout(Duration::from_secs(60)), read)
}

fn read(output: &Output) -> Result<BTreeMap<String, Properties>, Unreadable> {
    if !output.success() {
        return Err(Unreadable::new(format!("systemctl show: {}", output.last_lines(1))));
    }
    let text = output.text();
    let block = |block: &str| -> Properties {
        block.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    Ok(text.split("\n\n").map(block).filter_map(|unit| Some((unit.get("Id")?.clone(), unit))).collect())
}

fn decide(sorted: Sorted, shown: &BTreeMap<String, Properties>) -> Survey {
    let mut survey = Survey { manager: sorted.manager, ..Survey::default() };
    let by_hand = |name: &str, why: &str| format!("{name} ({why})");
    for (unit, pids) in &sorted.units {
        let none = Properties::new();
        let properties = shown.get(unit).unwrap_or(&none);
        let is = |key: &str, value: &str| properties.get(key).is_some_and(|is| is == value);
        let main = properties.get("MainPID").and_then(|pid| pid.parse().ok()).unwrap_or(0);
        let name = short(unit);
        if is("KillMode", "process") && main != 0 && !pids.contains(&main) {
            // A restart would not end them: logins, jobs of cron.
            survey
                .detail
                .push(format!("processes that {name} started use replaced files; a restart leaves them alone"));
        } else if kept(unit) == Some(Kept::Reboot) || is("RefuseManualStop", "yes") || is("RefuseManualStart", "yes") {
            survey.keep.push(by_hand(name, "needs a reboot"));
            survey.reasons.push(reason(name));
        } else if kept(unit) == Some(Kept::ByHand) {
            survey.keep.push(by_hand(name, "a restart cuts connections: restart it by hand"));
        } else if !is("ActiveState", "active") || is("Type", "oneshot") {
            survey.keep.push(by_hand(name, "not running as a service: restart it by hand"));
        } else {
            survey.restart.push(unit.clone());
        }
    }
    survey.keep.extend(sorted.others.iter().map(|name| by_hand(name, "no unit of systemd: restart it by hand")));
    let lists = [("sessions", sorted.sessions), ("containers", sorted.containers)];
    for (what, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        let names: Vec<String> = list.into_iter().take(20).collect();
        survey.detail.push(format!("{what} that use replaced files: {}", names.join(", ")));
    }
    survey
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_says_which_units_can_be_restarted() {
        let unit = |name: &str, more: &str| {
            let all =
                format!("Id={name}.service Type=notify ActiveState=active KillMode=control-group MainPID=7 {more}");
            let text = all.split_whitespace().collect::<Vec<_>>().join("\n");
            let output =
                Output { exit: crate::command::Exit::Code(0), stdout: text.into(), stderr: Vec::new(), dropped: 0 };
            read(&output).unwrap().into_iter().next().unwrap()
        };
        let shown = BTreeMap::from([
            unit("a", ""),
            unit("auditd", "RefuseManualStop=yes"),
            unit("cron", "KillMode=process"),
            unit("down", "ActiveState=failed"),
            unit("once", "Type=oneshot"),
            unit("ssh", "KillMode=process"),
        ]);
        let units =
            [("a", 8), ("auditd", 7), ("cron", 8), ("dbus", 7), ("docker", 7), ("down", 9), ("once", 9), ("ssh", 7)];
        let units = units.map(|(name, pid)| (format!("{name}.service"), vec![pid])).into();
        let survey = decide(Sorted { units, others: ["x".to_owned()].into(), ..Sorted::default() }, &shown);
        assert_eq!(survey.restart, ["a.service", "ssh.service"]);
        assert_eq!(
            survey.keep,
            [
                "auditd (needs a reboot)",
                "dbus (needs a reboot)",
                "docker (a restart cuts connections: restart it by hand)",
                "down (not running as a service: restart it by hand)",
                "once (not running as a service: restart it by hand)",
                "x (no unit of systemd: restart it by hand)"
            ]
        );
        assert_eq!(survey.reasons.len(), 2);
        assert_eq!(survey.detail, ["processes that cron started use replaced files; a restart leaves them alone"]);
    }
}
