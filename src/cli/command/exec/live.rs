//! Prints lines of many hosts as they come. A separate thread reads them from the spools and writes them, so that a
//! blocked terminal holds up no host and uses no memory.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use crate::{
    cli::{command::exec::gather::HostOutput, world::Out},
    spool::Spool,
    ui,
};

/// How much of a stream is read at a time; a longer line comes in parts.
const PIECE: usize = 16 << 10;

/// What the hosts' sinks share with the printer.
pub(in crate::cli) struct Live {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// Hosts with something new, each once.
    ready: VecDeque<usize>,
    queued: Vec<bool>,
    ended: Vec<bool>,
    over: bool,
}

/// Where the lines go, and how.
pub(in crate::cli) struct Printing {
    pub(in crate::cli) stdout: Out,
    pub(in crate::cli) stderr: Out,
    pub(in crate::cli) most: usize,
    pub(in crate::cli) paint: ui::Paint,
    /// One host after the other, in order, instead of as lines come.
    pub(in crate::cli) ordered: bool,
}

impl Live {
    /// Starts a printer for these hosts. It ends when [`Live::over`] was called and everything is printed.
    pub(in crate::cli) fn start(hosts: Vec<HostOutput>, printing: Printing) -> (Arc<Self>, JoinHandle<()>) {
        let state = State { queued: vec![false; hosts.len()], ended: vec![false; hosts.len()], ..State::default() };
        let live = Arc::new(Self { state: Mutex::new(state), wake: Condvar::new() });
        let printer = Printer { live: Arc::clone(&live), printing, at: vec![[0; 2]; hosts.len()], hosts, gone: false };
        let thread = std::thread::spawn(move || printer.run());
        (live, thread)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This host has more output.
    pub(in crate::cli) fn more(&self, host: usize) {
        let mut state = self.lock();
        if !state.queued[host] {
            state.queued[host] = true;
            state.ready.push_back(host);
            self.wake.notify_one();
        }
    }

    /// This host has no more output.
    pub(in crate::cli) fn ended(&self, host: usize) {
        self.lock().ended[host] = true;
        self.more(host);
        // The printer may be waiting for just this host.
        self.wake.notify_one();
    }

    /// No host has more output.
    pub(in crate::cli) fn over(&self) {
        let mut state = self.lock();
        state.over = true;
        self.wake.notify_one();
    }

    /// The next host to print, and whether it has ended; `None` at the end.
    fn next(&self) -> Option<(usize, bool)> {
        let mut state = self.lock();
        loop {
            if let Some(host) = state.ready.pop_front() {
                state.queued[host] = false;
                return Some((host, state.ended[host]));
            }
            if state.over {
                return None;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Printer {
    live: Arc<Live>,
    printing: Printing,
    hosts: Vec<HostOutput>,
    /// How far each stream is printed.
    at: Vec<[u64; 2]>,
    /// The reader of the output is gone.
    gone: bool,
}

impl Printer {
    fn run(mut self) {
        if self.printing.ordered {
            self.in_order();
        } else {
            while let Some((host, ended)) = self.live.next() {
                if self.print(host, ended) {
                    self.live.more(host);
                }
            }
        }
        // What is left are unfinished lines of hosts that were interrupted.
        for host in 0..self.hosts.len() {
            while self.print(host, true) {}
        }
    }

    fn in_order(&mut self) {
        let mut head = 0;
        loop {
            while head < self.hosts.len() {
                let ended = self.live.lock().ended[head];
                while self.print(head, ended) {}
                if !ended {
                    break;
                }
                head += 1;
            }
            if self.live.next().is_none() {
                return;
            }
        }
    }

    /// Prints a piece of each stream of a host; true if there is more to print at once.
    fn print(&mut self, host: usize, ended: bool) -> bool {
        let output = self.hosts[host].clone();
        let mut more = false;
        for (stream, spool) in [&output.stdout, &output.stderr].into_iter().enumerate() {
            let mut piece = vec![0; PIECE];
            let n = match read(spool, self.at[host][stream], &mut piece) {
                Some(n) if n > 0 => n,
                _ => continue,
            };
            let whole = match piece[..n].iter().rposition(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                // A line without an end is printed if it is longer than a piece, or the last one.
                None if n == PIECE || ended => n,
                None => continue,
            };
            self.at[host][stream] += whole as u64;
            more |= whole < n || n == PIECE;
            self.write(&output, stream, &piece[..whole]);
        }
        more
    }

    fn write(&mut self, output: &HostOutput, stream: usize, piece: &[u8]) {
        if self.gone {
            return;
        }
        let text: String = piece
            .strip_suffix(b"\n")
            .unwrap_or(piece)
            .split(|byte| *byte == b'\n')
            .map(|line| ui::exec_line(&output.host, line, self.printing.most, self.printing.paint))
            .collect();
        let out = if stream == 0 { &mut self.printing.stdout } else { &mut self.printing.stderr };
        self.gone = out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err();
    }
}

fn read(spool: &Spool, at: u64, piece: &mut [u8]) -> Option<usize> {
    spool.read_at(at, piece).ok()
}

#[cfg(test)]
mod tests {
    use super::{super::gather::Outputs, *};
    use crate::{
        host::HostName,
        transport::{Sink, Stream},
    };

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printed(ordered: bool, say: impl FnOnce(&Outputs, &Arc<Live>)) -> String {
        let hosts = ["a", "b", "c"].map(|name| HostName::new(name).unwrap());
        let outputs = Outputs::new(&hosts, None).unwrap();
        let out = Captured::default();
        let printing = Printing {
            stdout: Out::new(out.clone()),
            stderr: Out::new(out.clone()),
            most: usize::MAX,
            paint: ui::Paint::plain(),
            ordered,
        };
        let (live, thread) = Live::start(outputs.hosts.clone(), printing);
        say(&outputs, &live);
        live.over();
        thread.join().unwrap();
        let bytes = out.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_stay_whole_and_none_is_lost() {
        let text = printed(false, |outputs, live| {
            let mut sinks: Vec<_> = outputs.hosts.iter().map(|o| outputs.sink(&o.host, Some(live))).collect();
            for n in 0..3000 {
                for sink in &mut sinks {
                    sink.write(Stream::Stdout, format!("line {n} wi").as_bytes());
                    sink.write(Stream::Stdout, b"th two parts\n");
                }
            }
            sinks[1].write(Stream::Stderr, b"the end is open");
            (0..3).for_each(|host| live.ended(host));
        });
        for host in ["a", "b", "c"] {
            let lines: Vec<&str> = text.lines().filter(|l| l.starts_with(&format!("{host}: line"))).collect();
            assert_eq!(lines.len(), 3000);
            assert!(lines.iter().enumerate().all(|(n, line)| *line == format!("{host}: line {n} with two parts")));
        }
        assert!(text.contains("b: the end is open\n"));
    }

    #[test]
    fn in_order_each_host_waits_for_the_ones_before_it() {
        let text = printed(true, |outputs, live| {
            for host in [2, 0, 1] {
                outputs.sink(&outputs.hosts[host].host, Some(live)).write(Stream::Stdout, b"1\n2\n");
                live.ended(host);
            }
        });
        assert_eq!(text, "a: 1\na: 2\nb: 1\nb: 2\nc: 1\nc: 2\n");
    }

    #[test]
    fn what_an_interrupted_host_had_said_is_printed() {
        for ordered in [false, true] {
            let text = printed(ordered, |outputs, live| {
                outputs.sink(&outputs.hosts[1].host, Some(live)).write(Stream::Stdout, b"half a li");
            });
            assert_eq!(text, "b: half a li\n");
        }
    }
}
