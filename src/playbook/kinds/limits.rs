//! What a kind says about itself: its keyword, its name when the step has none, its time limit.

use std::time::Duration;

use super::super::{CommandLine, Condition, CopyFrom, RebootWhen, Scope, ServiceState, StepKind, TemplateList};

impl StepKind {
    /// The key that chooses it in a playbook.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Precheck(_) => "precheck",
            Self::Snapshot(_) => "snapshot",
            Self::SnapshotRestore(_) => "snapshot_restore",
            Self::Upgrade(_) => "upgrade",
            Self::Reboot(_) => "reboot",
            Self::Verify(_) => "verify",
            Self::Command(_) => "command",
            Self::Script(_) => "script",
            Self::Copy(_) => "copy",
            Self::Service(_) => "service",
            Self::WaitFor(_) => "wait_for",
            Self::Pause(_) => "pause",
            Self::Notify(_) => "notify",
            Self::Drain(_) => "drain",
            Self::Undrain(_) => "undrain",
            Self::Cleanup(_) => "cleanup",
            Self::Rollback(_) => "rollback",
            Self::Confirm(_) => "confirm",
        }
    }

    /// The time limit of one attempt when the step gives none. For a pause and a reboot it follows from their own keys.
    pub fn default_timeout(&self) -> Duration {
        const MINUTE: Duration = Duration::from_secs(60);
        match self {
            Self::Precheck(_) | Self::Copy(_) | Self::Service(_) => 2 * MINUTE,
            Self::Verify(_) | Self::WaitFor(_) => 5 * MINUTE,
            Self::Command(_) | Self::Script(_) | Self::Drain(_) | Self::Undrain(_) => 10 * MINUTE,
            Self::Snapshot(_) | Self::SnapshotRestore(_) | Self::Cleanup(_) => 15 * MINUTE,
            Self::Upgrade(_) | Self::Rollback(_) => 60 * MINUTE,
            Self::Notify(_) => Duration::from_secs(10),
            Self::Confirm(guard) => guard.longest_time() + MINUTE,
            Self::Pause(pause) => pause.duration.saturating_add(MINUTE),
            Self::Reboot(reboot) => reboot.warn.saturating_add(reboot.timeout).saturating_add(reboot.lock_timeout),
        }
    }

    /// The name of a step without `name:`.
    pub(in super::super) fn default_name(&self) -> String {
        match self {
            Self::Precheck(_) => "Pre-check".into(),
            Self::Snapshot(_) => "Snapshot".into(),
            Self::SnapshotRestore(_) => "Restore the snapshot".into(),
            Self::Upgrade(upgrade) if upgrade.predownload => "Download updates".into(),
            Self::Upgrade(upgrade) => match upgrade.scope {
                Scope::All => "Upgrade (all)".into(),
                Scope::Security => "Upgrade (security)".into(),
                Scope::Kernel => "Upgrade (kernel)".into(),
                Scope::Packages => "Upgrade (packages)".into(),
                Scope::Cve => "Upgrade (CVEs)".into(),
                Scope::Advisory => "Upgrade (advisories)".into(),
            },
            Self::Rollback(_) => "Roll back".into(),
            Self::Reboot(reboot) => match reboot.when {
                RebootWhen::Required => "Reboot if required".into(),
                RebootWhen::Always => "Reboot".into(),
            },
            Self::Verify(_) => "Verify".into(),
            Self::Command(command) => match &command.run {
                CommandLine::Shell(line) => shortened("Command", &line.0),
                CommandLine::Argv(words) => {
                    let words: Vec<&str> = words.iter().map(|word| word.0.as_str()).collect();
                    shortened("Command", &words.join(" "))
                }
            },
            Self::Script(script) => shortened("Script", &script.file.0),
            Self::Copy(copy) => match &copy.from {
                CopyFrom::File(file) => shortened("Copy", &file.0),
                CopyFrom::Content(_) => shortened("Write", &copy.dest.0),
            },
            Self::Service(service) => shortened(
                match service.state {
                    ServiceState::Started => "Start",
                    ServiceState::Stopped => "Stop",
                    ServiceState::Restarted => "Restart",
                    ServiceState::Reloaded => "Reload",
                },
                &match &service.names {
                    TemplateList::Whole(one) => one.0.clone(),
                    TemplateList::Items(names) => {
                        names.iter().map(|name| name.0.as_str()).collect::<Vec<_>>().join(", ")
                    }
                },
            ),
            Self::WaitFor(wait) => match &wait.condition {
                Condition::Port { port, .. } => format!("Wait for port {port}"),
                Condition::Http(check) => shortened("Wait for", &check.shown().url.0),
                Condition::Path(path) => shortened("Wait for", &path.0),
                Condition::Command(line) => shortened("Wait for", &line.0),
            },
            Self::Pause(pause) => format!("Pause {:?}", pause.duration),
            Self::Notify(_) => "Notify".into(),
            Self::Drain(_) => "Drain".into(),
            Self::Undrain(_) => "Undrain".into(),
            Self::Cleanup(_) => "Clean up".into(),
            Self::Confirm(_) => "Confirm, or the host rolls back".into(),
        }
    }
}

/// `What: the first line of it`, at most 48 characters.
fn shortened(what: &str, detail: &str) -> String {
    let line = detail.lines().next().unwrap_or_default().trim();
    let whole = format!("{what}: {line}");
    let cut = whole.chars().count() > 48 || detail.trim().lines().count() > 1;
    if cut { whole.chars().take(47).chain(['…']).collect() } else { whole }
}
