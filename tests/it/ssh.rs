//! Peers that do not answer, answer badly or go away, before a login: each has its phase and class, and none hangs.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use patchwave::{
    host::HostName,
    target::Target,
    transport::{
        Class, ConnectError, Phase, Transport,
        ssh::{SshOptions, SshTransport},
    },
};

use crate::support::sshd::{Sshd, free_port};

fn bare() -> SshTransport {
    let mut options = SshOptions::for_user("nobody", None, None);
    options.known_hosts.clear();
    SshTransport::new(options).expect("a transport")
}

fn target(address: &str, port: u16) -> Target {
    let mut target = Target::plain(HostName::new("web01").expect("a name"), address);
    target.port = Some(port);
    target.limits.connect = Duration::from_millis(1500);
    target.limits.handshake = Duration::from_millis(700);
    target
}

async fn fails(target: Target) -> ConnectError {
    let begun = Instant::now();
    let error = bare().connect(Arc::new(target)).await.err().expect("no session");
    assert!(begun.elapsed() < Duration::from_secs(10), "{error}");
    assert!(error.message.starts_with("web01: "), "{error}");
    error
}

/// A server that handles each connection with `serve`; returns its port.
fn peer(serve: impl Fn(&mut std::net::TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            serve(&mut stream);
        }
    });
    port
}

fn wait() {
    std::thread::sleep(Duration::from_secs(5));
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let port = free_port();
    let error = fails(target("127.0.0.1", port)).await;
    assert_eq!((error.phase, error.class), (Phase::Connect, Class::Refused));
    assert_eq!(error.message, format!("web01: 127.0.0.1:{port} refused the connection"));
}

#[tokio::test]
async fn a_name_without_address_is_told() {
    let error = fails(target("no-such-host.invalid", 22)).await;
    assert_eq!((error.phase, error.class), (Phase::Resolve, Class::Resolve), "{error}");
}

#[tokio::test]
async fn an_address_that_says_nothing_times_out() {
    // With a full queue, the kernel does not answer further connections.
    let listener = rustix_listener();
    let mut held = Vec::new();
    for _ in 0..4 {
        let stream = tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(listener.1));
        held.push(stream.await);
    }
    let error = fails(target("127.0.0.1", listener.1.port())).await;
    assert_eq!((error.phase, error.class), (Phase::Connect, Class::TimedOut), "{error}");
}

fn rustix_listener() -> (std::os::fd::OwnedFd, std::net::SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&fd, &"127.0.0.1:0".parse::<std::net::SocketAddr>().expect("an address")).expect("bind");
    listen(&fd, 0).expect("listen");
    let address = getsockname(&fd).expect("an address").try_into().expect("IPv4");
    (fd, address)
}

#[tokio::test]
async fn a_silent_peer_has_no_banner() {
    let port = peer(|_| wait());
    let error = fails(target("127.0.0.1", port)).await;
    assert_eq!((error.phase, error.class), (Phase::Banner, Class::TimedOut));
    assert_eq!(error.message, format!("web01: no SSH banner from 127.0.0.1:{port} within 700 ms"));
}

#[tokio::test]
async fn a_peer_that_drips_is_late() {
    let port = peer(|stream| {
        for byte in b"SSH-2.0-slow".iter().cycle().take(200) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let error = fails(target("127.0.0.1", port)).await;
    assert_eq!(error.class, Class::TimedOut, "{error}");
}

#[tokio::test]
async fn a_peer_that_is_silent_after_its_banner_is_late_in_the_key_exchange() {
    let port = peer(|stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        wait();
    });
    let error = fails(target("127.0.0.1", port)).await;
    assert_eq!((error.phase, error.class), (Phase::KeyExchange, Class::TimedOut), "{error}");
}

#[tokio::test]
async fn a_peer_that_hangs_up_is_closed() {
    let error = fails(target("127.0.0.1", peer(|_| {}))).await;
    assert_eq!((error.phase, error.class), (Phase::Banner, Class::Closed), "{error}");
    for (said, named) in
        [("Exceeded MaxStartups", "`MaxStartups`"), ("Not allowed at this time", "`PerSourcePenalties`")]
    {
        let port = peer(move |s| drop(s.write_all(format!("{said}\r\n").as_bytes())));
        let error = fails(target("127.0.0.1", port)).await;
        assert_eq!((error.phase, error.class), (Phase::Banner, Class::Closed), "{error}");
        assert!(
            error.message.contains(said) && error.help.as_ref().is_some_and(|help| help.contains(named)),
            "{error:?}"
        );
    }
    for said in ["HTTP/1.1 400 Bad Request", "hello"] {
        let port = peer(move |s| drop(s.write_all(format!("{said}\r\n").as_bytes())));
        let help = fails(target("127.0.0.1", port)).await.help.unwrap();
        assert!(!help.contains("MaxStartups"), "{help}");
        assert_eq!(
            help.contains("not an SSH server (it answers HTTP): a proxy or"),
            said.starts_with("HTTP"),
            "{help}"
        );
    }
    let error = fails(target("127.0.0.1", peer(|s| drop(s.write_all(b"SSH-2.0-x\r\n"))))).await;
    assert_eq!((error.phase, error.class), (Phase::KeyExchange, Class::Closed), "{error}");
}

#[tokio::test]
async fn a_peer_that_speaks_something_else_is_shown() {
    let port = peer(|s| {
        let _ = s.write_all("HTTP/1.1 400 Bad Request\r\n".repeat(50).as_bytes());
        wait();
    });
    let error = fails(target("127.0.0.1", port)).await;
    assert_eq!((error.phase, error.class), (Phase::Banner, Class::Protocol));
    assert!(error.message.contains("\"HTTP/1.1 400 Bad Request\""), "{error}");
    assert!(error.help.unwrap().contains("it answers HTTP"));
    let endless = peer(|s| while s.write_all(&[b'x'; 4096]).is_ok() {});
    assert_eq!(fails(target("127.0.0.1", endless)).await.class, Class::Protocol);
    let garbage = peer(|s| {
        let _ = s.write_all(b"SSH-2.0-x\r\n");
        while s.write_all(&[0xff; 4096]).is_ok() {}
    });
    let error = fails(target("127.0.0.1", garbage)).await;
    assert_eq!(error.phase, Phase::KeyExchange, "{error}");
    assert!(matches!(error.class, Class::Protocol | Class::Closed), "{error}");
}

#[tokio::test]
async fn options_that_change_the_way_are_refused_by_name() {
    let mut target = target("127.0.0.1", free_port());
    target.ssh_args = vec!["-o".to_owned(), "ProxyJump=bastion".to_owned()];
    let error = fails(target).await;
    assert_eq!(error.class, Class::Local);
    assert!(error.message.contains("`-o ProxyJump=bastion`"), "{error}");
}

#[tokio::test]
async fn connections_beyond_max_startups_are_closed_before_the_banner() {
    let Some(sshd) = Sshd::start("MaxStartups 1:100:1\nLoginGraceTime 20") else { return };
    // This connection holds the only place; its banner shows that it was not dropped itself.
    let idle = (0..50).find_map(|_| {
        let mut idle = std::net::TcpStream::connect(("127.0.0.1", sshd.port)).ok()?;
        let mut banner = [0; 4];
        let held = idle.read_exact(&mut banner).is_ok() && &banner == b"SSH-";
        // The connection that found the server up may still hold the place for a moment.
        std::thread::sleep(Duration::from_millis(if held { 0 } else { 100 }));
        held.then_some(idle)
    });
    let idle = idle.expect("a place");
    let mut seen = None;
    for _ in 0..50 {
        match sshd.transport().connect(sshd.shared_target()).await {
            Err(error) => {
                seen = Some(error);
                break;
            }
            Ok(session) => session.close().await,
        }
    }
    let error = seen.expect("sshd drops connections");
    assert_eq!(error.class, Class::Closed, "{error}");
    assert!(matches!(error.phase, Phase::Banner | Phase::Connect), "{error}");
    drop(idle);
}

#[tokio::test]
async fn waiting_for_a_place_costs_nothing_of_the_deadlines() {
    let port = peer(|_| wait());
    let mut options = SshOptions::for_user("nobody", None, None);
    options.known_hosts.clear();
    options.handshakes = 1;
    let transport = SshTransport::new(options).expect("a transport");
    let begun = Instant::now();
    let (first, second) = tokio::join!(
        transport.connect(Arc::new(target("127.0.0.1", port))),
        transport.connect(Arc::new(target("127.0.0.1", port)))
    );
    // The second one had its own 700 ms after the first one had used up its time.
    assert!(begun.elapsed() >= Duration::from_millis(1400));
    for error in [first.err(), second.err()] {
        assert_eq!(error.expect("no session").phase, Phase::Banner);
    }
}
