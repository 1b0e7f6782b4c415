//! Hosts with peculiarities: logins that print text or end by themselves, hooks that fail or hang, services that stay
//! down.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{fleet::Lab, patchwave::Patchwave};

const MANY: &str = "
all:
  vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100%, escalate_timeout: 20s } }
";

#[test]
fn a_login_shell_may_talk_but_what_never_ran_is_not_ok() {
    let Some(lab) = Lab::up(5, "") else { return };
    lab.on("h1", "{ echo 'echo WELCOME; printf unfinished; echo oops >&2'; cat /root/.bashrc; } >/root/b; mv /root/b /root/.bashrc");
    lab.on("h2", "echo 'echo talk' >/home/ops/.bashrc");
    lab.on("h3", "echo 'exit 0' >/root/.bashrc");
    lab.on("h4", "usermod -s /usr/sbin/nologin ops");
    lab.on("h5", "sed -i 's|^|command=\"/bin/true\" |' /etc/ssh/lab_keys");
    let inventory = format!("{MANY}  hosts: {{ h2: {{ ansible_user: ops }}, h4: {{ ansible_user: ops }} }}\n");
    let before = ["h1", "h2", "h3", "h4", "h5"].map(|host| (host, lab.packages(host)));
    let jump = Patchwave::new(
        &lab,
        &inventory,
        "
steps:
  - { command: touch /tmp/was-here, become: false }
  - precheck: { disk_free: { /: 1MiB }, packages: healthy, services: [ssh] }
  - upgrade: security
  - verify: { services: [ssh], packages: healthy }
",
    );
    let events = jump.run(&[]).must(6).events();
    for (host, packages) in before {
        if host == "h1" || host == "h2" {
            assert_eq!(events.outcome(host), "ok", "{host}");
            lab.is_patched(host, &packages, &[]);
        } else {
            let result = events.result(host, 0);
            assert_eq!(
                (&result["verdict"], &result["class"]),
                (&"failed".into(), &"login-shell".into()),
                "{host}: {result}"
            );
            assert_eq!(result["changed"], false, "{host}");
            assert_eq!(lab.on(host, "ls /tmp/was-here 2>/dev/null || echo no"), "no", "{host}");
        }
    }
}

#[test]
fn hooks_fail_hang_and_are_called_for_broken_hosts() {
    let Some(lab) = Lab::up(4, "") else { return };
    let trace = lab.folder().join("trace");
    for name in ["snapshot", "restore", "drain", "undrain"] {
        let script = format!(
            "#!/bin/sh\necho {name} \"$@\" >>{}\ncase {name}-$1 in snapshot-h2) echo no room >&2; exit 9;; snapshot-h3) sleep 77;; esac\necho snap-$1\n",
            trace.display()
        );
        let path = lab.write(&format!("jump/hooks/{name}"), &script);
        fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("a mode");
    }
    lab.on("h1", "touch /etc/lab-svc-broken");
    // A pin that wants an older version than the installed one: apt refuses the whole upgrade.
    lab.on(
        "h4",
        "mkdir -p /root/p/DEBIAN && printf 'Package: lab-plain\nVersion: 3.0\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n' >/root/p/DEBIAN/control && dpkg-deb -b /root/p /root/p.deb && dpkg -i /root/p.deb && printf 'Package: lab-plain\nPin: version 2.0\nPin-Priority: 1001\n' >/etc/apt/preferences.d/lab",
    );
    let pinned = lab.packages("h4");
    let before = ["h2", "h3"].map(|host| (host, lab.packages(host)));
    let jump = Patchwave::new(
        &lab,
        MANY,
        "
steps:
  - drain: hooks/drain {{ inventory_hostname }}
  - { snapshot: 'hooks/snapshot {{ inventory_hostname }}', timeout: 8s }
  - upgrade: security
  - verify: { services: [ssh, lab-svc] }
    timeout: 30s
  - undrain: hooks/undrain {{ inventory_hostname }}
on_failure:
  - snapshot_restore: hooks/restore {{ inventory_hostname }} {{ snapshot.id }}
    when: snapshot is defined
",
    );
    let ended = jump.run(&[]).must(6);
    let events = ended.events();
    let class = |host: &str, index: usize| events.result(host, index)["class"].as_str().unwrap_or_default().to_owned();
    assert_eq!((class("h1", 3), class("h2", 1), class("h3", 1)), ("service".into(), "hook".into(), "timeout".into()));
    assert!(events.result("h2", 1).to_string().contains("no room"));
    assert_eq!(["h1", "h2", "h3", "h4"].map(|host| events.outcome(host)), ["failed", "failed", "failed", "ok"]);
    for (host, packages) in before {
        assert_eq!(lab.packages(host), packages, "{host}: nothing is changed without a snapshot");
    }
    lab.is_patched("h4", &pinned, &[]);
    let said = events.result("h4", 2)["summary"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("pinned to an older version: lab-plain"), "{said}");
    let mut called: Vec<String> = fs::read_to_string(&trace).expect("a trace").lines().map(str::to_owned).collect();
    called.sort();
    let mut expected: Vec<String> =
        (1..=4).flat_map(|n| ["drain", "snapshot", "undrain"].map(|name| format!("{name} h{n}"))).collect();
    expected.push("restore h1 snap-h1".into());
    expected.sort();
    assert_eq!(called, expected);
    assert_eq!(
        fs::read_dir("/proc")
            .expect("proc")
            .flatten()
            .filter(|entry| {
                fs::read(entry.path().join("cmdline")).is_ok_and(|line| line.starts_with(b"sleep\x0077"))
            })
            .count(),
        0,
        "a hook that hung is still there"
    );
}

#[test]
fn scopes_take_what_they_say() {
    let Some(lab) = Lab::up(3, "linux-image-amd64=h1,h2") else { return };
    let before = ["h1", "h2", "h3"].map(|host| lab.packages(host));
    let jump = Patchwave::new(
        &lab,
        MANY,
        "
steps:
  - { upgrade: kernel, when: inventory_hostname == 'h1' }
  - upgrade: { scope: all, exclude: ['lab-s*'] }
    when: inventory_hostname == 'h2'
  - upgrade: { scope: packages, packages: [lab-sec, lab-plain] }
    when: inventory_hostname == 'h3'
  - reboot: { when: required, stable: 1s, timeout: 60s }
  - { cleanup: { old_kernels: 1, package_cache: true }, when: inventory_hostname == 'h1' }
  - { verify: { kernel: newest, packages: healthy } }
",
    );
    jump.run(&[]).must(0);
    let changed = |host: &str, before: &std::collections::BTreeMap<String, String>| -> Vec<String> {
        let after = lab.packages(host);
        after
            .iter()
            .filter(|(name, version)| before.get(*name) != Some(*version))
            .map(|(name, _)| name.clone())
            .collect()
    };
    assert_eq!(changed("h1", &before[0]), ["linux-image-6.1.0-99-amd64", "linux-image-amd64"]);
    assert_eq!(lab.on("h1", "uname -r"), "6.1.0-99-amd64");
    let all = [
        "lab-conf",
        "lab-fail",
        "lab-masked",
        "lab-plain",
        "liblab1",
        "libmod-security",
        "linux-image-6.1.0-99-amd64",
        "linux-image-amd64",
    ];
    assert_eq!(changed("h2", &before[1]), all);
    assert_eq!(changed("h3", &before[2]), ["lab-plain", "lab-sec"]);
    assert_eq!(lab.package("h3", "lab-plain"), "installed 2.0");
}

#[test]
fn a_check_changes_nothing_and_a_slow_line_is_no_fault() {
    let Some(lab) = Lab::up(2, "lab-reboot=h1") else { return };
    let playbook = "
steps:
  - precheck: { disk_free: { /: 1MiB }, packages: healthy, services: [ssh] }
  - upgrade: security
  - copy: { content: hello, dest: /etc/hello }
  - command: touch /etc/commanded
  - service: { name: lab-svc, state: restarted }
  - reboot: { when: required, stable: 1s, timeout: 90s }
  - verify: { services: [ssh], packages: healthy }
";
    let jump = Patchwave::new(&lab, MANY, playbook);
    for host in ["h1", "h2"] {
        lab.on(host, "apt-get -qq update");
    }
    let files = "find / -xdev -type f -newer /root/mark ! -path '/proc/*' ! -path '/run/*' ! -path '/sys/*' ! -path '/var/log/*'";
    let facts = "systemctl show -p MainPID lab-svc; cat /proc/sys/kernel/random/boot_id; ls -A /tmp /var/lib/patchwave 2>&1 | grep -v systemd-private";
    let before =
        ["h1", "h2"].map(|host| (host, lab.on(host, &format!("touch /root/mark; {facts}")), lab.packages(host)));
    let events = jump.run(&["--check"]).must(0).events();
    for (host, facts_before, packages) in &before {
        assert_eq!(lab.packages(host), *packages);
        assert_eq!(lab.on(host, facts), *facts_before, "{host}");
        assert_eq!(lab.on(host, files), "", "{host}");
        assert!(events.0.iter().all(|event| event["result"]["changed"] != true), "{:#?}", events.0);
        let would = events.result(host, 1).to_string();
        assert!(would.contains("lab-sec"), "it says what it would do: {would}");
    }
    lab.sh(&["delay", "h1", "150", "3"]);
    lab.sh(&["delay", "h2", "400"]);
    let events = jump.run(&[]).must(0).events();
    for (host, _, packages) in &before {
        assert_eq!(events.outcome(host), "ok");
        lab.is_patched(host, packages, if *host == "h1" { &[("lab-reboot", "1.0+deb12u1")] } else { &[] });
    }
}
