//! What the boot loader starts next, read from its own files: GRUB's menu, entries of the Boot Loader Specification,
//! extlinux, the links that older loaders follow, pins of Proxmox. Knows no package manager, and never guesses. Start
//! at [`Seen::starts`]; `loader.sh` is the script for the host.

mod choices;

use std::cmp::Ordering;

use serde::Serialize;

use crate::command::printable;

/// Prints the lines that [`Seen::take`] reads. Needs `r`, the root.
pub(super) const SCRIPT: &str = include_str!("loader.sh");

/// How a package manager orders and names kernel releases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Releases {
    /// Which is older.
    pub order: fn(&str, &str) -> Ordering,
    /// Endings of the files that it leaves beside an image while it unpacks one, in addition to the common ones.
    pub leftovers: &'static [&'static str],
}

/// The kernel that the boot loader will start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Starts {
    /// As in `uname -r`.
    pub release: String,
    /// The file that says so.
    pub by: String,
}

/// A boot loader, as far as it can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Grub,
    SystemdBoot,
    /// None of them, or one whose files another tool writes.
    Other,
}

/// What the files of boot loaders say.
#[derive(Debug, Default)]
pub(super) struct Seen {
    efi: Vec<(String, String)>,
    proxmox: bool,
    pins: Vec<String>,
    entries: Vec<Entry>,
    entry_default: Option<String>,
    grub: Option<String>,
    /// GRUB makes its menu from the entries (`blscfg`).
    grub_entries: bool,
    menu: Vec<String>,
    env: Vec<(String, String)>,
    extlinux: Option<String>,
    labels: Vec<String>,
    links: Vec<(String, String)>,
    /// Images whose names have no release, and the release that they are of.
    copies: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Entry {
    file: String,
    linux: String,
    version: String,
}

impl Seen {
    /// Takes a line of the script; false if it is not one.
    pub(super) fn take(&mut self, tag: &str, rest: &str) -> bool {
        let pair = |rest: &str, by: char| rest.split_once(by).map(|(a, b)| (a.to_owned(), b.trim().to_owned()));
        match tag {
            "efi" => self.efi.extend(pair(rest, ' ')),
            "proxmox" => self.proxmox = true,
            "pin" => self.pins.push(rest.trim().to_owned()),
            "entry" => self.entries.push(Entry { file: rest.to_owned(), ..Entry::default() }),
            "entry-linux" => self.last_entry(|entry| entry.linux = rest.trim().to_owned()),
            "entry-version" => self.last_entry(|entry| entry.version = rest.trim().to_owned()),
            "entry-default" => self.entry_default = Some(rest.trim().to_owned()),
            "grub" => self.grub = Some(rest.to_owned()),
            "grub-entries" => self.grub_entries = true,
            "g" => self.menu.push(rest.to_owned()),
            "env" => self.env.extend(pair(rest, '=')),
            "extlinux" => self.extlinux = Some(rest.to_owned()),
            "x" => self.labels.push(rest.to_owned()),
            "link" => self.links.extend(pair(rest, ' ')),
            "copy" => self.copies.extend(pair(rest, ' ')),
            _ => return false,
        }
        true
    }

    fn last_entry(&mut self, with: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.last_mut() {
            with(entry);
        }
    }

    /// The kernel that will be started; `None`: the files do not say.
    pub(super) fn starts(&self, releases: Releases) -> Option<Starts> {
        let starts =
            |release: Option<String>, by: &str| Some(Starts { release: printable(&release?), by: by.to_owned() });
        if self.proxmox {
            // Its partitions are mounted only while it writes to them. A pin for the next boot comes last.
            return starts(self.pins.last().cloned(), "a pin of proxmox-boot-tool");
        }
        let loader = self.efi("LoaderInfo").unwrap_or_default();
        let by_grub = self.grub.is_some() || self.grub_entries;
        if loader.starts_with("systemd-boot") || (!by_grub && !self.entries.is_empty()) {
            let entry = self.entry(releases)?;
            return starts(self.release(releases, &entry.linux).or_else(|| filled(&entry.version)), &entry.file);
        }
        if self.grub_entries && !self.entries.is_empty() {
            let entry = self.entry_of_grub(releases)?;
            let release = self.release(releases, &entry.linux).or_else(|| filled(&entry.version));
            return starts(release, &entry.file);
        }
        if let Some(file) = &self.grub {
            return starts(self.release(releases, &self.grub_entry()?), file);
        }
        if let Some(file) = &self.extlinux {
            return starts(self.release(releases, &self.label()?), file);
        }
        let (link, _) = self.links.first()?;
        starts(self.release(releases, link), link)
    }

    /// Which loader starts this host.
    pub(super) fn kind(&self) -> Kind {
        match self.efi("LoaderInfo") {
            _ if self.proxmox => Kind::Other,
            Some(loader) if loader.starts_with("systemd-boot") => Kind::SystemdBoot,
            _ if self.grub.is_some() => Kind::Grub,
            _ => Kind::Other,
        }
    }

    /// The entry that starts this kernel, as the loader's own tools name it. An entry that is named after the kernel
    /// comes before one that starts whatever is newest.
    pub(super) fn entry_for(&self, kind: Kind, releases: Releases, release: &str) -> Option<String> {
        let of = |image: &str| self.release(releases, image).is_some_and(|found| found == release);
        let file = self.entries.iter().find(|entry| of(&entry.linux) || entry.version == release).map(Entry::name);
        match kind {
            Kind::SystemdBoot => file.map(|name| format!("{name}.conf")),
            Kind::Grub => {
                let (mut named, mut other) = (None, None);
                for (path, item) in paths(&menu(&self.menu)) {
                    if item.kernel.as_deref().is_some_and(of) {
                        let slot = if path.contains(release) { &mut named } else { &mut other };
                        slot.get_or_insert(path);
                    }
                }
                named.or(other).or(file.map(str::to_owned))
            }
            Kind::Other => None,
        }
    }

    /// Whether GRUB starts the entry that its environment names.
    pub(super) fn follows_saved(&self) -> bool {
        let chosen = self.menu.iter().filter_map(|line| default_of(line)).next_back();
        matches!(chosen, Some("${saved_entry}" | "$saved_entry"))
    }

    /// A variable of GRUB's environment.
    pub(super) fn env(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    }

    pub(super) fn efi(&self, name: &str) -> Option<&str> {
        self.efi
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The release of an image's path: `/vmlinuz-6.1.0-99-amd64`, a link to one, or an image whose release was found.
    fn release(&self, releases: Releases, image: &str) -> Option<String> {
        let is_it = |known: &str| known == image || known.ends_with(image);
        let link = || self.links.iter().find(|(link, _)| is_it(link)).and_then(|(_, to)| releases.of(to));
        let copy = || self.copies.iter().find(|(copy, _)| is_it(copy)).and_then(|(_, release)| numbered(release));
        releases.of(image).or_else(link).or_else(copy)
    }

    /// As systemd-boot chooses: what was set for one boot, what was chosen, what is configured, the newest.
    fn entry(&self, releases: Releases) -> Option<&Entry> {
        let wanted = [self.efi("LoaderEntryOneShot"), self.efi("LoaderEntryDefault"), self.entry_default.as_deref()];
        let release =
            |entry: &Entry| self.release(releases, &entry.linux).or_else(|| filled(&entry.version)).unwrap_or_default();
        let newest = |a: &&Entry, b: &&Entry| (releases.order)(&release(a), &release(b));
        for wanted in wanted.into_iter().flatten() {
            let glob = globset::Glob::new(wanted.trim_end_matches(".conf")).ok()?.compile_matcher();
            let found = self.entries.iter().filter(|entry| glob.is_match(entry.name())).max_by(newest);
            // Not a file: another system, or a program of the firmware.
            if found.is_some() || wanted.starts_with('@') || wanted.starts_with("auto-") {
                return found;
            }
        }
        self.entries.iter().max_by(newest)
    }

    /// The label that extlinux starts, and its image.
    fn label(&self) -> Option<String> {
        let words = |line: &String| {
            let (key, value) = line.split_once(char::is_whitespace)?;
            Some((key.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let lines: Vec<(String, String)> = self.labels.iter().filter_map(words).collect();
        let default = lines.iter().find(|(key, _)| key == "default").map(|(_, value)| value);
        let from = match default {
            Some(default) => lines.iter().position(|(key, value)| key == "label" && value == default)?,
            None => lines.iter().position(|(key, _)| key == "label")?,
        };
        let own = lines[from + 1..].iter().take_while(|(key, _)| key != "label");
        own.filter(|(key, _)| key == "linux" || key == "kernel").map(|(_, image)| image.clone()).next()
    }

    /// What GRUB starts: an id, a title or a number, perhaps below a menu; `None`: a script decides.
    fn grub_default(&self) -> Option<&str> {
        let env = |name: &str| self.env(name);
        let chosen = self.menu.iter().filter_map(|line| default_of(line)).next_back().unwrap_or("0");
        match (env("next_entry"), chosen) {
            (Some(next), _) => Some(next),
            (None, "${saved_entry}" | "$saved_entry") => Some(env("saved_entry").unwrap_or("0")),
            (None, chosen) if chosen.contains('$') => None,
            (None, chosen) => Some(chosen),
        }
    }

    /// The entry that GRUB takes from `/boot/loader/entries`: they are in its menu from the highest name down.
    fn entry_of_grub(&self, releases: Releases) -> Option<&Entry> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by(|a, b| (releases.order)(b.name(), a.name()).then_with(|| b.name().cmp(a.name())));
        let chosen = self.grub_default()?;
        let numbered = chosen.parse::<usize>().ok().and_then(|at| entries.get(at).copied());
        numbered.or_else(|| entries.iter().find(|entry| entry.name() == chosen).copied()).or(entries.first().copied())
    }

    /// The image of the entry that GRUB starts.
    fn grub_entry(&self) -> Option<String> {
        let chosen = self.grub_default()?;
        let menu = menu(&self.menu);
        let mut level: &[Item] = &menu;
        let mut item = None;
        for part in chosen.split('>') {
            let number = part.trim().parse::<usize>().ok().and_then(|at| level.get(at));
            let named = || level.iter().find(|item| item.title == part || item.id == part);
            // If GRUB does not find the entry, it takes the first one.
            let found = number.or_else(named).or_else(|| level.first())?;
            (level, item) = (&found.items, Some(found));
        }
        let mut item = item?;
        while item.kernel.is_none() {
            item = item.items.first()?;
        }
        item.kernel.clone()
    }
}

impl Entry {
    /// Its id: `x-6.9.3` of `/boot/loader/entries/x-6.9.3+3-0.conf`, which counts tries.
    fn name(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or_default().trim_end_matches(".conf");
        name.split_once('+').filter(|(_, tries)| is_tries(tries)).map_or(name, |(name, _)| name)
    }
}

/// An entry of GRUB's menu, or a menu below it.
#[derive(Debug, Default)]
struct Item {
    title: String,
    id: String,
    kernel: Option<String>,
    items: Vec<Item>,
}

/// All entries with their paths, `submenu>entry`, by id or title.
fn paths(items: &[Item]) -> Vec<(String, &Item)> {
    let mut all = Vec::new();
    for item in items {
        let name = if item.id.is_empty() { &item.title } else { &item.id };
        all.push((name.clone(), item));
        all.extend(paths(&item.items).into_iter().map(|(path, inner)| (format!("{name}>{path}"), inner)));
    }
    all
}

/// Real menus are not nested deeper than this.
const DEEPEST: usize = 8;

fn menu(lines: &[String]) -> Vec<Item> {
    // The innermost comes last; `None` is a function.
    let mut open: Vec<Option<Item>> = Vec::new();
    let mut top = Vec::new();
    for line in lines {
        let word = line.split_whitespace().next().unwrap_or_default();
        match word {
            "menuentry" | "submenu" if open.len() < DEEPEST => open.push(Some(heading(line))),
            "menuentry" | "submenu" | "function" => open.push(None),
            "linux" | "linux16" | "linuxefi" | "module" | "module2" => {
                let image = line.split_whitespace().nth(1).unwrap_or_default();
                // Xen is started first, and Linux is its first module.
                if let Some(Some(item)) = open.last_mut() {
                    item.kernel.get_or_insert_with(|| image.to_owned());
                }
            }
            _ if line.starts_with('}') => {
                if let Some(Some(item)) = open.pop() {
                    match open.iter_mut().rev().flatten().next() {
                        Some(outer) => outer.items.push(item),
                        None => top.push(item),
                    }
                }
            }
            _ => {}
        }
    }
    top
}

/// Title and id of `menuentry 'GNU/Linux' --class gnu-linux $menuentry_id_option 'gnulinux-simple-…' {`.
fn heading(line: &str) -> Item {
    let words = shlex::split(line.trim_end().trim_end_matches('{')).unwrap_or_default();
    let id = words.iter().position(|word| word == "$menuentry_id_option" || word == "--id");
    let id = id.and_then(|at| words.get(at + 1)).cloned().unwrap_or_default();
    Item { title: words.get(1).cloned().unwrap_or_default(), id, ..Item::default() }
}

/// The value of `set default="0"`; what was set for one boot is read from GRUB's environment.
fn default_of(line: &str) -> Option<&str> {
    let value = line.strip_prefix("set")?.trim_start().strip_prefix("default=")?.trim().trim_matches(['"', '\'']);
    (value != "${next_entry}").then_some(value)
}

fn is_tries(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A release, which begins with a number.
fn numbered(text: &str) -> Option<String> {
    text.bytes().next().is_some_and(|b| b.is_ascii_digit()).then(|| printable(text))
}

impl Releases {
    /// The release in the name of a kernel's image; `None` for backups, and for images whose name has none.
    pub(super) fn of(&self, image: &str) -> Option<String> {
        const BACKUPS: [&str; 2] = [".old", ".bak"];
        let name = image.rsplit('/').next()?;
        let in_modules = image.strip_suffix("/vmlinuz").and_then(|folder| folder.rsplit_once("/modules/"));
        let release = match in_modules {
            Some((_, release)) => release,
            None => ["vmlinuz-", "vmlinux-", "kernel-", "linux-"].iter().find_map(|start| name.strip_prefix(start))?,
        };
        let mut left = BACKUPS.iter().chain(self.leftovers);
        numbered(release).filter(|release| !left.any(|end| release.ends_with(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASES: Releases = Releases { order: |a, b| a.cmp(b), leftovers: &[".new"] };

    fn starts(lines: &str) -> Option<String> {
        let mut seen = Seen::default();
        for line in lines.lines() {
            let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
            assert!(seen.take(tag, rest), "{line}");
        }
        seen.starts(RELEASES).map(|starts| starts.release)
    }

    const MENU: &str = "grub /boot/grub/grub.cfg
g function load_video {
g }
g set default=\"${next_entry}\"
g set default=\"DEFAULT\"
g menuentry 'Top' --class x $menuentry_id_option 'top' {
g linux\t/vmlinuz-3-a root=/dev/sda1
g }
g submenu 'More' $menuentry_id_option 'more' {
g menuentry 'Third' $menuentry_id_option 'third' {
g linux /@/boot/vmlinuz-3-a root=x
g }
g menuentry 'It'\\''s the second' --id second {
g multiboot /xen.gz
g module /vmlinuz-2-a root=x
g module /initrd.img-2-a
g }
g }
g menuentry 'Windows' {
g chainloader +1
g }
";

    #[test]
    fn grub_starts_what_its_menu_and_its_environment_say() {
        for (default, env, release) in [
            ("0", "", Some("3-a")),
            ("1>1", "", Some("2-a")),
            ("more>second", "", Some("2-a")),
            ("More>It's the second", "", Some("2-a")),
            ("More", "", Some("3-a")),
            ("no such entry", "", Some("3-a")),
            ("${saved_entry}", "env saved_entry=more>second\n", Some("2-a")),
            ("${saved_entry}", "", Some("3-a")),
            ("0", "env next_entry=1>1\nenv saved_entry=0\n", Some("2-a")),
            ("Windows", "", None),
            ("$chosen_by_a_script", "", None),
        ] {
            let lines = MENU.replace("DEFAULT", default) + env;
            assert_eq!(starts(&lines).as_deref(), release, "{default} {env}");
        }
    }

    #[test]
    fn other_loaders_say_it_in_their_files() {
        let entries = "entry /boot/loader/entries/m-1.conf\nentry-version 1\nentry-linux /m/1/linux\n\
                       entry /boot/loader/entries/m-2+3-0.conf\nentry-linux /vmlinuz-2\n";
        let grub = MENU.replace("DEFAULT", "0");
        for (lines, release) in [
            (entries.to_owned(), Some("2")),
            (format!("{entries}entry-default m-1.conf\n"), Some("1")),
            (format!("{entries}entry-default m-*\n"), Some("2")),
            (format!("efi LoaderEntryOneShot m-1\n{entries}entry-default m-2\n"), Some("1")),
            (format!("{entries}entry-default auto-windows\n"), None),
            (format!("{grub}{entries}"), Some("3-a")),
            (format!("grub-entries\n{entries}"), Some("2")),
            (format!("grub-entries\n{grub}{entries}"), Some("2")),
            (format!("grub-entries\ng set default=\"${{saved_entry}}\"\nenv saved_entry=m-1\n{entries}"), Some("1")),
            (format!("grub-entries\ng set default=\"${{saved_entry}}\"\nenv saved_entry=1\n{entries}"), Some("1")),
            (format!("grub-entries\ng set default=\"${{saved_entry}}\"\nenv saved_entry=gone\n{entries}"), Some("2")),
            (format!("grub-entries\ng set default=\"${{x}}\"\n{entries}"), None),
            (format!("grub-entries\n{grub}"), Some("3-a")),
            (format!("efi LoaderInfo systemd-boot 252.12\n{grub}{entries}"), Some("2")),
            (format!("proxmox\npin 6.8.4-2-pve\n{grub}"), Some("6.8.4-2-pve")),
            (format!("proxmox\n{grub}"), None),
            (
                "extlinux x\nx default b\nx label a\nx linux /vmlinuz-1\nx label b\nx kernel /vmlinuz-2\n".into(),
                Some("2"),
            ),
            ("link /vmlinuz boot/vmlinuz-6.1.0-9-amd64\n".into(), Some("6.1.0-9-amd64")),
            ("link /vmlinuz boot/vmlinuz\n".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(starts(&lines).as_deref(), release, "{lines}");
        }
    }

    #[test]
    fn a_menu_of_a_hostile_host_is_bounded() {
        let deep = "grub x\n".to_owned() + &"g submenu 'x' {\n".repeat(100_000);
        assert_eq!(starts(&deep), None);
        assert_eq!(starts("grub x\ng }\ng }\ng menuentry 'a\ng linux\ng }\n"), None);
    }

    #[test]
    fn backups_and_images_without_a_release_are_no_kernels() {
        for (image, release) in [
            ("/boot/vmlinuz-6.1.0-9-amd64", Some("6.1.0-9-amd64")),
            ("/usr/lib/modules/6.9.3/vmlinuz", Some("6.9.3")),
            ("/boot/vmlinuz-6.9.3.old", None),
            ("/boot/vmlinuz-6.9.3.new", None),
            ("/boot/vmlinuz", None),
            ("/boot/kernel8.img", None),
            ("/boot/vmlinuz-rescue", None),
        ] {
            assert_eq!(RELEASES.of(image).as_deref(), release, "{image}");
        }
    }
}
