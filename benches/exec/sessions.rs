//! Open sessions: how much memory each one needs while it is idle.

use std::{path::PathBuf, sync::Arc};

use futures::{StreamExt as _, stream};
use patchwave::{
    host::HostName,
    target::Target,
    transport::{
        Session, Transport,
        ssh::{SshOptions, SshTransport},
    },
};

use super::{
    door::Door,
    meter::{Table, apart, resident_kib, tell},
    targets::Targets,
};

/// The most memory for one open session, in KiB.
const EACH: f64 = 96.0;
/// The most memory of a program with all of them open, in MiB.
const ALL: f64 = 512.0;

/// Opens a few sessions, then as many as there are hosts.
pub fn table(door: &Door, targets: &mut Targets) {
    let most = door.hosts();
    let words = |hosts: usize| {
        let ports: Vec<String> = door.addresses.iter().take(hosts).map(|(_, port)| port.to_string()).collect();
        let (key, known) = (door.key.display().to_string(), door.known_hosts.display().to_string());
        apart(&["sessions", &door.user, &key, &known, &ports.join(",")])
    };
    let few = most / 10;
    let (small, large) = (words(few), words(most));
    let each = (large["open"] - small["open"]) / (most - few) as f64;
    let mut table = Table::new(&["sessions", "resident MiB", "KiB per session"]);
    table.row([few.to_string(), format!("{:.0}", small["open"] / 1024.0)]);
    table.row([most.to_string(), format!("{:.0}", large["open"] / 1024.0), format!("{each:.0}")]);
    table.print("open idle sessions");
    targets.at_most("KiB per open idle session", each, EACH);
    targets.at_most(&format!("MiB with {most} sessions open"), large["open"] / 1024.0, ALL);
}

/// Opens a session on each port and reports how much memory is in use.
pub fn part(words: &[String]) {
    let [_, user, key, known_hosts, ports] = words else { panic!("not these words: {words:?}") };
    let options = SshOptions {
        known_hosts: vec![PathBuf::from(known_hosts)],
        identities: vec![PathBuf::from(key)],
        ..SshOptions::for_user(user, None, None)
    };
    let transport = Arc::new(SshTransport::new(options).expect("a transport"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime");
    let sessions: Vec<Box<dyn Session>> = runtime.block_on(async {
        let opened = stream::iter(ports.split(',').enumerate()).map(|(n, port)| {
            let mut target = Target::plain(HostName::new(&format!("h{n}")).expect("a name"), "127.0.0.1");
            target.port = Some(port.parse().expect("a port"));
            let transport = Arc::clone(&transport);
            async move { transport.connect(Arc::new(target)).await.expect("a session") }
        });
        opened.buffer_unordered(256).collect().await
    });
    tell("open", resident_kib() as f64);
    drop(sessions);
}
