//! What a step leaves for a person although its host may be fine: updates that it could not install, configuration
//! files to merge, package sources that did not answer, services with replaced files, a snapshot that was not taken.
//! Facts of one step, in bounded lists; which of them are still true at the end of a walk is read in `view`. Start at
//! [`LeftBehind`].

use serde::{Deserialize, Serialize};

/// Most packages, and most files, that one result lists.
const MOST: usize = 50;

/// What a step leaves for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeftBehind {
    /// Updates that were asked for, are pending and were not installed, security updates first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageLeft>,
    /// How many more packages there are than listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_packages: usize,
    /// New versions of configuration files that were put beside the host's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// How many more files there are than listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_files: usize,
    /// Services that still use files which an upgrade has replaced, with the reason in brackets if there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// How many more services there are than listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_services: usize,
    /// Package sources that did not answer and did not have to: updates of theirs are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Why a reboot is due after the step: the reason that says most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot: Option<String>,
    /// A snapshot was asked for, and its hook says that there is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_snapshot: bool,
}

/// An update that was not installed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PackageLeft {
    /// Name, with `:arch` for a foreign architecture.
    pub name: String,
    /// The version that stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<String>,
    /// The newer version; `None`: no newer one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<String>,
    /// Whether it holds a security fix.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub security: bool,
    /// Why it was not installed.
    pub why: WhyLeft,
}

/// Why an update was not installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyLeft {
    /// The package is marked on the host to stay as it is.
    Held,
    /// The package manager does not install it by itself.
    KeptBack,
    /// A pin on the host asks for an older version.
    Pinned,
}

impl WhyLeft {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::KeptBack => "kept back",
            Self::Pinned => "pinned to an older version",
        }
    }
}

impl LeftBehind {
    /// Packages, security updates first.
    pub fn of(mut packages: Vec<PackageLeft>) -> Self {
        packages.sort_by(|a, b| b.security.cmp(&a.security).then_with(|| a.name.cmp(&b.name)));
        let more_packages = packages.len().saturating_sub(MOST);
        packages.truncate(MOST);
        Self { packages, more_packages, ..Self::default() }
    }

    /// With configuration files to merge.
    #[must_use]
    pub fn and_files(mut self, files: impl IntoIterator<Item = String>) -> Self {
        self.files.extend(files);
        self.more_files += self.files.len().saturating_sub(MOST);
        self.files.truncate(MOST);
        self
    }

    /// With services that still use replaced files.
    #[must_use]
    pub fn and_services(mut self, services: impl IntoIterator<Item = String>) -> Self {
        self.services.extend(services);
        self.more_services += self.services.len().saturating_sub(MOST);
        self.services.truncate(MOST);
        self
    }

    /// Nothing was left.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is left after one more attempt at the same step (`self`), which saw the files of the `earlier` ones as old.
    /// `complete`: it came to its end, so that it knows all packages.
    #[must_use]
    pub(crate) fn after(mut self, earlier: Self, complete: bool) -> Self {
        let new: Vec<String> = earlier.files.into_iter().filter(|file| !self.files.contains(file)).collect();
        self = self.and_files(new);
        self.files.sort();
        self.more_files += earlier.more_files;
        if !complete && self.packages.is_empty() {
            (self.packages, self.more_packages) = (earlier.packages, earlier.more_packages);
        }
        if !complete && self.sources.is_empty() {
            self.sources = earlier.sources;
        }
        if !complete && self.services.is_empty() {
            (self.services, self.more_services) = (earlier.services, earlier.more_services);
        }
        if !complete {
            self.reboot = self.reboot.or(earlier.reboot);
        }
        self
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{StepResult, Verdict, sample::result};

    fn left(name: &str, security: bool) -> PackageLeft {
        PackageLeft {
            name: name.to_owned(),
            installed: Some("1".to_owned()),
            available: Some("2".to_owned()),
            security,
            why: WhyLeft::Held,
        }
    }

    #[test]
    fn lists_are_bounded_and_security_updates_are_not_the_ones_that_go() {
        let packages = (0..60).map(|i| left(&format!("a{i:02}"), false)).chain([left("z", true)]);
        let all = LeftBehind::of(packages.collect()).and_files((0..53).map(|i| format!("/etc/{i}")));
        assert_eq!((all.packages.len(), all.more_packages, all.files.len(), all.more_files), (MOST, 11, MOST, 3));
        assert_eq!((all.packages[0].name.as_str(), all.packages[1].name.as_str()), ("z", "a00"));
    }

    #[test]
    fn what_an_earlier_attempt_left_is_kept() {
        let earlier = || LeftBehind::of(vec![left("a", true)]).and_files(["/etc/b".to_owned()]);
        let last = || LeftBehind::default().and_files(["/etc/a".to_owned(), "/etc/b".to_owned()]);
        let files = ["/etc/a".to_owned(), "/etc/b".to_owned()];
        let whole = last().after(earlier(), true);
        assert_eq!((whole.packages.len(), whole.files), (0, files.to_vec()), "a complete attempt knows all packages");
        let cut = last().after(earlier(), false);
        assert_eq!((cut.packages, cut.files), (vec![left("a", true)], files.to_vec()));
    }

    #[test]
    fn a_secret_in_the_name_of_a_file_is_hidden() {
        let secrets = crate::mask::Secrets::default();
        secrets.add("S3cr3tPassw0rd");
        let mut result = result(Verdict::Ok, "done");
        *result.left_behind = LeftBehind::default().and_files(["/etc/S3cr3tPassw0rd.conf".to_owned()]);
        result.hide(&secrets, None);
        assert_eq!(result.left_behind.files, ["/etc/********.conf"]);
    }

    #[test]
    fn a_result_without_it_is_read_and_one_with_it_comes_back() {
        let old = r#"{"verdict":"ok","summary":"done","changed":true}"#;
        let read: StepResult = serde_json::from_str(old).unwrap();
        assert!(read.left_behind.is_empty());
        let plain = serde_json::to_string(&result(Verdict::Ok, "done")).unwrap();
        assert!(!plain.contains("left_behind"), "{plain}");
        let mut full = result(Verdict::Ok, "done");
        *full.left_behind = LeftBehind::of(vec![left("a", true)]).and_files(["/etc/b".to_owned()]);
        full.left_behind.no_snapshot = true;
        let text = serde_json::to_string(&full).unwrap();
        assert!(text.contains(r#""left_behind":{"packages":[{"name":"a","installed":"1","available":"2""#), "{text}");
        assert_eq!(serde_json::from_str::<StepResult>(&text).unwrap(), full);
    }
}
