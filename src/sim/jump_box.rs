//! The jump box of a rehearsal: starts no program, sends nothing over the network, and counts what it did not do. Files
//! are looked up where the real one finds them. Knows no step. Start at [`StandIn`].

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::future::BoxFuture;

use super::{AtSteps, SimFleet};
use crate::{
    command::{Command, Exit, Output},
    host::HostName,
    step::{Ask, Claim, Controller, HookOutput, JumpBox, Ran},
    transport::Sink,
};

/// How long a program takes, and an answer over the network.
const PROGRAM: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_millis(200);

/// What was not done, how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotDone {
    /// Programs of the jump box (hooks, `on: controller`, gates) that were not started.
    pub programs: usize,
    /// Programs that tell people (`notify`) that were not started.
    pub notices: usize,
    /// Messages that were not posted.
    pub posts: usize,
    /// HTTP checks that were not asked.
    pub checks: usize,
    /// Ports that were not connected to.
    pub ports: usize,
}

/// The jump box of a rehearsal.
pub struct StandIn {
    fleet: SimFleet,
    faults: Arc<AtSteps>,
    /// Finds files.
    real: JumpBox,
    /// Who answers at an address.
    addresses: BTreeMap<String, HostName>,
    counts: [AtomicUsize; 5],
}

impl StandIn {
    /// A jump box for `fleet`. `real` is asked for nothing but where files are.
    pub fn new(
        fleet: SimFleet,
        faults: Arc<AtSteps>,
        real: JumpBox,
        addresses: impl IntoIterator<Item = (String, HostName)>,
    ) -> Self {
        Self { fleet, faults, real, addresses: addresses.into_iter().collect(), counts: Default::default() }
    }

    /// What it did not do so far.
    pub fn not_done(&self) -> NotDone {
        let [programs, notices, posts, checks, ports] = self.counts.each_ref().map(|count| count.load(Relaxed));
        NotDone { programs, notices, posts, checks, ports }
    }

    fn skip(&self, what: usize) {
        self.counts[what].fetch_add(1, Relaxed);
    }

    /// Whether the host that an address or URL belongs to is in a step that fails.
    fn fails(&self, place: &str) -> bool {
        // The site of a URL: between its `//` and the next `/`, without a port.
        let site = place.split_once("//").map_or(place, |(_, rest)| rest).split('/').next().unwrap_or_default();
        let host = |name: &str| self.addresses.get(name).is_some_and(|host| self.faults.fails_now(host));
        host(site) || site.rsplit_once(':').is_some_and(|(name, _)| host(name))
    }
}

impl Controller for StandIn {
    fn run<'a>(&'a self, command: &'a Command, _: &'a Claim, _: &'a mut dyn Sink) -> Ran<'a> {
        Box::pin(async {
            self.skip(usize::from(command.label == "notify"));
            tokio::time::sleep(PROGRAM).await;
            let host = command.env.iter().find(|(name, _)| name == "PATCHWAVE_HOST");
            let host = host.and_then(|(_, host)| HostName::new(host).ok());
            let (code, stderr) = match host.is_some_and(|host| self.faults.fails_now(&host)) {
                true => (1, super::asked::WHY),
                false => (0, ""),
            };
            // A snapshot needs an id.
            let stdout = if code == 0 && command.label == "hook" { super::asked::SNAPSHOT } else { "" };
            let output = Output { exit: Exit::Code(code), stdout: stdout.into(), stderr: stderr.into(), dropped: 0 };
            Ok(HookOutput { output })
        })
    }

    fn http<'a>(&'a self, url: &'a str, ask: Ask<'a>, _: Duration) -> BoxFuture<'a, Result<(u16, Vec<u8>), String>> {
        Box::pin(async move {
            self.skip(if matches!(ask, Ask::Post(_)) { 2 } else { 3 });
            tokio::time::sleep(ANSWER).await;
            Ok(match ask {
                _ if self.fails(url) => (500, Vec::new()),
                Ask::Post(_) => (200, Vec::new()),
                Ask::Status(status) => (status, Vec::new()),
                Ask::Text(status, text) => (status, text.into()),
            })
        })
    }

    fn connects<'a>(&'a self, address: &'a str, _: u16, timeout: Duration) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            self.skip(4);
            tokio::time::sleep(ANSWER.min(timeout)).await;
            let down = self.addresses.get(address).is_some_and(|host| !self.fleet.is_up(host));
            if down || self.fails(address) { Err("connection refused".to_owned()) } else { Ok(()) }
        })
    }

    fn find(&self, relative: &str) -> Option<PathBuf> {
        self.real.find(relative)
    }
}
