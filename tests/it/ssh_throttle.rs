//! How fast connections come: sshd's default `MaxStartups` costs no host, and dead hosts do not make others wait.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use patchwave::{
    command::Command,
    host::HostName,
    target::Target,
    transport::{
        Link, NoSink, Transport,
        ssh::{SshOptions, SshTransport},
    },
};

use crate::support::sshd::{Sshd, free_port};

fn fleet(sshd: &Sshd, change: impl Fn(&mut SshOptions)) -> Arc<dyn Transport> {
    let known = sshd.path("fleet_hosts");
    std::fs::write(&known, sshd.fleet_line() + &sshd.known_line()).expect("known_hosts");
    let mut options = SshOptions { known_hosts: vec![known], ..sshd.options() };
    change(&mut options);
    Arc::new(SshTransport::new(options).expect("a transport"))
}

async fn answers(transport: Arc<dyn Transport>, target: Target) -> Result<Duration, String> {
    let begun = Instant::now();
    let mut link = Link::new(transport, Arc::new(target));
    let command = Command::sh("hello", "echo hello", [""; 0]).timeout(Duration::from_secs(60));
    let answer = link.exec(&command, &mut NoSink).await.map_err(|error| error.to_string());
    link.close().await;
    answer.map(|_| begun.elapsed())
}

async fn all(transport: &Arc<dyn Transport>, targets: impl Iterator<Item = Target>) -> Vec<Result<Duration, String>> {
    stream::iter(targets)
        .map(|target| answers(Arc::clone(transport), target))
        .buffer_unordered(usize::MAX)
        .collect()
        .await
}

fn wrong(answers: Vec<Result<Duration, String>>) -> Vec<String> {
    answers.into_iter().filter_map(Result::err).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_names_of_one_sshd_pass_its_default_max_startups() {
    let Some(sshd) = Sshd::start("MaxStartups 10:30:100\nListenAddress 0.0.0.0") else { return };
    let transport = fleet(&sshd, |_| {});
    let answers = all(&transport, (1..=200).map(|n| sshd.fleet_target(n))).await;
    assert_eq!(wrong(answers), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_names_of_one_address_meet_hardly_a_drop() {
    let Some(sshd) = Sshd::start("MaxStartups 10:100:10") else { return };
    let transport = fleet(&sshd, |_| {});
    let targets = (1..=60).map(|n| Target { name: HostName::new(&format!("n{n}")).expect("a name"), ..sshd.target() });
    assert_eq!(wrong(all(&transport, targets).await), Vec::<String>::new());
    let log = std::fs::read_to_string(sshd.path("log")).expect("the log");
    // sshd counts a login for a moment longer than we do; sixty at once would lead to many drops.
    let drops = log.matches("drop connection").count();
    assert!(drops <= 10, "{drops} drops:\n{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dead_keep_nobody_waiting() {
    let Some(sshd) = Sshd::start("ListenAddress 0.0.0.0\nMaxStartups 500") else { return };
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (silent, closed) = (silent.local_addr().expect("an address").port(), free_port());
    let dead = |n: u8| {
        let mut target = sshd.fleet_target(n);
        target.address = "127.0.0.1".to_owned();
        target.port = Some(if n.is_multiple_of(2) { silent } else { closed });
        target.limits.handshake = Duration::from_secs(15);
        target
    };
    // There are as many places as dead hosts, and the dead come first: without lending, no other host would move for 15
    // s.
    let transport = fleet(&sshd, |options| (options.handshakes, options.handshakes_per_endpoint) = (4, 8));
    let begun = Instant::now();
    let (dead, live) = tokio::join!(all(&transport, (1..=8).map(dead)), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answers = all(&transport, (20..=59).map(|n| sshd.fleet_target(n))).await;
        (answers, begun.elapsed())
    });
    let (live, took) = live;
    assert_eq!(wrong(live), Vec::<String>::new());
    assert!(took < Duration::from_secs(14), "the living waited for the dead: {took:?}");
    assert_eq!(wrong(dead).len(), 8);
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}
