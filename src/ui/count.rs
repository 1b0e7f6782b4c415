//! One line on the terminal while a command runs on many hosts: how many are done, how many of those are not ok, and
//! which are the last to wait for.

use std::{collections::BTreeSet, io::Write, sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{ExecEnd, Paint, ScreenLock, Size, screen::Screen, text};
use crate::host::HostName;

/// The hosts to wait for are named when this many or fewer are left.
const NAMED: usize = 5;

/// Draws the line and keeps it drawn.
pub struct Count {
    bar: ProgressBar,
    screen: ScreenLock,
    paint: Paint,
    total: usize,
    bad: usize,
    waiting: BTreeSet<HostName>,
}

impl Count {
    /// Draws to `out`, a terminal, until it is finished.
    pub fn new(
        out: Box<dyn Write + Send>,
        size: impl Fn() -> Size + Send + Sync + 'static,
        paint: Paint,
        screen: &ScreenLock,
        hosts: &[HostName],
    ) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Screen::new(out, Arc::new(size))), 5);
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template("{msg} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        screen.of(&bar);
        bar.enable_steady_tick(Duration::from_secs(1));
        let waiting = hosts.iter().cloned().collect();
        let this = Self { bar, screen: screen.clone(), paint, total: hosts.len(), bad: 0, waiting };
        this.draw();
        this
    }

    /// One host is done.
    pub fn done(&mut self, host: &HostName, end: &ExecEnd) {
        self.waiting.remove(host);
        self.bad += usize::from(*end != ExecEnd::Code(0));
        self.draw();
    }

    /// Removes the line.
    pub fn finish(self) {
        if let Some(_right) = self.screen.try_draw() {
            self.bar.finish_and_clear();
        }
    }

    fn draw(&self) {
        if let Some(_right) = self.screen.try_draw() {
            self.bar.set_message(self.line());
        }
    }

    fn line(&self) -> String {
        let done = self.total - self.waiting.len();
        let mut line = format!("{done} of {} done", text::count(self.total, "host"));
        if self.bad > 0 {
            line.push_str(&format!(", {}", self.paint.bad(&format!("{} not ok", self.bad))));
        }
        if done > 0 && (1..=NAMED).contains(&self.waiting.len()) {
            line.push_str(&format!(", waiting for {}", text::hosts(&self.waiting, 60)));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_last_ones() {
        let hosts: Vec<HostName> = (1..=8).map(|n| HostName::new(&format!("web{n}")).unwrap()).collect();
        let size = || Size { rows: 25, columns: 80, reflows: true };
        let mut count = Count::new(Box::new(std::io::sink()), size, Paint::plain(), &ScreenLock::default(), &hosts);
        assert_eq!(count.line(), "0 of 8 hosts done");
        count.done(&hosts[0], &ExecEnd::Code(0));
        count.done(&hosts[1], &ExecEnd::Code(1));
        assert_eq!(count.line(), "2 of 8 hosts done, 1 not ok");
        count.done(&hosts[4], &ExecEnd::Code(0));
        assert_eq!(count.line(), "3 of 8 hosts done, 1 not ok, waiting for web[3-4,6-8]");
        for host in &hosts {
            count.done(host, &ExecEnd::Code(0));
        }
        assert_eq!(count.line(), "8 of 8 hosts done, 1 not ok");
        count.finish();
    }
}
