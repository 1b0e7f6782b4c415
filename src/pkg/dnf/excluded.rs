//! Which packages an administrator keeps as they are: locks of the plugin `versionlock` of version 4, locks of dnf5,
//! and `exclude` in the configuration.

use globset::GlobSet;

use crate::pkg::{patterns::globs, rpm::state::Rpm};

/// Patterns.
#[derive(Debug, Default)]
pub(super) struct Excluded {
    patterns: Vec<String>,
}

impl Excluded {
    /// Takes a line of `dnf-state`; false if it is not one of these.
    pub(super) fn take(&mut self, tag: &str, rest: &str) -> bool {
        match tag {
            // `NAME-EPOCH:VERSION-RELEASE.*`; with `!`, that version is never installed, and others are.
            "lock4" => {
                let pattern = rest.trim();
                if !pattern.is_empty() && !pattern.starts_with(['#', '!']) {
                    self.patterns.push(pattern.to_owned());
                }
            }
            // `name = "NAME"` of each entry of a list.
            "lock5" => {
                let value = rest.split_once('=').filter(|(key, _)| key.trim() == "name").map(|(_, value)| value.trim());
                self.patterns.extend(value.map(|value| value.trim_matches(['"', '\'']).to_owned()));
            }
            "exclude" => self.patterns.extend(rest.split([' ', ',']).filter(|one| !one.is_empty()).map(str::to_owned)),
            _ => return false,
        }
        true
    }

    /// What matches them.
    pub(super) fn set(&self) -> GlobSet {
        globs(&self.patterns)
    }
}

/// Whether a package matches, in one of the forms in which dnf lets people write it.
pub(super) fn covers(set: &GlobSet, rpm: &Rpm) -> bool {
    let Rpm { name, version, arch } = rpm;
    let full = if version.contains(':') { version.clone() } else { format!("0:{version}") };
    let forms = [
        name.clone(),
        format!("{name}.{arch}"),
        format!("{name}-{version}"),
        format!("{name}-{version}.{arch}"),
        format!("{name}-{full}"),
        format!("{name}-{full}.{arch}"),
    ];
    forms.iter().any(|form| set.is_match(form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_and_excludes_are_found_in_every_form() {
        let held = |tag: &str, line: &str| {
            let mut excluded = Excluded::default();
            assert!(excluded.take(tag, line));
            let rpm = Rpm { name: "bash".into(), version: "5.1-1.el9".into(), arch: "x86_64".into() };
            covers(&excluded.set(), &rpm)
        };
        for (tag, line, yes) in [
            ("lock4", "bash-0:5.1-1.el9.*", true),
            ("lock4", "bash*", true),
            ("lock4", "!bash-0:5.1-1.el9.*", false),
            ("lock4", "# bash", false),
            ("lock4", "bash-0:5.2-1.el9.*", false),
            ("lock5", "name = \"bash\"", true),
            ("lock5", "value = \"bash\"", false),
            ("exclude", " kernel*, bash", true),
            ("exclude", "bash.x86_64", true),
            ("exclude", "bash.i686 bas", false),
            ("exclude", "[", false),
        ] {
            assert_eq!(held(tag, line), yes, "{tag} {line}");
        }
    }
}
