//! More about a host than a step needs: hardware, boot, containers, services that still use deleted files. Asked in one
//! round trip. What is not known is never shown as "none". Start at [`details`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hypervisor::Platform;
use crate::command::{Command, Output, Query, Unreadable, printable};

const SCRIPT: &str = include_str!("details.sh");
/// Each container runtime may take ten seconds to not answer.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(120);

/// Hardware, boot, containers and services of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// `uname -m`.
    pub architecture: Option<String>,
    /// How many processors it has.
    pub cpus: Option<u32>,
    /// What they are called.
    pub cpu_model: Option<String>,
    /// Its memory, in KiB.
    pub memory_kib: Option<u64>,
    /// Its disks; `None`: not known.
    pub disks: Option<Vec<Disk>>,
    /// What it runs on.
    pub platform: Platform,
    /// When it was started.
    pub booted_at: Option<Timestamp>,
    /// Each container runtime that is there, with its running containers.
    pub runtimes: Vec<Runtime>,
    /// Services that use files which were replaced or removed; `None`: not known, because only root sees all of them.
    pub stale_services: Option<Vec<StaleService>>,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// As in `/dev`.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A container runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// `docker`, `podman`, `containerd`.
    pub name: String,
    /// Whose containers these are.
    pub user: String,
    /// Its running containers; `None`: it did not answer, so they are not known.
    pub containers: Option<Vec<Container>>,
    /// Why it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_answer: Option<String>,
}

/// A running container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// When the image was made; `None`: not known.
    pub image_created: Option<Timestamp>,
}

/// A service that uses files which were replaced or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleService {
    /// The unit; the program's name if it does not belong to a service.
    pub name: String,
    /// Whether `name` is a unit that can be restarted.
    pub unit: bool,
    /// The files.
    pub files: BTreeSet<String>,
}

/// Asks for all of it.
pub fn details() -> Query<Details> {
    Query::new(Command::sh("host-details", SCRIPT, [""; 0]).timeout(LIMIT), read)
}

#[derive(Default)]
struct Reader {
    details: Details,
    vendor: String,
    product: String,
    hypervisor: String,
    guest: bool,
    /// Ids of the runtime that is being read, with their containers.
    containers: Vec<(String, Container)>,
    image_of: BTreeMap<String, String>,
    created: BTreeMap<String, Timestamp>,
    services: BTreeMap<(bool, String), BTreeSet<String>>,
    command: String,
    /// The process that is being read; `None`: it belongs to a container.
    process: Option<(bool, String)>,
    seen_services: bool,
}

fn read(output: &Output) -> Result<Details, Unreadable> {
    let text = output.text();
    let mut reader = Reader::default();
    for line in text.lines() {
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = printable(rest.trim());
        if tag == "end" {
            return Ok(reader.finish());
        }
        reader.take(tag, &rest);
    }
    Err(Unreadable::new(format!("the answer is incomplete ({}): {}", output.exit, output.last_lines(1))))
}

impl Reader {
    fn take(&mut self, tag: &str, rest: &str) {
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let details = &mut self.details;
        match tag {
            "arch" => details.architecture = filled(rest),
            // A processor list of another form has no line that counts.
            "cpus" => details.cpus = rest.parse().ok().filter(|cpus| *cpus > 0),
            "cpu-model" => details.cpu_model = filled(rest),
            "memory" => details.memory_kib = rest.strip_suffix("kB").and_then(|kib| kib.trim().parse().ok()),
            "disks" => details.disks = Some(Vec::new()),
            "disk" => {
                // The kernel counts in sectors of 512 bytes, whatever the disk's own are.
                if let Some((name, sectors)) = rest.split_once(' ')
                    && let Ok(sectors @ 1..) = sectors.parse::<u64>()
                {
                    let disk = Disk { name: name.to_owned(), bytes: sectors.saturating_mul(512) };
                    details.disks.get_or_insert_default().push(disk);
                }
            }
            "guest" => self.guest = true,
            "dmi-sys_vendor" => self.vendor = rest.to_owned(),
            "dmi-product_name" => self.product = rest.to_owned(),
            "hypervisor" => self.hypervisor = rest.to_owned(),
            "btime" => details.booted_at = rest.parse().ok().and_then(|s| Timestamp::from_second(s).ok()),
            "services" => self.seen_services = true,
            "process" => {
                self.command = rest.to_owned();
                self.process = Some((false, rest.to_owned()));
            }
            "group" => self.process = service_of(rest, &self.command),
            "deleted" => {
                if let Some(process) = &self.process {
                    self.services.entry(process.clone()).or_default().insert(rest.to_owned());
                }
            }
            _ => self.container(tag, rest),
        }
    }

    fn container(&mut self, tag: &str, rest: &str) {
        let pair = |text: &str| text.split_once('|').map(|(a, b)| (a.to_owned(), b.to_owned()));
        match tag {
            "runtime" | "no-answer" => {
                self.end_runtime();
                let mut words = rest.splitn(3, ' ').map(str::to_owned);
                let mut word = || words.next().unwrap_or_default();
                let (name, user, why) = (word(), word(), word());
                let answered = tag == "runtime";
                let no_answer = (!answered).then_some(why);
                let containers = answered.then(Vec::new);
                self.details.runtimes.push(Runtime { name, user, containers, no_answer });
            }
            "container" => {
                let mut parts = rest.splitn(3, '|').map(str::to_owned);
                if let (Some(id), Some(image), Some(name)) = (parts.next(), parts.next(), parts.next()) {
                    self.containers.push((id, Container { name, image, image_created: None }));
                }
            }
            "image-of" => self.image_of.extend(pair(rest)),
            "image" => {
                self.created.extend(pair(rest).and_then(|(image, created)| Some((image, created_at(&created)?))));
            }
            _ => {}
        }
    }

    fn end_runtime(&mut self) {
        let (images, created) = (std::mem::take(&mut self.image_of), std::mem::take(&mut self.created));
        let listed = std::mem::take(&mut self.containers).into_iter().map(|(id, container)| {
            let image_created = images.get(&id).and_then(|image| created.get(image)).copied();
            Container { image_created, ..container }
        });
        if let Some(containers) = self.details.runtimes.last_mut().and_then(|runtime| runtime.containers.as_mut()) {
            containers.extend(listed);
            containers.sort_by(|a, b| a.name.cmp(&b.name));
        }
    }

    fn finish(mut self) -> Details {
        self.end_runtime();
        self.details.platform = Platform::of(&self.hypervisor, &self.vendor, &self.product, self.guest);
        let services = self.services.into_iter();
        let services = services.map(|((unit, name), files)| StaleService { name, unit, files }).collect();
        self.details.stale_services = self.seen_services.then_some(services);
        self.details
    }
}

/// The service that a process in this control group belongs to, or else the program; `None` in a container, whose files
/// are its own.
fn service_of(group: &str, command: &str) -> Option<(bool, String)> {
    const CONTAINERS: [&str; 6] = ["docker", "libpod", "kubepods", "lxc", "containerd", "machine.slice"];
    if group.split('/').any(|part| CONTAINERS.iter().any(|word| part.starts_with(word)) && !part.ends_with(".service"))
    {
        return None;
    }
    let service = group.rsplit('/').find(|part| part.ends_with(".service"));
    // A login session of a user and the user's own services are not restarted as services of the system.
    match service.filter(|_| !group.starts_with("/user.slice")) {
        Some(service) => Some((true, service.trim_end_matches(".service").to_owned())),
        None => Some((false, command.to_owned())),
    }
}

/// `2026-01-02T03:04:05Z`, or with a blank and anything behind it. A build without a time says 1970 or year 1.
fn created_at(text: &str) -> Option<Timestamp> {
    let moment = text.get(..19)?.replace(' ', "T");
    let at: Timestamp = format!("{moment}Z").parse().ok()?;
    (at.as_second() > 365 * 86_400).then_some(at)
}

#[cfg(test)]
#[path = "details_tests.rs"]
mod tests;
