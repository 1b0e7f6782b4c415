//! What a check found that a step would do to its host, as data: `StepResult::forecast`.

use serde::{Deserialize, Serialize};

use crate::mask::Secrets;

/// The most entries in each list of a [`Forecast`].
const MOST: usize = 5000;

/// What a step would do to its host, and what would be due afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forecast {
    /// Packages that would be installed, replaced or removed, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<ForeseenPackage>,
    /// Why this step would reboot the host; empty: it would not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reboots: Vec<String>,
    /// Why a reboot would be due after this step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reboot_due: Vec<String>,
    /// Services whose files would be replaced while they run, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ForeseenService>,
    /// What may get in the way, or cannot be known: one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The package lists that this is based on; `None`: the step needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lists: Option<ListsSeen>,
}

/// A package that would change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ForeseenPackage {
    /// Its name, as in the host's package database.
    pub name: String,
    /// The installed version; `None`: it is new.
    pub from: Option<String>,
    /// The version that would be installed; `None`: it would be removed.
    pub to: Option<String>,
    /// Whether this fixes a security problem; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<bool>,
    /// The part of the system that it belongs to, if a mistake is felt at once there: `sshd`, `libc`, `kernel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Ids of the advisories that it belongs to, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<String>,
}

/// A service that runs with files that would be replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeseenService {
    /// Its name, without `.service`.
    pub name: String,
    /// The packages that these files belong to.
    pub because: Vec<String>,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a service whose files are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is restarted: by its own package, or because the step has `restart_services: needed`.
    Restarted,
    /// It goes on with the old files until somebody restarts it.
    KeepsOldFiles,
    /// Only a reboot starts it again without harm.
    NeedsReboot,
}

/// How current the package lists are that a forecast is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListsSeen {
    /// They were fetched for this forecast, into a folder of their own.
    Fetched,
    /// They are the host's own, so many hours old.
    Hours(u64),
    /// They are the host's own; their age is not known.
    AgeUnknown,
}

impl Forecast {
    /// Cuts lists that are too long, and notes it.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let cut = [self.packages.len(), self.services.len(), self.notes.len()].into_iter().any(|n| n > MOST);
        self.packages.truncate(MOST);
        self.services.truncate(MOST);
        self.notes.truncate(MOST);
        if cut {
            self.notes.push(format!("only the first {MOST} entries of each list were kept"));
        }
        self
    }

    /// Adds what a later step of the same host would do. Of a package that both would change, the later step says what
    /// becomes of it.
    pub fn add(&mut self, later: &Self) {
        for package in &later.packages {
            match self.packages.iter_mut().find(|one| one.name == package.name && one.from == package.from) {
                Some(one) => one.clone_from(package),
                None => self.packages.push(package.clone()),
            }
        }
        self.packages.sort_by(|a, b| a.name.cmp(&b.name));
        for service in &later.services {
            match self.services.iter_mut().find(|one| one.name == service.name) {
                Some(one) => {
                    one.fate = one.fate.min(service.fate);
                    one.because.extend(service.because.iter().cloned());
                    one.because.sort();
                    one.because.dedup();
                }
                None => self.services.push(service.clone()),
            }
        }
        let new = |to: &mut Vec<String>, from: &[String]| {
            let more: Vec<String> = from.iter().filter(|text| !to.contains(text)).cloned().collect();
            to.extend(more);
        };
        new(&mut self.reboots, &later.reboots);
        new(&mut self.reboot_due, &later.reboot_due);
        new(&mut self.notes, &later.notes);
        self.lists = later.lists.or(self.lists);
    }

    /// Hides secrets in the texts that come from hosts and playbooks.
    pub(super) fn hide(&mut self, secrets: &Secrets) {
        for text in self.notes.iter_mut().chain(&mut self.reboots).chain(&mut self.reboot_due) {
            secrets.hide_in(text);
        }
    }
}

impl ForeseenPackage {
    /// Whether it would be removed.
    pub fn is_removal(&self) -> bool {
        self.to.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, from: &str, to: &str) -> ForeseenPackage {
        ForeseenPackage {
            name: name.to_owned(),
            from: Some(from.to_owned()),
            to: Some(to.to_owned()),
            security: None,
            part: None,
            advisories: Vec::new(),
        }
    }

    #[test]
    fn the_later_of_two_steps_says_what_becomes_of_a_package_and_a_service() {
        let service =
            |because: &str, fate| ForeseenService { name: "nginx".to_owned(), because: vec![because.to_owned()], fate };
        let mut all = Forecast {
            packages: vec![package("b", "1", "2")],
            services: vec![service("libc6", Fate::KeepsOldFiles)],
            notes: vec!["x".to_owned()],
            ..Forecast::default()
        };
        all.add(&Forecast {
            packages: vec![package("b", "1", "3"), package("a", "1", "2")],
            services: vec![service("nginx", Fate::Restarted)],
            notes: vec!["x".to_owned(), "y".to_owned()],
            lists: Some(ListsSeen::Hours(3)),
            ..Forecast::default()
        });
        assert_eq!(all.packages, [package("a", "1", "2"), package("b", "1", "3")]);
        assert_eq!(all.services.len(), 1);
        assert_eq!(all.services[0].because, ["libc6", "nginx"]);
        assert_eq!(all.services[0].fate, Fate::Restarted);
        assert_eq!((all.notes.join(" "), all.lists), ("x y".to_owned(), Some(ListsSeen::Hours(3))));
    }

    #[test]
    fn a_list_without_an_end_is_cut_and_that_is_said() {
        let packages = (0..MOST + 1).map(|i| package(&format!("p{i}"), "1", "2")).collect();
        let cut = Forecast { packages, ..Forecast::default() }.bounded();
        assert_eq!((cut.packages.len(), cut.notes.len()), (MOST, 1));
    }
}
