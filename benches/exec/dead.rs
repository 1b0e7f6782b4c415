//! One host in twenty is dead: what that costs the others, and how long the run waits for it. Wall times, so the
//! shortest of several runs counts.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SocketType, bind, connect, listen, socket};

use super::{TIMES, clients::exec, door::Door, meter::Table, targets::Targets};

/// `--connect-timeout`: the deadline of a connection, also for a host that accepts it and never answers.
const CONNECT: f64 = 5.0;
/// On a machine with other work, a wall clock is not more precise than this.
const NOISE: f64 = 1.25;

/// How a host is dead.
#[derive(Clone, Copy)]
enum Death {
    No,
    /// Its port is closed.
    Closed,
    /// No answer to the first packet.
    Blackhole,
    /// Accepts the connection and never sends a byte.
    Silent,
}

/// Seconds until the last living host had answered, and until the end.
#[derive(Clone, Copy)]
struct Walls {
    rest: f64,
    whole: f64,
}

/// All kinds of dead hosts, in turn.
pub fn dead(door: Option<&Door>, targets: &mut Targets) {
    let Some(door) = door else { return targets.missing("5 % dead hosts", "sshd is not installed") };
    let deaths = [
        ("all alive", Death::No, 0.0),
        ("closed port", Death::Closed, 0.0),
        ("blackhole", Death::Blackhole, CONNECT),
        ("accepts, silent", Death::Silent, CONNECT),
    ];
    let mut best = deaths.map(|_| Walls { rest: f64::MAX, whole: f64::MAX });
    for _ in 0..TIMES {
        for (best, (_, death, _)) in best.iter_mut().zip(deaths) {
            let walls = walls(door, death);
            *best = Walls { rest: best.rest.min(walls.rest), whole: best.whole.min(walls.whole) };
        }
    }
    let mut table = Table::new(&["5 % dead", "the rest, s", "the whole, s", "deadline s"]);
    for (walls, (name, _, deadline)) in best.iter().zip(deaths) {
        let cells = [walls.rest, walls.whole, deadline].map(|seconds| format!("{seconds:.1}"));
        table.row(std::iter::once(name.to_owned()).chain(cells));
    }
    table.print(&format!("{} hosts, one in twenty dead: shortest of {TIMES} runs in turns", door.hosts()));
    let alive = best[0];
    for (walls, (name, _, deadline)) in best.iter().zip(deaths).skip(1) {
        targets.at_most(&format!("the rest with 5 % dead ({name}) / all alive"), walls.rest / alive.rest, NOISE);
        let most = alive.whole * NOISE + deadline;
        targets.at_most(&format!("seconds until the end with 5 % dead ({name})"), walls.whole, most);
    }
}

fn walls(door: &Door, death: Death) -> Walls {
    let mut door = door.clone();
    let mut graves = Vec::new();
    let mut dead = 0;
    if !matches!(death, Death::No) {
        for address in door.addresses.iter_mut().skip(7).step_by(20) {
            let grave = Grave::dig(death);
            *address = ("127.0.0.1".to_owned(), grave.port);
            graves.push(grave);
            dead += 1;
        }
    }
    let mut command = exec(&door, &["--live", "--connect-timeout", "5s"], &["echo here"]);
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the client starts");
    let (mut rest, mut answers) = (0.0, 0);
    for _ in BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok) {
        rest = began.elapsed().as_secs_f64();
        answers += 1;
    }
    let _ = child.wait();
    assert_eq!(answers, door.hosts() - dead, "every living host must have answered");
    Walls { rest, whole: began.elapsed().as_secs_f64() }
}

/// The address of a dead host, which stays dead as long as this lives.
struct Grave {
    port: u16,
    _listener: Option<OwnedFd>,
    _callers: Vec<OwnedFd>,
}

impl Grave {
    fn dig(death: Death) -> Self {
        match death {
            Death::Silent => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
                let port = listener.local_addr().expect("it is bound").port();
                Self { port, _listener: Some(listener.into()), _callers: Vec::new() }
            }
            Death::Blackhole => Self::full(),
            Death::Closed | Death::No => {
                // Bound but not listening: connections are refused, and no other program can take the port.
                let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
                let port = bound(&socket);
                Self { port, _listener: Some(socket), _callers: Vec::new() }
            }
        }
    }

    /// With a full queue, the kernel drops further connections.
    fn full() -> Self {
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        let port = bound(&listener);
        listen(&listener, 0).expect("a bound socket can listen");
        let callers = (0..3).map(|_| {
            let caller = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
            rustix::io::ioctl_fionbio(&caller, true).expect("a socket can be made to return at once");
            let _ = connect(&caller, &SocketAddr::from(([127, 0, 0, 1], port)));
            caller
        });
        let callers = callers.collect();
        std::thread::sleep(Duration::from_millis(20));
        let knock = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_millis(50));
        assert!(knock.is_err(), "a full queue takes nobody");
        Self { port, _listener: Some(listener), _callers: callers }
    }
}

fn bound(socket: &OwnedFd) -> u16 {
    bind(socket, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let address = rustix::net::getsockname(socket).expect("it is bound");
    SocketAddr::try_from(address).expect("an IPv4 socket").port()
}
