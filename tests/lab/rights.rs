//! Ordinary logins: sudo with and without a password, doas, su. The passwords are not seen anywhere.

use crate::{
    fleet::{Lab, SECURITY},
    patchwave::Patchwave,
};

const SUDO: &str = "Kleiner-Feigling-4711";
const SU: &str = "Grosser-Feigling-4712";

#[test]
fn every_way_to_raised_rights_and_no_password_anywhere() {
    let Some(lab) = Lab::up(4, "lab-reboot=h2") else { return };
    let hosts = ["h1", "h2", "h3", "h4"];
    for host in hosts {
        lab.on(host, &format!("printf 'asks:{SUDO}\\nroot:{SU}\\n' | chpasswd"));
        // This sees the same as anyone who looks at the processes and their environment while it runs.
        lab.leave_on(
            host,
            "until [ -e /run/enough ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; sleep 0.05; done >/root/seen 2>/dev/null",
        );
    }
    let before = hosts.map(|host| (host, lab.packages(host), lab.boot_id(host)));
    let inventory = format!(
        "all:
  vars: {{ patchwave: {{ environment: test, risk: low, batch: 100% }} }}
  hosts:
    h1: {{ ansible_user: ops }}
    h2: {{ ansible_user: asks, ansible_become_password: {SUDO} }}
    h3: {{ ansible_user: doer, ansible_become_method: doas }}
    h4: {{ ansible_user: ops, ansible_become_method: su, ansible_become_password: {SU} }}
"
    );
    let playbook = "
name: As ordinary users
steps:
  - precheck: { packages: healthy, services: [ssh], disk_free: { /: 1MiB } }
  - upgrade: security
  - reboot: { when: required, stable: 1s, timeout: 60s }
  - { command: id -un, become: true, register: raised }
  - { command: id -un, become: false, register: plain }
  - copy: { content: 'by {{ raised.stdout | default(\"?\") }}', dest: /etc/marker, mode: '0600' }
    become: true
  - verify: { services: [ssh], packages: healthy, journal: no_new_errors }
";
    let jump = Patchwave::new(&lab, &inventory, playbook);
    let running = jump.start_run(&[]);
    let command_line = std::fs::read(format!("/proc/{}/cmdline", running.pid())).expect("it runs");
    let ended = running.wait().must(0);
    let events = ended.events();
    for ((host, packages, boot), login) in before.iter().zip(["ops", "asks", "doer", "ops"]) {
        lab.is_patched(host, packages, if *host == "h2" { &[("lab-reboot", "1.0+deb12u1")] } else { &[] });
        assert_eq!(lab.boot_id(host) != *boot, *host == "h2", "{host}: restarted");
        assert_eq!(events.result(host, 3)["summary"], "root", "{host}");
        assert_eq!(events.result(host, 4)["summary"], login, "{host}");
        assert_eq!(lab.on(host, "stat -c '%U %a' /etc/marker"), "root 600", "{host}");
    }
    let mut kept = jump.everything_kept() + &ended.out + &ended.err + &String::from_utf8_lossy(&command_line);
    kept += &jump.call(&["show", "--all"]).must(0).out;
    assert!(kept.contains("lab-sec") && SECURITY.len() > 3, "nothing was kept, so nothing could be found");
    for secret in [SUDO, SU] {
        assert!(!kept.contains(secret), "{secret} was kept on the jump box");
        for host in hosts {
            // Otherwise it would find the search itself.
            lab.on(host, "touch /run/enough");
            lab.until(host, "! pgrep -f '[/]run/enough'");
            let there = format!(
                "grep -a -r -l -e {secret} /root/seen /var/log /var/lib/patchwave /run/systemd/transient /tmp /home; journalctl -q --no-pager | grep -c -e {secret}; :"
            );
            assert_eq!(lab.on(host, &there), "0", "{host}: {secret}");
        }
    }
}

#[test]
fn wrong_and_missing_passwords_fail_before_anything_is_changed() {
    let Some(lab) = Lab::up(3, "") else { return };
    let inventory = "all:
  vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100%, escalate_timeout: 20s } }
  hosts:
    h1: { ansible_user: asks }
    h2: { ansible_user: asks, ansible_become_password: wrong-one }
    h3: { ansible_user: ops, ansible_become_method: su, ansible_become_password: wrong-one }
";
    let before = ["h1", "h2", "h3"].map(|host| (host, lab.packages(host)));
    let jump = Patchwave::new(&lab, inventory, "steps: [{upgrade: security}]");
    let ended = jump.run(&[]).must(6);
    for (host, packages) in before {
        let result = ended.events().result(host, 0).clone();
        assert_eq!(
            (&result["verdict"], &result["class"]),
            (&"failed".into(), &"escalation".into()),
            "{host}: {result}"
        );
        assert_eq!(result["changed"], false, "{host}");
        assert_eq!(lab.packages(host), packages, "{host}");
        assert!(result["took"]["secs"].as_u64().is_some_and(|secs| secs < 60), "{host}: {result}");
    }
}
