//! A case of the command line in one expression: hosts, what is broken, what is written, and a line to run. Start at
//! [`Case`]; [`Site`] is for cases with more than one line.

use std::ops::{Deref, DerefMut};

use patchwave::{
    demo::{Fault, Fleet, FleetSpec, Host},
    event::{Event, Kind},
};

use super::cli::{Desk, Said};

/// What the fleet's inventory says about waves; [`Case::policy`] replaces it.
const POLICY: &str = "canary: 1, batch: [50%, 100%]";

/// Simulated hosts, and a desk with their inventory (`inv.yml`) and a playbook (`play.yml`).
#[must_use]
pub struct Case {
    spec: FleetSpec,
    play: Option<String>,
    policy: Option<String>,
    columns: Option<u16>,
}

/// The running hosts of a case, and its desk. Dropping it fails if the hosts got a command that they do not imitate.
pub struct Site {
    pub fleet: Fleet,
    desk: Desk,
}

impl Case {
    /// `web001.test` and so on.
    pub fn hosts(count: usize) -> Self {
        Self { spec: FleetSpec::quick(count), play: None, policy: None, columns: Some(80) }
    }

    /// The hosts have systemd.
    pub fn systemd(mut self) -> Self {
        self.spec.systemd = true;
        self
    }

    /// Breaks a host.
    pub fn broken(mut self, host: &str, fault: Fault) -> Self {
        self.spec = self.spec.broken(host, fault);
        self
    }

    /// The playbook; the default is [`super::cli::PLAYBOOK`].
    pub fn play(mut self, text: impl Into<String>) -> Self {
        self.play = Some(text.into());
        self
    }

    /// A playbook `Slow` with these steps, lines of a YAML list.
    pub fn steps(self, steps: &str) -> Self {
        self.play(format!("name: Slow\nsteps:\n{steps}"))
    }

    /// How the hosts are rolled out: the content of `patchwave: { risk: medium, … }`.
    pub fn policy(mut self, policy: &str) -> Self {
        self.policy = Some(policy.to_owned());
        self
    }

    /// One host after the other.
    pub fn one_by_one(self) -> Self {
        self.policy("batch: 1")
    }

    /// The width of tables.
    pub fn columns(mut self, columns: u16) -> Self {
        self.columns = Some(columns);
        self
    }

    /// Starts the hosts and writes all files.
    pub fn site(self) -> Site {
        let fleet = Fleet::start(self.spec).unwrap();
        let mut desk = Desk::of(&fleet);
        desk.columns = self.columns;
        if let Some(policy) = self.policy {
            let inventory = fleet.inventory();
            assert!(inventory.contains(POLICY), "{inventory}");
            desk.write("inv.yml", &inventory.replace(POLICY, &policy));
        }
        if let Some(play) = self.play {
            desk.write("play.yml", &play);
        }
        Site { fleet, desk }
    }

    /// Runs one line in this process, and ends the case.
    #[track_caller]
    pub fn run(self, line: &str) -> Said {
        self.site().run(line)
    }
}

impl Deref for Site {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }
}

impl Site {
    /// The first host, or the only one.
    pub fn host(&self) -> Host<'_> {
        self.fleet.hosts().next().unwrap()
    }

    /// A host by its name.
    pub fn named(&self, name: &str) -> Host<'_> {
        self.fleet.host(name).unwrap()
    }

    /// The text of a file on a host; empty if there is none.
    pub fn on(&self, host: &str, file: &str) -> String {
        std::fs::read_to_string(self.named(host).folder().join(file)).unwrap_or_default()
    }

    /// How many lines the files of this name have, on all hosts.
    pub fn lines(&self, file: &str) -> usize {
        self.fleet.hosts().map(|host| self.on(host.name(), file).lines().count()).sum()
    }

    /// How many logins there were, on all hosts.
    pub fn logins(&self) -> usize {
        self.fleet.hosts().map(|host| host.logins()).sum()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for host in self.fleet.hosts().filter(|_| !std::thread::panicking()) {
            assert_eq!(host.unknown_commands(), "", "{} does not imitate this", host.name());
        }
    }
}

/// How many of the events satisfy this.
fn count(events: &[Event], such: impl Fn(&Kind) -> bool) -> usize {
    events.iter().filter(|event| such(&event.kind)).count()
}

/// How many hosts have started.
pub fn started(events: &[Event]) -> usize {
    count(events, |kind| matches!(kind, Kind::HostStarted { .. }))
}

/// How many steps have begun.
pub fn begun(events: &[Event]) -> usize {
    count(events, |kind| matches!(kind, Kind::StepStarted { .. }))
}

/// How many hosts have an outcome.
pub fn finished(events: &[Event]) -> usize {
    count(events, |kind| matches!(kind, Kind::HostFinished { .. }))
}

#[test]
#[should_panic(expected = "web001.test does not imitate this")]
fn what_a_host_does_not_imitate_fails_its_case() {
    Case::hosts(1).run("exec -i inv.yml all -- systemctl sing");
}
