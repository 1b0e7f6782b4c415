//! Hosts with apk: exact versions without pins that stay, scripts that fail, a transaction that is killed, a kernel,
//! the way back and a hold. `apk.sh` has the packages. apk is not in Debian's archive: without it on this machine
//! (linked statically, as `apk.static` is), these tests do not run.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use patchwave::pkg::{Accepts, Exact, PackageManager, RebootReason, Stays, Transaction, apk::Apk};

use crate::{
    fleet::Lab,
    on_host::{ask, changed, go, packages},
    patchwave::Patchwave,
};

const MANY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100% } } }
";
const LIST: &str = "apk info -v 2>/dev/null | sort";

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).flat_map(|folder| [folder.join("apk.static"), folder.join("apk")]);
    places.find(|file| file.is_file())
}

/// Hosts `h1` to `hN` with apk and the packages of `apk.sh`.
fn lab(hosts: usize) -> Option<Lab> {
    let Some(apk) = program() else {
        eprintln!("NOT RUN: {}: this machine has no apk", std::thread::current().name().unwrap_or("a test with apk"));
        return None;
    };
    let lab = Lab::up(hosts, "")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/apk.sh");
    let folder = lab.folder().join("apk");
    let path = format!("{}:{}", lab.folder().join("bin").display(), std::env::var("PATH").unwrap_or_default());
    std::fs::create_dir(lab.folder().join("bin")).expect("a folder");
    std::fs::copy(&apk, lab.folder().join("bin/apk")).expect("a copy");
    let made = Command::new(&script).arg("make").arg(&folder).env("PATH", path).status().expect("bash");
    assert!(made.success(), "{}", script.display());
    let packed = Command::new("tar").arg("-C").arg(&folder).args(["-cf", "-", "."]).output().expect("tar").stdout;
    for host in 1..=hosts {
        let host = format!("h{host}");
        lab.put(&host, "/usr/sbin/apk", &std::fs::read(&apk).expect("a program"));
        lab.put(&host, "/root/apk.sh", &std::fs::read(&script).expect("a script"));
        lab.put(&host, "/root/apk.tar", &packed);
        lab.on(
            &host,
            // A container runs its host's kernel, whatever is installed; these play machines of their own.
            "chmod 755 /usr/sbin/apk; mkdir -p /srv/apk; tar -C /srv/apk -xf /root/apk.tar; \
             bash /root/apk.sh host /srv/apk; rm /run/systemd/container",
        );
    }
    Some(lab)
}

#[test]
fn exact_versions_are_installed_and_no_pin_stays() {
    let Some(lab) = lab(5) else { return };
    let hosts = ["h1", "h2", "h3", "h4", "h5"];
    for host in ["h1", "h2"] {
        lab.on(host, "touch /etc/lab-fail-fixed");
    }
    lab.on("h4", "echo /srv/gone >>/etc/apk/repositories");
    let before = hosts.map(|host| packages(&lab, host, LIST));
    let world = lab.on("h1", "cat /etc/apk/world");
    let jump = Patchwave::new(
        &lab,
        MANY,
        "
steps:
  - precheck: { packages: healthy }
  - upgrade: all
    when: inventory_hostname in ['h1', 'h4']
  - { upgrade: { scope: packages, packages: [lab-plain, lab-dep] }, when: inventory_hostname == 'h2' }
  - { upgrade: { scope: packages, packages: [lab-fail] }, when: inventory_hostname == 'h3' }
  - { upgrade: security, when: inventory_hostname == 'h5' }
  - reboot: { when: required, stable: 1s, timeout: 90s }
  - { verify: { kernel: newest, packages: healthy } }
",
    );
    let ended = jump.run(&[]).must(6);
    let events = ended.events();
    let after = hosts.map(|host| packages(&lab, host, LIST));
    let change = |n: usize| changed(&before[n], &after[n]);
    let outcomes = hosts.map(|host| events.outcome(host).to_owned());
    assert_eq!(outcomes, ["ok", "ok", "failed", "failed", "failed"], "{}", ended.err);

    let all: Vec<String> = change(0).into_iter().filter(|one| one.starts_with('+')).collect();
    let expected = [
        "+lab-conf-1.1-r0",
        "+lab-dep-2.0-r0",
        "+lab-fail-1.1-r0",
        "+lab-lib-2.0-r0",
        "+lab-new-1.0-r0",
        "+lab-plain-2.0-r0",
        "+lab-slow-1.1-r0",
        "+linux-lts-6.6.2-r0",
    ];
    assert_eq!(all, expected);
    let result = events.result("h1", 1).to_string();
    for says in ["held: lab-held", "/etc/lab-apk.conf.apk-new"] {
        assert!(result.contains(says), "{says}: {result}");
    }
    assert_eq!(lab.on("h1", "cat /etc/lab-apk.conf; uname -r"), "setting = edited here\n6.6.2-0-lts");
    for host in ["h1", "h2"] {
        assert_eq!(lab.on(host, "cat /etc/apk/world; ls /var/lib/patchwave/apk 2>/dev/null || :"), world, "{host}");
        assert_eq!(ask(&lab, host, &Apk.reboot_reasons()), [], "{host}");
    }
    let named: Vec<String> = change(1).into_iter().filter(|one| one.starts_with('+')).collect();
    assert_eq!(named, ["+lab-dep-2.0-r0", "+lab-new-1.0-r0", "+lab-plain-2.0-r0"]);

    let failed = events.result("h3", 3);
    assert_eq!(
        (failed["class"].as_str(), failed["changed"].as_bool()),
        (Some("package-failed"), Some(true)),
        "{failed}"
    );
    assert!(failed.to_string().contains("lab-fail: its post-upgrade script failed"), "{failed}");
    assert_eq!(ask(&lab, "h3", &Apk.health()).broken.len(), 1);
    for (host, step, class) in [("h4", 1, "refresh"), ("h5", 4, "no-security-source")] {
        let refused = events.result(host, step);
        assert_eq!((refused["class"].as_str(), refused["changed"].as_bool()), (Some(class), Some(false)), "{refused}");
    }
    assert_eq!((change(3), change(4)), (vec![], vec![]));
}

/// On h1 the transaction of a run is killed in a script; on h2 a script has failed before.
#[test]
fn a_transaction_that_is_killed_is_found_and_finished() {
    let Some(lab) = lab(2) else { return };
    let hosts = ["h1", "h2"];
    let world = lab.on("h1", "cat /etc/apk/world");
    let playbook = "
steps:
  - upgrade: { scope: packages, packages: [lab-plain, lab-slow], repair: REPAIR }
  - verify: { packages: healthy }
";
    let jump = |name: &str, repair: &str| Patchwave::named(&lab, name, MANY, &playbook.replace("REPAIR", repair));
    lab.on("h1", "touch /etc/lab-hold");
    let running = jump("first", "false").start_run(&["--limit", "h1"]);
    lab.until("h1", "grep -q 'begin lab-slow' /var/log/lab-slow");
    let holders = ask(&lab, "h1", &Apk.lock_holders());
    assert!(holders.len() == 1 && holders[0].program == "apk", "{holders:?}");
    assert!(ask(&lab, "h1", &Apk.health()).is_good(), "it is at work, not cut off");
    // The script goes on without apk until the file is gone.
    lab.on("h1", "pkill -9 -x apk; rm /etc/lab-hold");
    let killed = running.wait().must(0).events().result("h1", 0).clone();
    assert!(killed.to_string().contains("the transaction was killed; the repair completed it"), "{killed}");
    assert!(packages(&lab, "h1", LIST).contains("lab-slow-1.1-r0"), "{killed}");
    assert!(ask(&lab, "h1", &Apk.health()).is_good(), "{killed}");

    lab.on("h2", "apk add -u lab-fail || :");
    let broken = jump("second", "false").run(&["--limit", "h2"]).must(6).events().result("h2", 0).clone();
    assert_eq!(broken["class"], "broken-packages", "{broken}");
    lab.on("h2", "touch /etc/lab-fail-fixed");
    jump("third", "true").run(&[]).must(0);
    for host in hosts {
        let list = packages(&lab, host, LIST);
        assert!(list.contains("lab-plain-2.0-r0") && list.contains("lab-slow-1.1-r0"), "{host}: {list:?}");
        assert!(ask(&lab, host, &Apk.health()).is_good(), "{host}");
        assert_eq!(ask(&lab, host, &Apk.lock_holders()), []);
        assert_eq!(lab.on(host, "cat /etc/apk/world; ls /var/lib/patchwave/apk 2>/dev/null || :"), world, "{host}");
    }
}

#[test]
fn the_set_from_before_comes_back_and_is_held() {
    let Some(lab) = lab(1) else { return };
    let host = "h1";
    lab.on(host, "touch /etc/lab-fail-fixed");
    let set = |host: &str| lab.on(host, &format!("cat /etc/apk/world; {LIST}"));
    let before = set(host);
    let pending = ask(&lab, host, &Apk.pending(Accepts::default()));
    let stays = |name: &str| pending.updates.iter().find(|update| update.name == name).and_then(|update| update.stays);
    assert!(!pending.knows_security && pending.refused.is_empty(), "{pending:?}");
    assert_eq!((stays("lab-held"), stays("lab-plain")), (Some(Stays::KeptBack), None));
    assert!(
        pending.updates.iter().all(|update| update.from.is_none() || update.offers_from == Some(false)),
        "{pending:?}"
    );

    // The source has the newest versions only, and nothing else has the old ones.
    let required = "steps:\n  - upgrade: { scope: all, rollback: required }\n";
    let strict = Patchwave::named(&lab, "strict", MANY, required);
    let refused = strict.run(&[]).must(6).events().result(host, 0).clone();
    assert_eq!(refused["class"], "no-way-back", "{refused}");
    assert_eq!(set(host), before);

    lab.on(host, "mkdir -p /var/cache/patchwave-apk; cp /srv/apk/old/*/*.apk /var/cache/patchwave-apk/");
    let jump = Patchwave::new(&lab, MANY, required);
    let run = jump.run(&[]).must(0).run_id();
    assert_ne!(set(host), before);
    let kernel = RebootReason::Kernel { running: "6.6.1-0-lts".into(), newest: "6.6.2-0-lts".into() };
    assert!(ask(&lab, host, &Apk.reboot_reasons()).contains(&kernel));
    lab.on(host, "rm -r /var/cache/patchwave-apk");
    let events = jump.call(&["rollback", &run, "--yes", "--json", "--reason", "breaks the shop"]).must(4).events();
    assert_eq!(events.outcome(host), "rolled_back", "{}", events.result(host, 0));
    let held =
        |text: &str| text.lines().filter(|line| !line.contains(".patchwave-hold-")).collect::<Vec<_>>().join("\n");
    assert_eq!(held(&set(host)), before);

    // The next upgrade leaves alone what is held, until its time is over.
    let play =
        Patchwave::named(&lab, "next", MANY, "steps:\n  - upgrade: { scope: packages, packages: [lab-plain] }\n");
    let detail = play.run(&[]).must(0).events().result(host, 0)["detail"].to_string();
    assert!(detail.contains("lab-plain is held until") && detail.contains("breaks the shop"), "{detail}");
    assert_eq!(held(&set(host)), before);
    lab.on(host, "sed -i 's/^[0-9]*/1000/' /var/lib/patchwave/holds");
    play.run(&[]).must(0);
    assert!(packages(&lab, host, LIST).contains("lab-plain-2.0-r0"));
    assert!(!set(host).contains(".patchwave-hold-lab-plain"), "{}", set(host));
    // A version that nothing has cannot come back.
    let gone = Transaction {
        downgrade: vec![Exact { name: "lab-plain".into(), version: "0.9-r0".into() }],
        ..Transaction::default()
    };
    assert!(!ask(&lab, host, &Apk.simulate(&gone).expect("apk can try")).refused.is_empty());
    let none: BTreeSet<String> = ["lab-plain".to_owned()].into();
    assert!(go(&lab, host, &Apk.hold(&none, false).expect("apk can")).success(), "what is not held is released");
}
