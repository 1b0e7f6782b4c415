//! A jump box without processes: its programs take virtual time, and each start is counted.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use patchwave::{
    command::{Command, Exit, Output},
    host::HostName,
    sim::SimFleet,
    step::{Ask, Claim, Controller, HookOutput, NoEnd, Ran},
    transport::Sink,
};

/// Called at a moment when something may change, with the host of that moment.
pub type Moments = Arc<dyn Fn(&HostName) -> bool + Send + Sync>;

/// How long a program takes.
const PROGRAM: Duration = Duration::from_secs(20);

/// The jump box of a simulation.
pub struct SimController {
    pub fleet: SimFleet,
    /// The folder in which files are looked up.
    pub folder: PathBuf,
    pub moments: Moments,
    /// How often each thing was started for a host: `hook begun`, `hook done`, `post`.
    pub effects: Mutex<BTreeMap<(HostName, String), u32>>,
}

impl SimController {
    pub fn count(&self, host: &HostName, what: &str) -> u32 {
        self.effects.lock().unwrap().get(&(host.clone(), what.to_owned())).copied().unwrap_or(0)
    }

    fn did(&self, host: &HostName, what: &str) {
        *self.effects.lock().unwrap().entry((host.clone(), what.to_owned())).or_default() += 1;
    }

    async fn moment(&self, host: &HostName) {
        if (self.moments)(host) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn program(&self, command: &Command) -> HookOutput {
        let host = command.env.iter().find(|(name, _)| name == "PATCHWAVE_HOST").expect("programs know their host");
        let host = HostName::new(&host.1).unwrap();
        self.moment(&host).await;
        self.did(&host, &format!("{} begun", command.label));
        tokio::time::sleep(PROGRAM / 2).await;
        self.moment(&host).await;
        tokio::time::sleep(PROGRAM / 2).await;
        self.did(&host, &format!("{} done", command.label));
        self.moment(&host).await;
        let output = Output { exit: Exit::Code(0), stdout: b"id-7\n".to_vec(), stderr: vec![], dropped: 0 };
        HookOutput { output }
    }

    async fn request(&self, url: &str, posts: bool) -> (u16, Vec<u8>) {
        let host = HostName::new(url.trim_start_matches("http://").split('/').next().unwrap()).unwrap();
        self.moment(&host).await;
        if posts {
            self.did(&host, "post");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.moment(&host).await;
        let status = if posts || self.fleet.is_up(&host) { 200 } else { 502 };
        (status, b"fine".to_vec())
    }
}

impl Controller for SimController {
    fn run<'a>(&'a self, command: &'a Command, claim: &'a Claim, _: &'a mut dyn Sink) -> Ran<'a> {
        Box::pin(async {
            // Its programs die with their controller.
            match claim.begun && claim.once {
                true => Err(NoEnd::Unknown("no record of it".to_owned())),
                false => Ok(self.program(command).await),
            }
        })
    }

    fn http<'a>(&'a self, url: &'a str, ask: Ask<'a>, _: Duration) -> BoxFuture<'a, Result<(u16, Vec<u8>), String>> {
        Box::pin(async move { Ok(self.request(url, matches!(ask, Ask::Post(_))).await) })
    }

    fn connects<'a>(&'a self, address: &'a str, _: u16, _: Duration) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let host = HostName::new(address).unwrap();
            self.moment(&host).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            if self.fleet.is_up(&host) { Ok(()) } else { Err("refused".to_owned()) }
        })
    }

    fn find(&self, relative: &str) -> Option<PathBuf> {
        let path = self.folder.join(relative);
        path.is_file().then_some(path)
    }
}
