//! Services that use replaced files, on real hosts: found by what their processes have mapped, restarted by systemd,
//! sshd last and with a new login.

use crate::{fleet::Lab, patchwave::Patchwave};

const INVENTORY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100% } } }
";

const PLAYBOOK: &str = "
name: Replaced files
steps:
  - { upgrade: { scope: security }, when: inventory_hostname == 'h2' }
  - { upgrade: { scope: security, restart_services: needed }, when: inventory_hostname != 'h2' }
";

/// A copy in the place of a library that sshd and systemd use, as a package manager puts one.
const REPLACE: &str = "lib=$(readlink -f \"$(ldconfig -p | sed -n 's|.*libcrypto.so.3 .*=> ||p' | head -n 1)\") &&
    cp -p \"$lib\" \"$lib.new\" && mv \"$lib.new\" \"$lib\"";

/// Whether a process still uses the old library.
fn is_stale(lab: &Lab, host: &str, pid: &str) -> bool {
    lab.on(host, &format!("grep -c 'libcrypto.*(deleted)' /proc/{pid}/maps || true")).trim() != "0"
}

#[test]
fn services_with_replaced_files_are_restarted_and_sshd_takes_new_logins() {
    let Some(lab) = Lab::up_of(3, "", "trixie=h3") else { return };
    let hosts = ["h1", "h2", "h3"];
    let sshd = |host: &str| lab.on(host, "systemctl show -p MainPID --value ssh").trim().to_owned();
    let before = hosts.map(|host| {
        lab.on(host, REPLACE);
        let pid = sshd(host);
        assert!(is_stale(&lab, host, &pid) && is_stale(&lab, host, "1"), "{host} is not as the test needs it");
        (host, pid)
    });

    let events = Patchwave::new(&lab, INVENTORY, PLAYBOOK).run(&[]).must(0).events();

    for (host, was) in before {
        let (now, reported) = (sshd(host), host == "h2");
        let result = events.result(host, usize::from(!reported));
        assert_eq!(now == was, reported, "{host}: {result}");
        assert_eq!((is_stale(&lab, host, &now), is_stale(&lab, host, "1")), (reported, reported), "{host}: {result}");
        let list = if reported { &result["left_behind"]["services"] } else { &result["restarted"] };
        let names: Vec<&str> = list.as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
        assert!(names.contains(&"ssh"), "{host}: {result}");
        assert!(names.iter().any(|name| name.starts_with("systemd")), "{host}: {result}");
        assert_eq!(lab.on(host, "systemctl is-active ssh").trim(), "active");
    }
}
