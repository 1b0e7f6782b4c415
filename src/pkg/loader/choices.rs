//! How a boot loader is told to start a certain kernel: the command of the loader's own tool, where there is one that
//! lasts. Reads only what [`super::Seen`] has. Start at [`Seen::choices`].

use std::collections::BTreeMap;

use super::{Kind, Releases, Seen};

impl Seen {
    /// The command for each kernel, by release. A kernel that is not in it cannot be chosen: GRUB keeps a choice only
    /// with `GRUB_DEFAULT=saved`, and extlinux and links have no tool.
    pub(in crate::pkg) fn choices(&self, releases: Releases, installed: &[String]) -> BTreeMap<String, Vec<String>> {
        let choice = |release: &String| Some((release.clone(), self.choice(releases, release)?));
        installed.iter().filter_map(choice).collect()
    }

    fn choice(&self, releases: Releases, release: &str) -> Option<Vec<String>> {
        let command = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        if self.proxmox {
            return command(&["proxmox-boot-tool", "kernel", "pin", release]);
        }
        let kind = self.kind();
        // An option must never come out of the name of an entry.
        let entry = self.entry_for(kind, releases, release).filter(|entry| !entry.starts_with('-'))?;
        match kind {
            Kind::SystemdBoot => command(&["bootctl", "set-default", &entry]),
            Kind::Grub if self.follows_saved() => {
                let is_second = self.grub.as_ref().is_some_and(|file| file.contains("/grub2/"));
                command(&[if is_second { "grub2-set-default" } else { "grub-set-default" }, &entry])
            }
            Kind::Grub | Kind::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASES: Releases = Releases { order: |a, b| a.cmp(b), leftovers: &[] };

    fn choices(lines: &str) -> Vec<String> {
        let mut seen = Seen::default();
        for line in lines.lines() {
            let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
            seen.take(tag, rest);
        }
        let installed = ["1-a".to_owned(), "2-a".to_owned()];
        seen.choices(RELEASES, &installed).iter().map(|(of, words)| format!("{of}: {}", words.join(" "))).collect()
    }

    const MENU: &str = "grub /boot/grub/grub.cfg
g set default=\"DEFAULT\"
g menuentry 'Top' $menuentry_id_option 'top' {
g linux /vmlinuz-2-a root=x
g }
g submenu 'More' $menuentry_id_option 'more' {
g menuentry 'Two' $menuentry_id_option 'two' {
g linux /vmlinuz-2-a root=x
g }
g menuentry 'One' {
g linux /vmlinuz-1-a root=x
g }
g menuentry 'One (recovery)' {
g linux /vmlinuz-1-a root=x single
g }
g menuentry 'a>b' {
g linux /vmlinuz-0-a root=x
g }
g }
";

    #[test]
    fn a_loader_that_keeps_a_choice_can_be_told() {
        let saved = MENU.replace("DEFAULT", "${saved_entry}");
        let entries = "efi LoaderInfo systemd-boot 252\nentry /boot/loader/entries/m-1-a.conf\nentry-linux /m/1/linux\nentry-version 1-a\n\
                       entry /boot/loader/entries/m-2-a+3-0.conf\nentry-linux /vmlinuz-2-a\n";
        for (lines, expected) in [
            (saved.clone(), vec!["1-a: grub-set-default more>One", "2-a: grub-set-default top"]),
            (saved.replace("/grub/", "/grub2/"), vec!["1-a: grub2-set-default more>One", "2-a: grub2-set-default top"]),
            (MENU.replace("DEFAULT", "0"), vec![]),
            (entries.to_owned(), vec!["1-a: bootctl set-default m-1-a.conf", "2-a: bootctl set-default m-2-a.conf"]),
            (
                "proxmox\n".to_owned(),
                vec!["1-a: proxmox-boot-tool kernel pin 1-a", "2-a: proxmox-boot-tool kernel pin 2-a"],
            ),
            ("link /vmlinuz boot/vmlinuz-2-a\n".to_owned(), vec![]),
        ] {
            assert_eq!(choices(&lines), expected, "{lines}");
        }
    }
}
