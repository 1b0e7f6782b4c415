//! A trial boot: a kernel that is started once, while the running one stays the default. If it hangs, the next boot
//! after that, when somebody turns the power off and on, starts the old one. Knows what boot loaders can do and with
//! which commands; never decides when. Start at [`trial`].
//!
//! Command lines on the host, through `/bin/sh -c`: those of `loader.sh`; `grub-probe --target=fs|abstraction`,
//! `grub-set-default`, `grub-reboot`, `grub-editenv FILE unset NAME` (or `grub2-…`); `bootctl set-default`,
//! `bootctl set-oneshot`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::loader::{self, Kind, Releases, Seen};
use crate::command::{Command, Output, Query, Unreadable};

const LOOK: &str = r#"r=${PATCHWAVE_ROOT-}
has() { for p; do command -v "$p" >/dev/null 2>&1 || return 1; done; }
for t in grub grub2; do
  if has "$t-reboot" "$t-set-default" "$t-editenv" "$t-probe" && [ -d "$r/boot/$t" ]; then
    echo "tool $t"
    for what in fs abstraction; do "$t-probe" "--target=$what" "$r/boot/$t" 2>/dev/null | sed "s/^/$what /"; done
    break
  fi
done
! has bootctl || echo 'tool bootctl'
"#;

/// `$1`: the tools; `$2`: the entry that is the default, empty for none; `$3`: the entry for one boot, empty for none.
const SET: &str = r#"r=${PATCHWAVE_ROOT-}
case $1 in
bootctl) bootctl set-default "$2" && bootctl set-oneshot "$3" ;;
*)
  env=$r/boot/$1/grubenv
  if [ -n "$2" ]; then "$1-set-default" "$2"; else "$1-editenv" "$env" unset saved_entry; fi &&
    if [ -n "$3" ]; then "$1-reboot" "$3"; else "$1-editenv" "$env" unset next_entry; fi ;;
esac"#;

/// Images are compared by their release only.
const RELEASES: Releases = Releases { order: |a, b| a.cmp(b), leftovers: &[] };
/// File systems that GRUB can write to, by its own names for them.
const WRITABLE: [&str; 3] = ["ext2", "xfs", "fat"];

/// How to start a kernel once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The running kernel, and the one to try.
    pub releases: (String, String),
    /// `grub`, `grub2` or `bootctl`: the beginning of the tools' names.
    pub tool: String,
    /// The entry of the running kernel.
    pub old: String,
    /// The entry of the new one.
    pub new: String,
    /// The default before; empty: none is set, which is the newest kernel.
    pub before: String,
}

/// What the boot loader is set to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The entry that it starts by default; empty: none is set.
    pub default: String,
    /// The entry that it starts at the next boot only; empty: none.
    pub once: String,
}

impl Trial {
    /// The marks while the trial runs.
    pub fn armed(&self) -> Marks {
        Marks { default: self.old.clone(), once: self.new.clone() }
    }

    /// The marks after it went well. A host that followed its newest kernel still does.
    pub fn passed(&self) -> Marks {
        let default = if self.before.is_empty() { String::new() } else { self.new.clone() };
        Marks { default, once: String::new() }
    }

    /// The marks from before it.
    pub fn undone(&self) -> Marks {
        Marks { default: self.before.clone(), once: String::new() }
    }
}

/// How this host could start `new` once while `running` stays its default; or why it cannot.
pub fn trial(running: &str, new: &str) -> Query<Result<Trial, String>> {
    let releases = (running.to_owned(), new.to_owned());
    Query::new(look("trial-look"), move |output| Ok(read(output)?.trial(&releases)))
}

/// What the boot loader is set to now.
pub fn marks() -> Query<Marks> {
    Query::new(look("trial-marks"), |output| Ok(read(output)?.marks()))
}

/// Sets the boot loader. Doing it twice is doing it once.
pub fn set_marks(trial: &Trial, marks: &Marks) -> Command {
    Command::sh("trial-set", SET, [&trial.tool, &marks.default, &marks.once]).timeout(Duration::from_secs(60))
}

fn look(label: &'static str) -> Command {
    Command::sh(label, &format!("{LOOK}{}echo end\n", loader::SCRIPT), [""; 0]).timeout(Duration::from_secs(60))
}

/// What the host says.
#[derive(Debug, Default)]
struct Found {
    loader: Seen,
    tools: Vec<String>,
    file_system: String,
    abstraction: String,
}

fn read(output: &Output) -> Result<Found, Unreadable> {
    let text = output.text();
    let (mut found, mut ended) = (Found::default(), false);
    for line in text.lines() {
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        match tag {
            "tool" => found.tools.push(rest.trim().to_owned()),
            "fs" => found.file_system = rest.trim().to_owned(),
            "abstraction" => found.abstraction = rest.trim().to_owned(),
            "end" => ended = true,
            tag => drop(found.loader.take(tag, rest)),
        }
    }
    match ended {
        true => Ok(found),
        false => Err(Unreadable::new(format!("cannot read what the boot loader says: {}", output.last_lines(1)))),
    }
}

impl Found {
    fn marks(&self) -> Marks {
        let (default, once) = match self.loader.kind() {
            Kind::SystemdBoot => (self.loader.efi("LoaderEntryDefault"), self.loader.efi("LoaderEntryOneShot")),
            Kind::Grub | Kind::Other => (self.loader.env("saved_entry"), self.loader.env("next_entry")),
        };
        let text = |mark: Option<&str>| mark.unwrap_or_default().to_owned();
        Marks { default: text(default), once: text(once) }
    }

    fn trial(&self, releases: &(String, String)) -> Result<Trial, String> {
        let kind = self.loader.kind();
        let tool = match kind {
            Kind::Grub => self.grub()?,
            Kind::SystemdBoot if self.tools.iter().any(|tool| tool == "bootctl") => "bootctl".to_owned(),
            Kind::SystemdBoot => return Err("the host has no bootctl".to_owned()),
            Kind::Other => return Err("its boot loader is neither GRUB nor systemd-boot".to_owned()),
        };
        let entry = |release: &String| {
            let entry = self.loader.entry_for(kind, RELEASES, release);
            entry.ok_or_else(|| format!("the boot menu has no entry for kernel {release}"))
        };
        let (old, new) = (entry(&releases.0)?, entry(&releases.1)?);
        let Marks { default, once } = self.marks();
        if !once.is_empty() {
            return Err(format!("the boot loader is already set to start {once} once"));
        }
        // `0` is the first entry, which is the newest kernel.
        let before = if default == "0" { String::new() } else { default };
        Ok(Trial { releases: releases.clone(), tool, old, new, before })
    }

    /// GRUB must follow its saved entry, and must be able to forget the entry for one boot: else a kernel that hangs
    /// would be started again and again.
    fn grub(&self) -> Result<String, String> {
        let tool = self.tools.iter().find(|tool| tool.starts_with("grub"));
        let tool = tool.ok_or("the host has no grub-reboot, grub-set-default, grub-editenv and grub-probe")?;
        if !self.loader.follows_saved() {
            return Err("GRUB does not follow its saved entry (GRUB_DEFAULT=saved)".to_owned());
        }
        if !self.abstraction.is_empty() || !WRITABLE.contains(&self.file_system.as_str()) {
            let on = [self.file_system.as_str(), self.abstraction.as_str()].join(" ");
            let on = if on.trim().is_empty() { "an unknown file system" } else { on.trim() };
            return Err(format!("GRUB cannot write its environment on {on}"));
        }
        Ok(tool.clone())
    }
}
