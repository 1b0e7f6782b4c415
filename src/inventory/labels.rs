//! Hosts without `environment` or `risk`: an error unless the playbook names its stages itself.

use indexmap::IndexMap;

use super::Inventory;
use crate::{
    host::HostName,
    names,
    yaml::{Problem, Problems},
};

impl Inventory {
    /// Which of these hosts have no `environment` or no `risk`. Hosts of the same groups share a message.
    pub fn missing_labels(&self, hosts: &[HostName]) -> Problems {
        let mut missing: IndexMap<(&[usize], &'static str), Vec<HostName>> = IndexMap::new();
        for name in hosts {
            let Some(host) = self.host(name) else { continue };
            let policy = self.settings(host).policy;
            let what = match (policy.environment, policy.risk) {
                (None, None) => "neither `environment` nor `risk`",
                (None, Some(_)) => "no `environment`",
                (Some(_), None) => "no `risk`",
                (Some(_), Some(_)) => continue,
            };
            missing.entry((&host.groups, what)).or_default().push(name.clone());
        }
        Problems(missing.into_iter().map(|((groups, what), hosts)| self.missing(groups, what, &hosts)).collect())
    }

    fn missing(&self, groups: &[usize], what: &str, hosts: &[HostName]) -> Problem {
        let message = match hosts {
            [host] => format!("host {host} has {what}"),
            _ => format!("{} hosts have {what}: {}", hosts.len(), names::fold(hosts)),
        };
        let group = groups.first().map_or("all", |group| &self.groups[*group].name);
        let place = if group == "ungrouped" { "all" } else { group };
        let mut keys = Vec::new();
        if what.contains("environment") {
            keys.push("environment: production");
        }
        if what.contains("risk") {
            keys.push("risk: low");
        }
        let help = format!("in group `{place}` write `vars: {{ patchwave: {{ {} }} }}`", keys.join(", "));
        Problem { span: None, message, help: Some(help) }
    }
}
