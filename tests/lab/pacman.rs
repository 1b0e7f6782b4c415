//! Hosts with pacman: full upgrades and nothing else, scripts that fail in a transaction that succeeds, a transaction
//! that is killed, a kernel, and the way back. `pacman.sh` has the hosts and their packages.

use patchwave::pkg::{Accepts, Exact, Package, PackageManager, RebootReason, Stays, Transaction, pacman::Pacman};

use crate::{
    fleet::Lab,
    on_host::{ask, changed, go, packages},
    patchwave::Patchwave,
};

const MANY: &str = "
all: { vars: { patchwave: { environment: test, risk: low, batch: 100%, max_failures: 100% } } }
";
const LIST: &str = "pacman -Q";

#[test]
fn only_everything_is_upgraded_and_the_kernel_is_booted() {
    let Some(lab) = Lab::up_of(6, "", "arch=h1,h2,h3,h4,h5,h6") else { return };
    let hosts = ["h1", "h2", "h3", "h4", "h5", "h6"];
    for host in ["h1", "h3", "h4", "h6"] {
        lab.on(host, "touch /etc/lab-fail-fixed");
    }
    for host in hosts {
        // A container runs its host's kernel, whatever is installed; these play machines of their own.
        lab.on(host, "rm /run/systemd/container");
    }
    // A source that is gone, and one whose package replaces another.
    lab.on("h5", "printf '[dead]\\nServer = file:///srv/gone\\n' >>/etc/pacman.conf");
    lab.on("h6", "sed -i 's|^.core.|[replace]\\nServer = file:///srv/repo/replace\\n[core]|' /etc/pacman.conf");
    let before = hosts.map(|host| packages(&lab, host, LIST));
    let jump = Patchwave::new(
        &lab,
        MANY,
        "
steps:
  - precheck: { packages: healthy }
  - upgrade: all
    when: inventory_hostname in ['h1', 'h2', 'h5', 'h6']
  - { upgrade: security, when: inventory_hostname == 'h3' }
  - { upgrade: { scope: all, exclude: [lab-plain] }, when: inventory_hostname == 'h4' }
  - reboot: { when: required, stable: 1s, timeout: 90s }
  - { verify: { kernel: newest, packages: healthy } }
",
    );
    let ended = jump.run(&[]).must(6);
    let events = ended.events();
    let after = hosts.map(|host| packages(&lab, host, LIST));
    let change = |n: usize| changed(&before[n], &after[n]);
    let outcomes = hosts.map(|host| events.outcome(host).to_owned());
    assert_eq!(outcomes, ["ok", "failed", "failed", "failed", "failed", "failed"], "{}", ended.err);

    let all: Vec<String> = change(0).into_iter().filter(|one| one.starts_with('+')).collect();
    let expected = [
        "+lab-conf 1.1-1",
        "+lab-dep 2.0-1",
        "+lab-epoch 1:1.1-1",
        "+lab-fail 1.1-1",
        "+lab-new 1.0-1",
        "+lab-plain 2.0-1",
        "+lab-slow 1.1-1",
        "+linux 6.6.2.arch1-1",
    ];
    assert_eq!(all, expected);
    let result = events.result("h1", 1).to_string();
    for says in ["held: lab-held", "/etc/lab-pac.conf.pacnew"] {
        assert!(result.contains(says), "{says}: {result}");
    }
    assert_eq!(lab.on("h1", "cat /etc/lab-pac.conf; uname -r"), "setting = edited here\n6.6.2-arch1-1");
    assert_eq!(ask(&lab, "h1", &Pacman.reboot_reasons()), []);

    // Its exit code was 0.
    let failed = events.result("h2", 1);
    assert_eq!(
        (failed["class"].as_str(), failed["changed"].as_bool()),
        (Some("package-failed"), Some(true)),
        "{failed}"
    );
    assert!(
        failed["summary"].as_str().is_some_and(|text| text.contains("lab-fail: its install script failed")),
        "{failed}"
    );
    let kernel = RebootReason::Kernel { running: "6.6.1-arch1-1".into(), newest: "6.6.2-arch1-1".into() };
    assert_eq!(ask(&lab, "h2", &Pacman.reboot_reasons()), [kernel]);

    for (host, step) in [("h3", 2), ("h4", 3)] {
        let refused = events.result(host, step);
        assert_eq!(refused["class"], "cannot-do", "{refused}");
        assert!(refused["summary"].as_str().is_some_and(|text| text.contains("full upgrades only")), "{refused}");
    }
    let dead = events.result("h5", 1);
    assert_eq!(dead["class"], "refresh", "{dead}");
    let removes = events.result("h6", 1);
    assert_eq!((removes["class"].as_str(), removes["changed"].as_bool()), (Some("removals"), Some(false)), "{removes}");
    assert!(removes.to_string().contains("lab-plain"), "{removes}");
    for (n, host) in hosts.iter().enumerate().skip(2) {
        assert_eq!(change(n), [""; 0], "{host}");
    }
    // Looking has not touched pacman's own lists: the next `pacman -S NAME` is not a partial upgrade.
    assert_eq!(lab.on("h6", "ls /var/lib/pacman"), "local");
}

/// On h1 the transaction of a run is killed in a script, on h2 that of somebody else while it unpacks.
#[test]
fn a_transaction_that_is_killed_is_found_and_finished() {
    let Some(lab) = Lab::up_of(2, "", "arch=h1,h2") else { return };
    let hosts = ["h1", "h2"];
    let playbook = "
steps:
  - upgrade: { scope: all, repair: REPAIR }
  - verify: { packages: healthy }
";
    let jump = |name: &str, repair: &str| Patchwave::named(&lab, name, MANY, &playbook.replace("REPAIR", repair));
    for host in hosts {
        lab.on(host, "touch /etc/lab-fail-fixed");
    }
    lab.on("h1", "touch /etc/lab-hold");
    let running = jump("first", "false").start_run(&["--limit", "h1"]);
    lab.until("h1", "grep -q 'begin lab-slow' /var/log/lab-slow");
    let holders = ask(&lab, "h1", &Pacman.lock_holders());
    assert!(holders.len() == 1 && holders[0].program == "pacman", "{holders:?}");
    lab.on("h1", "pkill -9 -x pacman; rm /etc/lab-hold");
    let ended = running.wait().must(6);
    let killed = ended.events().result("h1", 0).clone();
    assert_eq!(killed["class"], "interrupted", "{killed}");
    assert!(killed.to_string().contains("a repair was attempted once"), "{killed}");
    assert!(ask(&lab, "h1", &Pacman.health()).is_good(), "{killed}");
    assert_eq!(lab.on("h1", "grep -c end /var/log/lab-slow"), "2", "the script ran again");

    // What pacman leaves when it is killed while it unpacks: an entry with nothing in it, and its lock.
    lab.on("h2", "cp /srv/repo/core/lab-plain-2.0-1-any.pkg.tar.zst /var/cache/pacman/pkg/");
    lab.on("h2", "pacman -U --noconfirm /var/cache/pacman/pkg/lab-plain-2.0-1-any.pkg.tar.zst");
    lab.on("h2", "cd /var/lib/pacman; rm local/lab-plain-2.0-1/desc local/lab-plain-2.0-1/files; : >db.lck");
    let broken = jump("second", "false").run(&["--limit", "h2"]).must(6).events().result("h2", 0).clone();
    assert_eq!(broken["class"], "broken-packages", "{broken}");
    let said = broken.to_string();
    for says in ["lab-plain is half-installed", "an earlier transaction was interrupted"] {
        assert!(said.contains(says), "{broken}");
    }
    jump("third", "true").run(&[]).must(0);
    for host in hosts {
        let list = packages(&lab, host, LIST);
        assert!(list.contains("lab-plain 2.0-1") && list.contains("lab-slow 1.1-1"), "{host}: {list:?}");
        assert_eq!(lab.on(host, "pacman -Dk >/dev/null && pacman -Qk lab-plain | grep -c ' 0 missing'"), "1", "{host}");
        assert!(ask(&lab, host, &Pacman.health()).is_good(), "{host}");
        assert_eq!(ask(&lab, host, &Pacman.lock_holders()), []);
    }
}

#[test]
fn what_was_upgraded_is_rolled_back_without_a_hold() {
    let Some(lab) = Lab::up_of(1, "", "arch=h1") else { return };
    let host = "h1";
    lab.on(host, "touch /etc/lab-fail-fixed");
    let before = packages(&lab, host, LIST);
    let play = "steps:\n  - upgrade: { scope: all, allow_removals: true, rollback: required }\n";
    let jump = Patchwave::new(&lab, MANY, play);
    let run = jump.run(&[]).must(0).run_id();
    assert_ne!(packages(&lab, host, LIST), before);
    let refused = jump.call(&["rollback", &run, "--yes", "--json", "--hold", "7d"]).must(6).events();
    assert_eq!(refused.result(host, 0)["class"], "cannot-do", "{}", refused.result(host, 0));
    let events = jump.call(&["rollback", &run, "--yes", "--json"]).must(4).events();
    let result = events.result(host, 0);
    assert_eq!(events.outcome(host), "rolled_back", "{result}");
    assert!(result["summary"].to_string().contains("not held (pacman cannot hold packages"), "{result}");
    assert_eq!(packages(&lab, host, LIST), before);
}

#[test]
fn the_set_from_before_comes_back_name_by_name() {
    let Some(lab) = Lab::up_of(1, "", "arch=h1") else { return };
    let host = "h1";
    lab.on(host, "touch /etc/lab-fail-fixed");
    ask(&lab, host, &Pacman.refresh());
    let before = ask(&lab, host, &Pacman.state()).versions();
    let listed = packages(&lab, host, LIST);
    let pending = ask(&lab, host, &Pacman.pending(Accepts::default()));
    let stays = |name: &str| pending.updates.iter().find(|update| update.name == name).and_then(|update| update.stays);
    assert!(!pending.knows_security && pending.refused.is_empty(), "{pending:?}");
    assert_eq!((stays("lab-held"), stays("lab-plain")), (Some(Stays::KeptBack), None));
    let take: Vec<Exact> = pending
        .updates
        .iter()
        .filter(|update| update.stays.is_none() && update.from.is_some())
        .map(|update| Exact { name: update.name.clone(), version: update.to.clone() })
        .collect();
    // A part of it, or another version, is not done at all.
    for wrong in [&take[1..], &[Exact { version: "9-1".into(), ..take[0].clone() }]] {
        let refused = go(&lab, host, &Pacman.transact(&Transaction::upgrade(wrong)).expect("it is not empty"));
        assert!(!refused.success(), "{}", refused.text());
        assert_eq!(packages(&lab, host, LIST), listed);
    }
    let up = go(&lab, host, &Pacman.transact(&Transaction::upgrade(&take)).expect("pacman can"));
    assert!(up.success(), "{}", up.text());

    let after = ask(&lab, host, &Pacman.state()).versions();
    let mut back = Transaction { allow_removals: true, ..Transaction::default() };
    for (name, versions) in &after {
        let new = versions.0.first().expect("a version");
        match before.get(name).and_then(|old| old.0.first()) {
            Some(old) if old != new => back.downgrade.push(Exact { name: name.clone(), version: old.clone() }),
            Some(_) => {}
            None => back.remove.push(Package::named(name)),
        }
    }
    assert_eq!(back.remove, [Package::named("lab-new")]);
    let would = ask(&lab, host, &Pacman.simulate(&back).expect("pacman can"));
    assert_eq!((would.installs.len(), &would.removals), (take.len(), &back.remove), "{would:?}");
    let done = go(&lab, host, &Pacman.transact(&back).expect("pacman can"));
    assert!(done.success(), "{}", done.text());
    assert_eq!(packages(&lab, host, LIST), listed);
    assert!(ask(&lab, host, &Pacman.health()).is_good());
    // What is not in the cache any more cannot come back.
    let gone = Transaction { downgrade: vec![Exact { name: "lab-plain".into(), version: "0.9-1".into() }], ..back };
    assert!(!ask(&lab, host, &Pacman.simulate(&gone).expect("pacman can try")).refused.is_empty());
}
