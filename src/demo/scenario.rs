//! The demo: the project folder that `patchwave demo` runs, the host that fails, and the texts in between.
//! Runs nothing itself; the command line does. Start at [`Demo::prepare`].

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    fault::Fault,
    fleet::{Fleet, FleetError},
    spec::FleetSpec,
};

/// The shipped playbook.
const PLAYBOOK: &str = include_str!("../../playbooks/rolling-patch.yml");
/// What the demo changes in it, and to what: there are no users to warn, and waits should be short.
const SHORTENED: (&str, &str) = ("warn: 1m,", "warn: 0s, stable: 200ms,");
/// The name of the project's folder inside the fleet's folder.
const PROJECT: &str = "project";
/// What is broken on the host that fails: its new `openssl` cannot be configured.
const PACKAGE: &str = "openssl";

/// What to show.
#[derive(Clone, Debug, Default)]
pub struct DemoOptions {
    /// How many hosts; `None` is 24.
    pub hosts: Option<usize>,
    /// Which host fails: a name, its beginning up to a dot, or a number from 1. `None` is one in the middle of
    /// production.
    pub fail: Option<String>,
}

/// A running fleet with a project folder.
pub struct Demo {
    fleet: Fleet,
    broken: String,
}

/// Why the demo cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Not a number of hosts that can be started.
    #[error("--hosts {count}: between 1 and {most} hosts can be simulated")]
    Count {
        /// What was asked for.
        count: usize,
        /// [`MOST_HOSTS`].
        most: usize,
    },
    /// No such host.
    #[error("--fail {who}: no simulated host has this name or number; there are {count}, {first} to {last}")]
    NoSuchHost {
        /// What was asked for.
        who: String,
        /// How many there are.
        count: usize,
        /// The first name.
        first: String,
        /// The last name.
        last: String,
    },
    /// The hosts do not start.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The project folder cannot be written.
    #[error("cannot write the demo's project to {}", path.display())]
    Project {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The most hosts of a demo: each holds two sockets and a folder.
pub const MOST_HOSTS: usize = 2000;

impl Demo {
    /// Starts the hosts, one of them broken, and writes the project.
    ///
    /// # Errors
    /// [`DemoError`]; nothing is left behind.
    pub fn prepare(options: &DemoOptions) -> Result<Self, DemoError> {
        let count = options.hosts.unwrap_or(24);
        if !(1..=MOST_HOSTS).contains(&count) {
            return Err(DemoError::Count { count, most: MOST_HOSTS });
        }
        Self::from_spec(FleetSpec::demo_of(count), options.fail.as_deref())
    }

    /// As [`Demo::prepare`], with other hosts, for tests that should not wait.
    ///
    /// # Errors
    /// As [`Demo::prepare`].
    pub fn from_spec(spec: FleetSpec, fail: Option<&str>) -> Result<Self, DemoError> {
        let broken = chosen(&spec, fail)?;
        let fleet = Fleet::start(spec.broken(&broken, Fault::PostinstFails { package: PACKAGE.to_owned() }))?;
        let demo = Self { fleet, broken };
        let path = demo.project();
        demo.write_project(&path).map_err(|source| DemoError::Project { path, source })?;
        Ok(demo)
    }

    fn write_project(&self, path: &Path) -> io::Result<()> {
        for folder in ["inventories", "playbooks", "hooks"] {
            fs::create_dir_all(path.join(folder))?;
        }
        fs::write(self.inventory(), self.fleet.inventory())?;
        fs::write(self.playbook(), playbook())?;
        for (name, text) in
            [("snapshot", include_str!("hooks/snapshot.sh")), ("restore", include_str!("hooks/restore.sh"))]
        {
            let hook = path.join("hooks").join(name);
            fs::write(&hook, text)?;
            fs::set_permissions(&hook, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// The hosts.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The project's folder. It is also a good place for the demo's ledger: it is removed when the demo ends, unless it
    /// is kept.
    pub fn project(&self) -> PathBuf {
        self.fleet.folder().join(PROJECT)
    }

    /// Keeps the project when the demo ends.
    pub fn keep(&mut self) {
        self.fleet.keep(PROJECT);
    }

    /// The inventory file.
    pub fn inventory(&self) -> PathBuf {
        self.project().join("inventories/demo.yml")
    }

    /// The playbook: the shipped one, with shorter waits.
    pub fn playbook(&self) -> PathBuf {
        self.project().join("playbooks/rolling-patch.yml")
    }

    /// The host that fails.
    pub fn broken(&self) -> &str {
        &self.broken
    }

    /// Repairs the host that fails, as an operator would between the two runs.
    ///
    /// # Errors
    /// Its folder cannot be written.
    pub fn heal(&self) -> io::Result<()> {
        self.fleet.host(&self.broken).map_or(Ok(()), |host| host.heal())
    }

    /// The text before the first run.
    pub fn opening(&self) -> String {
        let count = self.fleet.spec().hosts.len();
        let hosts = if count == 1 { "1 host".to_owned() } else { format!("{count} hosts") };
        format!(
            "{hosts} on 127.0.0.1, all of them SIMULATED.\n\
             Real: SSH servers, keys, the shell, the jobs on the hosts.\n\
             Imitated: packages, services, kernels, reboots.\n\
             Nothing is installed, nothing needs root. The hosts are gone when the demo ends.\n\
             {} will fail: the new {PACKAGE} cannot be configured there.\n\
             Watch what the rollout does about it.\n",
            self.broken
        )
    }

    /// The text between the halt and the rerun.
    pub fn intermission(&self) -> String {
        format!(
            "The rollout stopped at {}.\n\
             Hosts in flight finished their steps; no other host was started.\n\
             Now an operator repairs {PACKAGE} there (simulated), and runs the playbook again\n\
             with --limit @unfinished: on that host and on those that were not started.\n",
            self.broken
        )
    }

    /// The text at the end.
    pub fn closing(&self) -> String {
        "Every simulated host is patched.".to_owned()
    }
}

/// The shipped playbook with the demo's waits.
fn playbook() -> String {
    let (shipped, short) = SHORTENED;
    format!("# The shipped playbook; the demo has only shortened its waits.\n{}", PLAYBOOK.replace(shipped, short))
}

/// The host that fails.
fn chosen(spec: &FleetSpec, fail: Option<&str>) -> Result<String, DemoError> {
    if let Some(who) = fail {
        return spec.find(who).map(|host| host.name.clone()).ok_or_else(|| DemoError::NoSuchHost {
            who: who.to_owned(),
            count: spec.hosts.len(),
            first: spec.hosts.first().map(|host| host.name.clone()).unwrap_or_default(),
            last: spec.hosts.last().map(|host| host.name.clone()).unwrap_or_default(),
        });
    }
    let production: Vec<_> = spec.hosts.iter().filter(|host| host.environment == "production").collect();
    let middle = production.get(production.len() / 2).or(production.last());
    Ok(middle.map(|host| host.name.clone()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_runs_the_shipped_playbook_with_shorter_waits() {
        let text = playbook();
        assert!(text.contains(SHORTENED.1), "the shipped playbook has changed: SHORTENED no longer fits\n{text}");
        assert_eq!(PLAYBOOK.lines().count() + 1, text.lines().count());
    }

    #[test]
    fn one_production_host_in_the_middle_fails() {
        let name = |count, fail| chosen(&FleetSpec::demo_of(count), fail).map_err(|error| error.to_string());
        assert_eq!(name(24, None).unwrap(), "web04.prod.example.com");
        assert_eq!(name(1, None).unwrap(), "web01.prod.example.com");
        assert_eq!(name(24, Some("db01.stage")).unwrap(), "db01.stage.example.com");
        assert_eq!(name(24, Some("11")).unwrap(), "edge01.prod.example.com");
        assert_eq!(
            name(24, Some("mail")).unwrap_err(),
            "--fail mail: no simulated host has this name or number; there are 24, web01.dev.example.com to \
             db03.prod.example.com"
        );
    }
}
