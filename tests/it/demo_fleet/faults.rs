//! Each fault does what its description says, and ends when it is healed.

use std::time::{Duration, Instant};

use patchwave::demo::{Fault, Fleet, FleetSpec};

use super::client::{Client, once};

const HOST: &str = "web001.test";

fn broken(fault: Fault) -> Fleet {
    Fleet::start(FleetSpec::quick(1).broken(HOST, fault)).unwrap()
}

async fn failure(fleet: &Fleet) -> Option<String> {
    Client::connect(fleet, fleet.host(HOST).unwrap()).await.err()
}

#[tokio::test]
async fn faults_of_the_connection() {
    for (fault, expected) in [
        (Fault::Refuses, "refused"),
        (Fault::Silent, "no answer"),
        (Fault::Freezes, "no answer"),
        (Fault::DropsDuringAuth, "closed"),
    ] {
        let fleet = broken(fault.clone());
        let got = failure(&fleet).await.unwrap_or_else(|| panic!("{fault:?}: the login worked"));
        assert!(got.contains(expected), "{fault:?}: {got}");
        fleet.host(HOST).unwrap().heal().unwrap();
        assert_eq!(failure(&fleet).await, None, "{fault:?} is healed");
        // The same fault on a host that was healthy before.
        fleet.host(HOST).unwrap().break_with(fault.clone()).unwrap();
        assert!(failure(&fleet).await.is_some(), "{fault:?} later");
    }
}

#[tokio::test]
async fn a_refusing_host_keeps_open_connections() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let host = fleet.host(HOST).unwrap();
    let client = Client::connect(&fleet, host).await.unwrap();
    host.break_with(Fault::Refuses).unwrap();
    assert_eq!(client.exec("true", b"").await.unwrap().code, Some(0));
}

#[tokio::test]
async fn a_connection_drops_under_a_command_which_goes_on() {
    let fleet = broken(Fault::DropsDuringCommand { containing: "marker".into(), times: 1 });
    let host = fleet.host(HOST).unwrap();
    let client = Client::connect(&fleet, host).await.unwrap();
    assert_eq!(client.exec("true", b"").await.unwrap().code, Some(0), "another command");
    let lost = client.exec("sleep 0.2; : marker >$PATCHWAVE_ROOT/marker", b"").await;
    assert!(lost.as_ref().is_ok_and(|a| a.code.is_none()) || lost.is_err(), "{lost:?}");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !host.folder().join("marker").exists() {
        assert!(Instant::now() < deadline, "the command did not go on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(once(&fleet, host, ": marker").await.unwrap().code, Some(0), "only once");
}

#[tokio::test]
async fn a_frozen_connection_says_nothing() {
    let fleet = Fleet::start(FleetSpec::quick(1)).unwrap();
    let host = fleet.host(HOST).unwrap();
    let client = Client::connect(&fleet, host).await.unwrap();
    host.break_with(Fault::Freezes).unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(500), client.exec("true", b"")).await;
    assert!(waiting.is_err(), "{waiting:?}");
}

#[tokio::test]
async fn faults_of_a_reboot() {
    let fleet = broken(Fault::NeverComesBack);
    let host = fleet.host(HOST).unwrap();
    once(&fleet, host, "reboot").await.unwrap();
    until(|| !host.is_on()).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(failure(&fleet).await.is_some_and(|why| why.contains("refused")));
    host.heal().unwrap();
    assert_eq!(failure(&fleet).await, None);

    host.break_with(Fault::SameBootId).unwrap();
    let (id, boots) = (host.boot_id(), host.boots());
    once(&fleet, host, "reboot").await.unwrap();
    until(|| host.boots() > boots).await;
    assert_eq!(host.boot_id(), id);
    host.heal().unwrap();

    let key = Client::connect(&fleet, host).await.unwrap().host_key;
    host.break_with(Fault::NewHostKey).unwrap();
    assert_eq!(Client::connect(&fleet, host).await.unwrap().host_key, key, "not before the reboot");
    let boots = host.boots();
    once(&fleet, host, "systemctl reboot").await.unwrap();
    until(|| host.boots() > boots).await;
    assert_ne!(Client::connect(&fleet, host).await.unwrap().host_key, key);
    host.heal().unwrap();
    assert_eq!(Client::connect(&fleet, host).await.unwrap().host_key, key, "healed");
}

async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
