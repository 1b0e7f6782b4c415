//! What a fleet looks like before it is started: its hosts, how fast they are, what is wrong with them.
//! Data only. Start at [`FleetSpec`].

use std::time::Duration;

use super::fault::Fault;
use crate::host::Risk;

/// What to start.
#[derive(Clone, Debug)]
pub struct FleetSpec {
    /// The hosts, in inventory order. Names must be different.
    pub hosts: Vec<HostSpec>,
    /// How long a package set takes to install, shortest and longest; each host gets its own seeded time in between.
    pub install: (Duration, Duration),
    /// How long a host is down when it reboots.
    pub down: Duration,
    /// The seed of the jitter only.
    pub seed: u64,
    /// The hosts report that systemd runs, so a client uses systemd; otherwise it uses `setsid` and `service`.
    pub systemd: bool,
    /// Answer the command `true` without a process, and omit the hosts' folders: for benchmarks of SSH alone.
    pub instant: bool,
}

/// One host.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// The inventory name.
    pub name: String,
    /// `development`, `staging`, `production`.
    pub environment: &'static str,
    /// What it does.
    pub role: Role,
    /// A kernel update is pending, so that a reboot is needed.
    pub kernel_update: bool,
    /// What is wrong with it from the beginning.
    pub faults: Vec<Fault>,
}

/// What a host does. This decides its packages, its services and its risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A load balancer.
    Edge,
    /// A web server.
    Web,
    /// An application server.
    App,
    /// A database.
    Db,
}

impl Role {
    /// The word in host names and in the package tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Web => "web",
            Self::App => "app",
            Self::Db => "db",
        }
    }

    /// The unit of its main service.
    pub fn service(self) -> &'static str {
        match self {
            Self::Edge => "haproxy",
            Self::Web => "nginx",
            Self::App => "tomcat10",
            Self::Db => "postgresql",
        }
    }

    /// How much damage such a host does when it breaks in production.
    pub fn risk(self) -> Risk {
        match self {
            Self::Edge => Risk::Low,
            Self::Web | Self::App => Risk::Medium,
            Self::Db => Risk::Critical,
        }
    }
}

/// The demo's hosts, out of 24: environment, short form, role, how many.
const DEMO: [(&str, &str, Role, usize); 9] = [
    ("development", "dev", Role::Web, 2),
    ("development", "dev", Role::App, 1),
    ("development", "dev", Role::Db, 1),
    ("staging", "stage", Role::Web, 3),
    ("staging", "stage", Role::App, 2),
    ("staging", "stage", Role::Db, 1),
    ("production", "prod", Role::Edge, 4),
    ("production", "prod", Role::Web, 7),
    ("production", "prod", Role::Db, 3),
];

impl FleetSpec {
    /// The demo: 24 hosts in three environments, slow enough to watch, nothing broken.
    pub fn demo() -> Self {
        Self::demo_of(24)
    }

    /// As [`FleetSpec::demo`] with `count` hosts (at least one), in the same proportions.
    pub fn demo_of(count: usize) -> Self {
        let hosts = shares(count.max(1))
            .into_iter()
            .flat_map(|(environment, short, role, many)| {
                (1..=many).map(move |number| HostSpec {
                    name: format!("{}{number:02}.{short}.example.com", role.as_str()),
                    environment,
                    role,
                    // Each reboot is two seconds to wait for.
                    kernel_update: role == Role::Web && number % 4 == 1 && environment != "development",
                    faults: Vec::new(),
                })
            })
            .collect();
        Self {
            hosts,
            install: (Duration::from_millis(150), Duration::from_millis(500)),
            down: Duration::from_millis(400),
            seed: 7,
            systemd: false,
            instant: false,
        }
    }

    /// `count` production web servers `web001.test` … that do everything at once: for tests.
    pub fn quick(count: usize) -> Self {
        let hosts = (1..=count).map(|number| HostSpec {
            name: format!("web{number:03}.test"),
            environment: "production",
            role: Role::Web,
            kernel_update: true,
            faults: Vec::new(),
        });
        Self { hosts: hosts.collect(), ..Self::demo_of(1).at_once() }
    }

    /// `count` hosts that answer `true` without a process: for benchmarks of SSH alone.
    pub fn instant(count: usize) -> Self {
        Self { instant: true, ..Self::quick(count) }
    }

    /// Without the delays that make the demo watchable.
    #[must_use]
    pub fn at_once(mut self) -> Self {
        self.install = (Duration::ZERO, Duration::ZERO);
        self.down = Duration::from_millis(100);
        self
    }

    /// Breaks a host from the beginning; a name that is not in the fleet changes nothing.
    #[must_use]
    pub fn broken(mut self, name: &str, fault: Fault) -> Self {
        self.hosts.iter_mut().filter(|host| host.name == name).for_each(|host| host.faults.push(fault.clone()));
        self
    }

    /// The host that a person means: a name, its beginning up to a dot (`web03.prod`) if only one host has it, or a
    /// number from 1.
    pub fn find(&self, who: &str) -> Option<&HostSpec> {
        if let Some(exact) = self.hosts.iter().find(|host| host.name == who) {
            return Some(exact);
        }
        if let Ok(number) = who.parse::<usize>() {
            return self.hosts.get(number.checked_sub(1)?);
        }
        let begins = |host: &&HostSpec| host.name.strip_prefix(who).is_some_and(|rest| rest.starts_with('.'));
        let mut meant = self.hosts.iter().filter(begins);
        meant.next().filter(|_| meant.next().is_none())
    }
}

/// [`DEMO`] scaled to `count` hosts: rounded down; the remaining hosts become production web servers.
fn shares(count: usize) -> Vec<(&'static str, &'static str, Role, usize)> {
    let total: usize = DEMO.iter().map(|share| share.3).sum();
    let mut shares = DEMO.map(|(environment, short, role, many)| (environment, short, role, many * count / total));
    let given: usize = shares.iter().map(|share| share.3).sum();
    if let Some(web) = shares.iter_mut().find(|share| share.0 == "production" && share.2 == Role::Web) {
        web.3 += count - given;
    }
    shares.into_iter().filter(|share| share.3 > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_as_many_hosts_as_asked_for() {
        for (count, development, staging, production) in
            [(0, 0, 0, 1), (1, 0, 0, 1), (5, 0, 0, 5), (24, 4, 6, 14), (48, 8, 12, 28), (500, 81, 123, 296)]
        {
            let spec = FleetSpec::demo_of(count);
            let of = |environment| spec.hosts.iter().filter(|host| host.environment == environment).count();
            assert_eq!(spec.hosts.len(), count.max(1), "{count}");
            assert_eq!(
                (of("development"), of("staging"), of("production")),
                (development, staging, production),
                "{count}"
            );
            let names: std::collections::BTreeSet<_> = spec.hosts.iter().map(|host| &host.name).collect();
            assert_eq!(names.len(), spec.hosts.len(), "{count}: names are different");
        }
    }

    #[test]
    fn a_host_is_found_by_name_and_by_number() {
        let spec = FleetSpec::demo();
        for (who, expected) in [
            ("web03.prod.example.com", Some("web03.prod.example.com")),
            ("1", Some("web01.dev.example.com")),
            ("24", Some("db03.prod.example.com")),
            ("0", None),
            ("25", None),
            ("web03.prod", Some("web03.prod.example.com")),
            ("web01", None),
            ("web99", None),
            ("", None),
        ] {
            assert_eq!(spec.find(who).map(|host| host.name.as_str()), expected, "{who}");
        }
    }
}
