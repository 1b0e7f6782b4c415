//! The way back from a kernel where all versions of one have the same name: before the host has booted the new one,
//! while the new one runs, and with a boot loader that can be told and one that cannot.

use std::collections::BTreeSet;

use crate::{
    fleet::Lab,
    on_host::{changed, packages},
    patchwave::Patchwave,
};

const INVENTORY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100% } } }
";

/// A host, the kernel that it runs, the one that is pending, and what brings that one.
struct Host {
    name: &'static str,
    old: &'static str,
    new: &'static str,
    brings: &'static [&'static str],
}

/// One host with dnf, one with zypper.
const HOSTS: [Host; 2] = [
    Host {
        name: "h1",
        old: "5.14.0-2.el9.x86_64",
        new: "5.14.0-3.el9.x86_64",
        brings: &["kernel 5.14.0-3.el9", "kernel-core 5.14.0-3.el9", "kernel-modules 5.14.0-3.el9"],
    },
    Host { name: "h2", old: "6.4.0-2.1-default", new: "6.4.0-3.1-default", brings: &["kernel-default 6.4.0-3.1"] },
];

impl Host {
    fn came(&self) -> Vec<String> {
        self.brings.iter().map(|package| format!("+{package}")).collect()
    }

    fn runs(&self, lab: &Lab) -> String {
        lab.on(self.name, "uname -r")
    }
}

fn rpms(lab: &Lab, host: &Host) -> BTreeSet<String> {
    packages(lab, host.name, "rpm -qa --qf '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n'")
}

/// A GRUB that keeps a choice, and now starts the newest kernel.
fn with_grub(lab: &Lab, host: &Host) {
    let entry = |release: &str| {
        format!("menuentry 'Linux' $menuentry_id_option 'id-{release}' {{\nlinux /vmlinuz-{release} root=x\n}}\n")
    };
    let menu = format!("set default=\"${{saved_entry}}\"\n{}{}", entry(host.new), entry(host.old));
    lab.on(host.name, "mkdir -p /boot/grub2");
    lab.put(host.name, "/boot/grub2/grub.cfg", menu.as_bytes());
    lab.put(host.name, "/boot/grub2/grubenv", format!("saved_entry=id-{}\n", host.new).as_bytes());
    let tool = "#!/bin/sh\necho \"saved_entry=$1\" >/boot/grub2/grubenv\necho \"${1#id-}\" >/etc/lab-chosen\n";
    lab.put(host.name, "/usr/sbin/grub2-set-default", tool.as_bytes());
    lab.on(host.name, "chmod 755 /usr/sbin/grub2-set-default");
    lab.on(host.name, "sed -i 's|cat /etc/lab-boot-kernel -|cat /etc/lab-chosen -|' /usr/local/sbin/lab-boot");
}

#[test]
fn a_kernel_that_was_not_booted_yet_is_removed_and_the_running_one_stays() {
    let Some(lab) = Lab::up_of(2, "", "rocky=h1 suse=h2") else { return };
    let before = HOSTS.each_ref().map(|host| rpms(&lab, host));
    let play = "
steps:
  - upgrade: { scope: kernel, rollback: required }
  - command: \"false\"
on_failure:
  - rollback: { reason: breaks the shop }
  - reboot: { when: required, stable: 1s, timeout: 90s }
";
    let jump = Patchwave::new(&lab, INVENTORY, play);
    let ended = jump.run(&[]).must(6);
    let run = ended.run_id();
    let shown = jump.call(&["show", &run]).must(0).out;
    for page in [&ended.err, &shown] {
        assert!(page.contains("exit code 1; then rolled back"), "{page}");
        assert!(!page.contains("packages"), "none is changed any more: {page}");
    }
    for (host, before) in HOSTS.iter().zip(&before) {
        assert_eq!(changed(before, &rpms(&lab, host)), [""; 0], "{}: {}", host.name, ended.out);
        assert_eq!(host.runs(&lab), host.old);
        assert_eq!(lab.downs(host.name), 0, "{}: nothing needs a reboot: {}", host.name, ended.out);
    }
    // All is as before, and stays so.
    jump.call(&["rollback", &run, "--yes"]).must(3);
    let next = Patchwave::named(&lab, "next", INVENTORY, "steps:\n  - upgrade: { scope: kernel }\n");
    let events = next.run(&[]).must(0).events();
    for (host, before) in HOSTS.iter().zip(&before) {
        assert_eq!(&rpms(&lab, host), before, "{}", events.result(host.name, 0));
        assert!(events.result(host.name, 0).to_string().contains("breaks the shop"), "{}", events.result(host.name, 0));
    }
}

#[test]
fn a_kernel_that_runs_stays_until_the_older_one_runs() {
    let Some(lab) = Lab::up_of(2, "", "rocky=h1 suse=h2") else { return };
    let before = HOSTS.each_ref().map(|host| rpms(&lab, host));
    let play = "
steps:
  - upgrade: { scope: kernel, rollback: required }
  - reboot: { when: required, stable: 1s, timeout: 90s }
";
    let jump = Patchwave::new(&lab, INVENTORY, play);
    let run = jump.run(&[]).must(0).run_id();
    let is_new = |host: &Host, before: &BTreeSet<String>, runs: &str| {
        assert_eq!(changed(before, &rpms(&lab, host)), host.came(), "{}", host.name);
        assert_eq!(host.runs(&lab), runs);
    };
    HOSTS.iter().zip(&before).for_each(|(host, before)| is_new(host, before, host.new));

    // Nothing on the host says which kernel a boot starts.
    let events = jump.call(&["rollback", &run, "--yes", "--json"]).must(6).events();
    for (host, before) in HOSTS.iter().zip(&before) {
        is_new(host, before, host.new);
        let result = events.result(host.name, 0);
        assert_eq!((&result["class"], &result["changed"]), (&"boot-loader".into(), &false.into()), "{result}");
        let summary = result["summary"].as_str().unwrap_or_default();
        for package in host.brings {
            assert!(summary.contains(&package.replace(' ', "=")), "{package} stays: {summary}");
        }
        assert!(summary.contains(&format!("cannot be made to start kernel {}", host.old)), "{summary}");
        with_grub(&lab, host);
    }

    let check = jump.call(&["rollback", &run, "--check", "--json"]).must(0).events();
    let events = jump.call(&["rollback", &run, "--yes", "--json"]).must(4).events();
    for (host, before) in HOSTS.iter().zip(&before) {
        let would = check.result(host.name, 0)["summary"].to_string();
        assert!(would.contains(&format!("the next boot would start kernel {}", host.old)), "{would}");
        let result = events.result(host.name, 0);
        assert_eq!(events.outcome(host.name), "rolled_back", "{result}");
        assert!(result["summary"].to_string().contains("of the upgrade only the running kernel is left"), "{result}");
        is_new(host, before, host.old);
    }

    // Now it can be removed.
    jump.call(&["rollback", &run, "--yes", "--json"]).must(4);
    for (host, before) in HOSTS.iter().zip(&before) {
        assert_eq!(&rpms(&lab, host), before, "{}", host.name);
        assert_eq!(host.runs(&lab), host.old);
    }
}
