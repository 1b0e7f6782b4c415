//! Draws the line with the counts on a separate thread, so that a blocked terminal does not hold up any host.

use std::{sync::mpsc, thread::JoinHandle};

use crate::{
    host::HostName,
    ui::{Count, ExecEnd},
};

/// The line and its thread.
pub(in crate::cli) struct Counting {
    /// One message per host, so it is bounded by their number.
    done: mpsc::Sender<(HostName, ExecEnd)>,
    thread: JoinHandle<()>,
}

impl Counting {
    /// Starts drawing `count`.
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
        // An error is ignored: without the thread only the line is missing.
        let _ = self.done.send((host.clone(), end.clone()));
    }

    /// Removes the line.
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
    use crate::ui::{Paint, ScreenLock, Size};

    /// A terminal that blocks until it is released.
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
    fn a_blocked_terminal_holds_up_no_host() {
        let hosts: Vec<HostName> = (0..500).map(|n| HostName::new(&format!("web{n}")).unwrap()).collect();
        let stop = Arc::new(Mutex::new(()));
        let size = || Size { rows: 25, columns: 80, reflows: true };
        let count =
            Count::new(Box::new(Still(Arc::clone(&stop))), size, Paint::plain(), &ScreenLock::default(), &hosts);
        let still = stop.lock().unwrap();
        let count = Counting::start(count);
        hosts.iter().for_each(|host| count.done(host, &ExecEnd::Code(0)));
        drop(still);
        count.finish();
    }
}
