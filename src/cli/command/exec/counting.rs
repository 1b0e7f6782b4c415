//! The line that counts, drawn on a thread of its own: a terminal that stands still stops no host.

use std::{sync::mpsc, thread::JoinHandle};

use crate::{
    host::HostName,
    ui::{Count, ExecEnd},
};

/// A line that is kept drawn.
pub(in crate::cli) struct Counting {
    /// One word for each host, so its bound is their number.
    done: mpsc::Sender<(HostName, ExecEnd)>,
    thread: JoinHandle<()>,
}

impl Counting {
    /// Goes on drawing `count`.
    pub(in crate::cli) fn start(mut count: Count) -> Self {
        let (done, said) = mpsc::channel::<(HostName, ExecEnd)>();
        let thread = std::thread::spawn(move || {
            for (host, end) in said {
                count.done(&host, &end);
            }
            count.finish();
        });
        Self { done, thread }
    }

    /// One host is done.
    pub(in crate::cli) fn done(&self, host: &HostName, end: &ExecEnd) {
        // A thread that is gone draws nothing; the answers come all the same.
        let _ = self.done.send((host.clone(), end.clone()));
    }

    /// Gives the line back.
    pub(in crate::cli) fn finish(self) {
        drop(self.done);
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::ui::{Paint, Quiet, Size};

    /// A terminal that stands still until it may go on.
    struct Still(Arc<Mutex<()>>);

    impl Write for Still {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            drop(self.0.lock());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_that_stands_still_stops_nobody() {
        let hosts: Vec<HostName> = (0..500).map(|n| HostName::new(&format!("web{n}")).unwrap()).collect();
        let stop = Arc::new(Mutex::new(()));
        let size = || Size { rows: 25, columns: 80 };
        let count = Count::new(Box::new(Still(Arc::clone(&stop))), size, Paint::plain(), &Quiet::default(), &hosts);
        let still = stop.lock().unwrap();
        let count = Counting::start(count);
        hosts.iter().for_each(|host| count.done(host, &ExecEnd::Code(0)));
        drop(still);
        count.finish();
    }
}
