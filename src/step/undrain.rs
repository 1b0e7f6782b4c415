//! Whether a drained host gets its traffic back after a step that did not succeed. A broken host does not, unless it
//! was restored or the playbook says so. Pure; start at [`stays_drained`].

use crate::{
    event::{StepResult, Verdict},
    host::HostName,
    playbook::{Side, StepSpec},
};

/// The class of an `undrain` that does not run because of the host's condition.
pub const STAYS_DRAINED: &str = "stays-drained";

/// What this decision needs to know about a walk that ended early.
#[derive(Clone, Debug)]
pub struct Broken<'a> {
    /// The step that did not succeed.
    pub at: &'a StepSpec,
    /// How it ended.
    pub verdict: Verdict,
    /// Which steps of `on_failure` ran, and how they ended.
    pub on_failure: Vec<(&'a StepSpec, Verdict)>,
    /// Whether a step before it, or the step itself, changed the host or may have.
    pub touched: bool,
    /// The guard over the whole walk is known to have rolled the host back.
    pub rolled_back: bool,
    /// Whether the host can be reached.
    pub reachable: bool,
}

impl Broken<'_> {
    /// Why it counts as broken; `None`: it is as it was before its walk, or only the drain itself failed.
    fn why(&self) -> Option<&'static str> {
        let fine = |verdict: Verdict| matches!(verdict, Verdict::Ok | Verdict::Skipped);
        if !self.on_failure.iter().all(|(_, verdict)| fine(*verdict)) {
            return Some("a step of `on_failure` did not succeed");
        }
        let restored = self.on_failure.iter().any(|(spec, verdict)| spec.kind.restores() && *verdict == Verdict::Ok);
        // A drain that failed may have partly happened, and nothing was done after it.
        let only_traffic = self.at.kind.is_drain() || self.at.kind.is_always();
        // A snapshot that failed or a lock held by another program is not a reason to lose a host that served a moment
        // ago.
        let as_it_was = !self.touched && !self.at.kind.judges();
        let fine_so_far = self.verdict == Verdict::Failed && (only_traffic || as_it_was);
        (!restored && !self.rolled_back && !fine_so_far).then_some("it is broken and was not restored")
    }

    /// The result of `undrain` where the host stays drained; `None`: `undrain` runs.
    pub fn stays_drained(&self, undrain: &StepSpec, host: &HostName) -> Option<StepResult> {
        let why = match self.why() {
            _ if !self.reachable && undrain.on == Side::Host => "it cannot be reached",
            Some(why) if !undrain.kind.undrains_broken_hosts() => why,
            _ => return None,
        };
        // The text from the playbook: once rendered it may hold secrets.
        let hook = undrain.kind.hook().unwrap_or_default().replace("{{ inventory_hostname }}", host.as_str());
        let place = if undrain.on == Side::Host { "on the host" } else { "on this machine" };
        let mut result = StepResult::skipped(format!("the host stays drained: {why}"));
        result.class = STAYS_DRAINED.to_owned();
        Some(result.help(format!(
            "once it is repaired: {hook} ({place}), or run the playbook again with --limit {host}: it ends with \
             `undrain`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::playbook::{Hook, Pause, StepKind, Template, Undrain};

    fn spec(kind: StepKind, on: Side) -> StepSpec {
        StepSpec { on, ..StepSpec::of(kind) }
    }

    fn hook(line: &str) -> Hook {
        Hook { run: Template(line.to_owned()) }
    }

    /// What decides, in order: the step that failed and how, whether the host was touched, a guard's rollback, a
    /// restore.
    #[test]
    fn a_host_serves_again_where_it_is_known_to_be_fit_for_that() {
        use Verdict::{Failed, Ok, Unknown, Unreachable};
        let drain = || StepKind::Drain(hook("d"));
        let other = || StepKind::Pause(Pause { duration: Duration::ZERO });
        for (kind, verdict, touched, rolled_back, restore, serves) in [
            (other(), Failed, true, false, None, false),
            (other(), Failed, true, false, Some(Ok), true),
            (other(), Failed, true, false, Some(Failed), false),
            (other(), Failed, true, false, Some(Unknown), false),
            (other(), Failed, true, true, None, true),
            (other(), Failed, true, true, Some(Failed), false),
            (other(), Failed, false, false, None, true),
            (other(), Unknown, true, false, None, false),
            (other(), Unknown, true, false, Some(Ok), true),
            (drain(), Failed, true, false, None, true),
            // It may still be running, so nothing else is started.
            (drain(), Unknown, false, false, None, false),
            (other(), Unreachable, true, false, None, false),
        ] {
            let restored = spec(StepKind::SnapshotRestore(hook("r")), Side::Controller);
            let at = spec(kind, Side::Host);
            let on_failure = restore.map(|verdict| (&restored, verdict)).into_iter().collect();
            let reachable = verdict != Unreachable;
            let broken = Broken { at: &at, verdict, on_failure, touched, rolled_back, reachable };
            let host = HostName::new("web1").unwrap();
            for when_failed in [false, true] {
                let undrain = Undrain { hook: hook("u {{ inventory_hostname }} {{ token }}"), when_failed };
                let stays = broken.stays_drained(&spec(StepKind::Undrain(undrain), Side::Controller), &host);
                assert_eq!(stays.is_none(), serves || when_failed, "{broken:?}");
                if let Some(stays) = stays {
                    let help = stays.help.unwrap_or_default();
                    assert!(help.contains("u web1 {{ token }}") && help.contains("--limit web1"), "{help}");
                }
            }
            let there = Undrain { hook: hook("u"), when_failed: true };
            let stays = broken.stays_drained(&spec(StepKind::Undrain(there), Side::Host), &host);
            assert_eq!(stays.is_none(), reachable, "on a host that cannot be reached nothing can be run");
        }
    }
}
