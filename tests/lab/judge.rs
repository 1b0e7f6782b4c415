//! What must be true of every host, whatever was done to it and to its controllers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    events::{Events, is},
    fleet::Lab,
};

/// A host before anything was done to it.
pub struct Before {
    pub host: String,
    packages: BTreeMap<String, String>,
    /// Its `LAB_ADD`.
    more: Vec<(&'static str, &'static str)>,
    boots: usize,
}

impl Before {
    pub fn of(lab: &Lab, host: &str) -> Self {
        let packages = lab.packages(host);
        let more = if packages.contains_key("lab-reboot") { vec![("lab-reboot", "1.0+deb12u1")] } else { vec![] };
        Self { host: host.to_owned(), packages, more, boots: lab.asked_to_reboot(host) }
    }

    /// The host has its outcome, and the outcome is true; its transaction ran at most once, and so did its reboot,
    /// besides the `foreign` ones. Returns `ok`, or `failed: class`.
    pub fn judge(&self, lab: &Lab, events: &Events, foreign: usize) -> String {
        let (host, outcome) = (&self.host, events.outcome(&self.host));
        let results = || events.0.iter().filter(|event| is(event, "step_finished", host)).map(|event| &event["result"]);
        let fine = |result: &&Value| result["verdict"] == "ok" || result["verdict"] == "skipped";
        let broken = results().find(|result| !fine(result));
        let sick = lab.on(host, "dpkg --audit");
        let transactions =
            lab.on(host, "cat /var/log/apt/history.log 2>/dev/null | grep -c '^Commandline:.* install ' || :");
        assert!(transactions == "0" || transactions == "1", "{host}: {transactions} transactions");
        let ours = usize::from(!self.more.is_empty());
        assert!(lab.asked_to_reboot(host) <= self.boots + ours + foreign, "{host}: rebooted more than once");
        let ended = events.0.iter().filter(|event| is(event, "host_finished", host)).count();
        assert_eq!(ended, 1, "{host}: its outcomes");
        if outcome == "ok" {
            assert!(broken.is_none(), "{host}: ok with {broken:?}");
            assert_eq!(transactions, "1", "{host}: ok without a transaction");
            self.is_patched(lab);
            assert_eq!(
                lab.on(host, "ls /var/lib/patchwave/lease 2>/dev/null || echo given back"),
                "given back",
                "{host}"
            );
            return outcome.to_owned();
        }
        let result = broken.unwrap_or_else(|| panic!("{host}: {outcome:?}, and no step says why: {:#?}", events.0));
        let word = |key: &str| result[key].as_str().unwrap_or_default();
        assert!(["failed", "unknown", "unreachable"].contains(&outcome), "{host}: {outcome:?}: {result}");
        assert!(!word("class").is_empty() && !word("summary").is_empty(), "{host}: without its reason: {result}");
        assert!(!word("help").is_empty(), "{host}: what is the operator to type? {result}");
        let told = result.to_string();
        assert!(sick.is_empty() || told.contains("dpkg"), "{host}: that dpkg is not in order is not said: {told}");
        format!("{outcome}: {}", word("class"))
    }

    /// The security updates are installed, everything else is unchanged, and the host is in order.
    pub fn is_patched(&self, lab: &Lab) {
        let host = &self.host;
        lab.has_changed(host, &self.packages, &self.more);
        assert_eq!(lab.on(host, "dpkg --audit; systemctl is-active ssh lab-svc"), "active\nactive", "{host}");
    }
}

/// All of them, in order.
pub fn judge_all(lab: &Lab, hosts: &[&Before], events: &Events, foreign: impl Fn(&str) -> usize) -> Vec<String> {
    hosts.iter().map(|before| before.judge(lab, events, foreign(&before.host))).collect()
}
