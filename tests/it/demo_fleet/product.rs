//! The product's own transport, questions and readers with the simulated programs: the readers understand everything
//! that these print, and the programs know every question.

use std::{sync::Arc, time::Duration};

use patchwave::{
    demo::{Fault, Fleet, FleetSpec},
    facts::host_facts,
    inventory::Inventory,
    pkg::{self, Accepts, Class, Exact, Package, PackageManager, RebootReason, Refresh, Transaction, apt::Apt},
    transport::{
        Link, NoSink,
        ssh::{SshOptions, SshTransport},
    },
};

const HOST: &str = "web001.test";

fn start(faults: &[Fault]) -> Fleet {
    Fleet::start(faults.iter().fold(FleetSpec::quick(1), |spec, fault| spec.broken(HOST, fault.clone()))).unwrap()
}

/// A link as the engine makes one, from only the fleet's inventory.
fn link(fleet: &Fleet) -> Link {
    let inventory = Inventory::from_text("fleet.yml", &fleet.inventory()).unwrap();
    let target = inventory.target(&HOST.parse().unwrap()).unwrap();
    let options = SshOptions::for_user("nobody", None, None);
    Link::new(Arc::new(SshTransport::new(options).unwrap()), Arc::new(target))
}

fn exact(name: &str, version: &str) -> Exact {
    Exact { name: name.into(), version: version.into() }
}

#[tokio::test]
async fn every_question_is_answered_and_an_upgrade_changes_the_answers() {
    let fleet = start(&[]);
    let mut link = link(&fleet);
    let facts = link.ask(&host_facts(&pkg::programs()), &mut NoSink).await.unwrap();
    assert_eq!(pkg::detect(&facts).unwrap().name(), "apt");
    assert_eq!((facts.uid, facts.boot_id), (Some(0), Some(fleet.host(HOST).unwrap().boot_id())));
    assert_eq!(link.ask(&Apt.refresh(), &mut NoSink).await.unwrap(), Refresh::Fresh);
    assert_eq!(link.ask(&Apt.lock_holders(), &mut NoSink).await.unwrap(), []);
    assert!(link.ask(&Apt.health(), &mut NoSink).await.unwrap().is_good());
    assert_eq!(link.ask(&Apt.reboot_reasons(), &mut NoSink).await.unwrap(), []);

    let pending = link.ask(&Apt.pending(Accepts::default()), &mut NoSink).await.unwrap();
    assert!(pending.knows_security && pending.refused.is_empty() && pending.removals.is_empty(), "{pending:?}");
    let update = |name: &str| pending.updates.iter().find(|update| update.name == name).unwrap();
    // The security fix below a newer ordinary version is seen.
    assert_eq!(update("curl").security.fix().map(String::as_str), Some("7.88.1-10+deb12u14"));
    assert_eq!(
        (update("curl").to.as_str(), update("tzdata").security.fix().map(String::as_str)),
        ("7.88.1-10+deb12u15", None)
    );
    let kernel = update("linux-image-6.1.0-41-amd64");
    assert_eq!((kernel.from.as_deref(), kernel.kernel, kernel.stays), (None, true, None));

    let set = [exact("openssl", "3.0.17-1~deb12u3"), exact("linux-image-amd64", "6.1.158-1")];
    let simulation = link.ask(&Apt.simulate(&Transaction::upgrade(&set)).unwrap(), &mut NoSink).await.unwrap();
    let mut names: Vec<_> = simulation.installs.iter().map(|(exact, _)| exact.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["libssl3", "linux-image-6.1.0-41-amd64", "linux-image-amd64", "openssl"]);
    let done = link.exec(&Apt.transact(&Transaction::upgrade(&set)).unwrap(), &mut NoSink).await.unwrap();
    assert!(done.success(), "{}", done.last_lines(5));

    let state = link.ask(&Apt.state(), &mut NoSink).await.unwrap();
    assert_eq!(state.of("libssl3")[0].version, "3.0.17-1~deb12u3");
    assert!(state.is_auto("libssl3") && !state.is_auto("openssl") && state.health().is_good());
    let kernels = link.ask(&Apt.kernels(), &mut NoSink).await.unwrap();
    assert_eq!((kernels.running.as_str(), kernels.newest.as_deref()), ("6.1.0-40-amd64", Some("6.1.0-41-amd64")));
    let reasons = link.ask(&Apt.reboot_reasons(), &mut NoSink).await.unwrap();
    assert!(reasons.iter().any(|reason| matches!(reason, RebootReason::Flag { .. })), "{reasons:?}");
    assert!(reasons.iter().any(|reason| matches!(reason, RebootReason::Kernel { .. })), "{reasons:?}");
    let old = [Package::named("linux-image-6.1.0-40-amd64")];
    let removal = Transaction::removal(&old);
    let purge = link.ask(&Apt.simulate(&removal).unwrap(), &mut NoSink).await.unwrap();
    assert_eq!(purge.removals, old);
    assert!(link.exec(&Apt.transact(&removal).unwrap(), &mut NoSink).await.unwrap().success());
    assert!(link.exec(&Apt.clean_cache(), &mut NoSink).await.unwrap().success());
    assert_eq!(fleet.host(HOST).unwrap().unknown_commands(), "");
}

#[tokio::test]
async fn troubles_are_told_apart() {
    let set = [exact("openssl", "3.0.17-1~deb12u3")];
    for (fault, class, package) in [
        (Fault::PostinstFails { package: "openssl".into() }, Class::Failed, Some("openssl")),
        (Fault::LockHeld, Class::Lock, None),
        (Fault::DiskFull, Class::Disk, None),
    ] {
        let fleet = start(std::slice::from_ref(&fault));
        let mut link = link(&fleet);
        let output = link.exec(&Apt.transact(&Transaction::upgrade(&set)).unwrap(), &mut NoSink).await.unwrap();
        let both = format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr));
        let trouble = Apt.explain(&both).unwrap_or_else(|| panic!("{fault:?} is not explained:\n{both}"));
        assert_eq!((trouble.class, trouble.package.as_deref()), (class, package), "{fault:?}: {trouble:?}");
        let holders = link.ask(&Apt.lock_holders(), &mut NoSink).await.unwrap();
        let told: Vec<_> = holders.iter().map(ToString::to_string).collect();
        let expected: &[&str] = if fault == Fault::LockHeld { &["unattended-upgrade (pid 4242)"] } else { &[] };
        assert_eq!(told, expected, "{fault:?}");
        let good = link.ask(&Apt.health(), &mut NoSink).await.unwrap().is_good();
        assert_eq!(good, class != Class::Failed, "{fault:?}");
        fleet.host(HOST).unwrap().heal().unwrap();
        assert!(link.ask(&Apt.health(), &mut NoSink).await.unwrap().is_good(), "{fault:?} healed");
        for repair in Apt.repair(Duration::ZERO) {
            let output = link.exec(&repair.command, &mut NoSink).await.unwrap();
            assert!(output.success(), "{}: {}", repair.name, output.last_lines(5));
        }
        assert_eq!(fleet.host(HOST).unwrap().unknown_commands(), "");
    }
}
