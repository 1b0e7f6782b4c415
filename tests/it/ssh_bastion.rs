//! Hosts behind jump hosts, with real sshd: shared connections, chains, a bastion that dies, one that refuses.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use patchwave::{
    command::Command,
    target::{BastionCaps, JumpHop, Proxy, Target, merge_bastion_limits},
    transport::{
        Class, ConnectError, Link, NoSink, Phase, Session, Transport,
        ssh::{SshOptions, SshTransport},
    },
};
use rustix::process::Signal;

use crate::support::sshd::{Sshd, free_port, signal};

/// A bastion, and a server that acts as the hosts behind it. They share keys, so one client key opens both.
struct Site {
    bastion: Sshd,
    behind: Sshd,
}

impl Site {
    fn start(bastion: &str) -> Option<Self> {
        let site = Self { bastion: Sshd::start(bastion)?, behind: Sshd::start("ListenAddress 0.0.0.0")? };
        let keys = std::fs::read_to_string(site.behind.path("user.pub")).expect("user.pub");
        std::fs::write(site.bastion.path("authorized_keys"), keys).expect("authorized_keys");
        Some(site)
    }

    fn options(&self) -> SshOptions {
        let known = self.behind.path("site_hosts");
        std::fs::write(&known, self.bastion.known_line() + &self.behind.fleet_line()).expect("known_hosts");
        SshOptions { known_hosts: vec![known], ..self.behind.options() }
    }

    fn transport(&self) -> Arc<SshTransport> {
        Arc::new(SshTransport::new(self.options()).expect("a transport"))
    }

    fn target(&self, n: u8) -> Arc<Target> {
        Arc::new(behind(self.behind.fleet_target(n), &[self.bastion.port]))
    }
}

/// The target with a chain of bastions on these ports of 127.0.0.1.
fn behind(mut target: Target, ports: &[u16]) -> Target {
    let hop = |port: &u16| JumpHop { user: None, host: "127.0.0.1".into(), port: Some(*port), ..JumpHop::default() };
    target.proxy = Some(Proxy::Jump(ports.iter().map(hop).collect()));
    target
}

/// Opens a session to each target and runs a command there; returns those that failed.
async fn all_answer(transport: &Arc<SshTransport>, targets: Vec<Arc<Target>>) -> Vec<String> {
    let one = |target: Arc<Target>| async {
        let transport: Arc<dyn Transport> = Arc::<SshTransport>::clone(transport);
        let mut link = Link::new(transport, target);
        let command = Command::sh("hello", "echo hello", [""; 0]).timeout(Duration::from_secs(60));
        let answer = link.exec(&command, &mut NoSink).await;
        let wrong = match answer {
            Ok(output) if output.text() == "hello\n" => None,
            Ok(output) => Some(output.text().to_string()),
            Err(error) => Some(error.to_string()),
        };
        link.close().await;
        wrong
    };
    stream::iter(targets).map(one).buffer_unordered(usize::MAX).filter_map(|wrong| async { wrong }).collect().await
}

async fn fails(transport: &SshTransport, target: Arc<Target>) -> ConnectError {
    transport.connect(target).await.err().expect("no session")
}

async fn echo(session: &mut Box<dyn Session>) -> bool {
    let command = Command::sh("hello", "echo hello", [""; 0]).timeout(Duration::from_secs(20));
    session.exec(&command, &mut NoSink).await.is_ok_and(|output| output.text() == "hello\n")
}

fn count(log: &std::path::Path, text: &str) -> usize {
    std::fs::read_to_string(log).expect("a log").matches(text).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_hosts_share_two_connections_to_their_bastion() {
    let Some(site) = Site::start("MaxStartups 10:30:100") else { return };
    let transport = site.transport();
    let wrong = all_answer(&transport, (1..=200).map(|n| site.target(n)).collect()).await;
    assert_eq!(wrong, Vec::<String>::new());
    // 200 hosts at once, 128 on a connection.
    assert_eq!(count(&site.bastion.path("log"), "Accepted publickey"), 2);
    assert_eq!(count(&site.behind.path("log"), "Accepted publickey"), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bastion_bears_what_the_hosts_behind_it_say() {
    let Some(site) = Site::start("MaxStartups 10:30:100") else { return };
    for (said, logins) in [(None, 6), (Some(2), 2)] {
        std::fs::write(site.bastion.path("log"), "").expect("the log");
        let options = SshOptions { hosts_per_bastion_connection: 10, ..site.options() };
        let transport = Arc::new(SshTransport::new(options).expect("a transport"));
        let mut targets: Vec<Target> = (1..=60).map(|n| (*site.target(n)).clone()).collect();
        // One of them is enough to show it.
        targets[40].bastion = BastionCaps { connections: said, handshakes: Some(7) };
        merge_bastion_limits(&mut targets);
        let wrong = all_answer(&transport, targets.into_iter().map(Arc::new).collect()).await;
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(count(&site.bastion.path("log"), "Accepted publickey"), logins, "{said:?}");
    }
}

#[tokio::test]
async fn a_chain_goes_through_both_hops() {
    let Some(site) = Site::start("") else { return };
    let Some(second) = Sshd::start("") else { return };
    std::fs::copy(site.bastion.path("authorized_keys"), second.path("authorized_keys")).expect("authorized_keys");
    let options = site.options();
    let known = std::fs::read_to_string(&options.known_hosts[0]).expect("known_hosts") + &second.known_line();
    std::fs::write(&options.known_hosts[0], known).expect("known_hosts");
    let transport = Arc::new(SshTransport::new(options).expect("a transport"));
    let chain = [site.bastion.port, second.port];
    let targets = (1..=5).map(|n| Arc::new(behind(site.behind.fleet_target(n), &chain))).collect();
    assert_eq!(all_answer(&transport, targets).await, Vec::<String>::new());
    for hop in [&site.bastion, &second] {
        assert_eq!(count(&hop.path("log"), "Accepted publickey"), 1);
    }
    // Hosts that are directly behind the first hop share it.
    assert_eq!(all_answer(&transport, vec![site.target(9)]).await, Vec::<String>::new());
    assert_eq!(count(&site.bastion.path("log"), "Accepted publickey"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bastion_that_dies_costs_the_sessions_through_it_and_nothing_else() {
    let Some(site) = Site::start("") else { return };
    let transport = site.transport();
    let mut through = transport.connect(site.target(1)).await.expect("a session");
    let mut direct = transport.connect(Arc::new(site.behind.fleet_target(2))).await.expect("a session");
    assert!(echo(&mut through).await && echo(&mut direct).await);
    for pid in site.bastion.session_pids() {
        signal(pid, Signal::KILL);
    }
    // A session over it is lost at once, as on a cut link.
    let begun = Instant::now();
    let command = Command::sh("sleep", "sleep 20", [""; 0]).timeout(Duration::from_secs(30));
    let error = through.exec(&command, &mut NoSink).await.expect_err("the way is gone");
    assert_eq!(error.class, Class::Lost, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15));
    // The other hosts go on. New sessions, and the lost one, use a new connection, which is opened once.
    assert!(echo(&mut direct).await);
    assert_eq!(all_answer(&transport, (1..=20).map(|n| site.target(n)).collect()).await, Vec::<String>::new());
    assert_eq!(count(&site.bastion.path("log"), "Accepted publickey"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bastion_that_dies_again_and_again_costs_no_host() {
    let Some(site) = Site::start("") else { return };
    let transport = site.transport();
    let killer = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            for pid in site.bastion.session_pids() {
                signal(pid, Signal::KILL);
            }
        }
        std::future::pending::<()>().await;
    };
    let hosts = all_answer(&transport, (1..=60).map(|n| site.target(n)).collect());
    let wrong = tokio::select! {
        wrong = hosts => wrong,
        () = killer => unreachable!("it waits for ever"),
    };
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn a_bastion_that_refuses_to_forward_is_named() {
    let Some(site) = Site::start("AllowTcpForwarding no") else { return };
    let error = fails(&site.transport(), site.target(1)).await;
    assert_eq!((error.phase, error.class), (Phase::Connect, Class::Local));
    let (bastion, behind) = (site.bastion.port, site.behind.port);
    let expected = format!(
        "web001: through bastion 127.0.0.1:{bastion}: it refuses to forward connections to 127.1.0.1:{behind} \
         (administratively prohibited)"
    );
    assert_eq!(error.message, expected);
    assert!(error.help.expect("help").contains("AllowTcpForwarding"));
}

#[tokio::test]
async fn what_is_wrong_behind_a_bastion_and_with_it_is_told_apart() {
    let Some(site) = Site::start("") else { return };
    let transport = site.transport();
    let bastion = site.bastion.port;

    let mut target = behind(site.behind.fleet_target(1), &[bastion]);
    let port = free_port();
    target.port = Some(port);
    let error = fails(&transport, Arc::new(target)).await;
    assert_eq!((error.phase, error.class), (Phase::Connect, Class::Refused));
    let words = format!("web001: through bastion 127.0.0.1:{bastion}: it cannot connect to 127.1.0.1:{port}: ");
    assert!(error.message.starts_with(&words), "{error}");

    let error = fails(&transport, Arc::new(behind(site.behind.fleet_target(1), &[port]))).await;
    assert_eq!((error.phase, error.class), (Phase::Connect, Class::Refused));
    let words = format!("web001: through bastion 127.0.0.1:{port}: 127.0.0.1:{port} refused the connection");
    assert_eq!(error.message, words);

    // The bastion's key is checked under its own name, whichever host is behind it.
    std::fs::write(site.behind.path("site_hosts"), site.behind.fleet_line()).expect("known_hosts");
    let options = SshOptions { known_hosts: vec![site.behind.path("site_hosts")], ..site.behind.options() };
    let error = fails(&SshTransport::new(options).expect("a transport"), site.target(1)).await;
    assert_eq!((error.phase, error.class), (Phase::Connect, Class::HostKeyUnknown));
    let words =
        format!("web001: through bastion 127.0.0.1:{bastion}: the host key of [127.0.0.1]:{bastion} is not on file");
    assert!(error.message.starts_with(&words), "{error}");

    // And so is the host's.
    std::fs::write(site.behind.path("site_hosts"), site.bastion.known_line()).expect("known_hosts");
    let options = SshOptions { known_hosts: vec![site.behind.path("site_hosts")], ..site.behind.options() };
    let error = fails(&SshTransport::new(options).expect("a transport"), site.target(1)).await;
    assert_eq!((error.phase, error.class), (Phase::HostKey, Class::HostKeyUnknown), "{error}");

    // A bastion that refuses our login.
    std::fs::write(site.bastion.path("authorized_keys"), "").expect("authorized_keys");
    let error = fails(&site.transport(), site.target(1)).await;
    assert_eq!((error.phase, error.class), (Phase::Connect, Class::Auth));
    assert!(
        error.message.starts_with(&format!("web001: through bastion 127.0.0.1:{bastion}: the login as ")),
        "{error}"
    );
}

#[tokio::test]
async fn hosts_that_wait_for_a_dead_bastion_share_its_one_failure() {
    let Some(site) = Site::start("") else { return };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let transport = site.transport();
    let begun = Instant::now();
    let targets = (1..=40).map(|n| {
        let mut target = behind(site.behind.fleet_target(n), &[port]);
        target.limits.handshake = Duration::from_millis(700);
        Arc::new(target)
    });
    let errors: Vec<ConnectError> =
        stream::iter(targets).map(|target| fails(&transport, target)).buffer_unordered(40).collect().await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    for error in errors {
        assert_eq!((error.phase, error.class), (Phase::Connect, Class::TimedOut), "{error}");
    }
}

#[tokio::test]
async fn a_silent_host_behind_a_bastion_has_its_own_deadline() {
    let Some(site) = Site::start("") else { return };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut target = Target::plain(site.target(1).name.clone(), "127.0.0.1");
    target.port = Some(silent.local_addr().expect("an address").port());
    target.limits.handshake = Duration::from_millis(700);
    let transport = site.transport();
    let error = fails(&transport, Arc::new(behind(target, &[site.bastion.port]))).await;
    assert_eq!((error.phase, error.class), (Phase::Banner, Class::TimedOut));
    assert!(
        error.message.contains(&format!("through bastion 127.0.0.1:{} within 700 ms", site.bastion.port)),
        "{error}"
    );
    assert_eq!(all_answer(&transport, vec![site.target(2)]).await, Vec::<String>::new());
}
