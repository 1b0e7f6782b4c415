//! What a process needs: CPU and peak memory, from `/proc` (Linux only). CPU time and not wall time, because other work
//! on the machine makes the wall time longer and hardly changes the CPU time.
//!
//! Each measurement runs in its own process ([`apart`]), so that the memory of one is not counted for the next.
#![allow(dead_code, reason = "each benchmark is a program of its own and uses some of it")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    process::{Command, Stdio},
    time::Duration,
};

/// The kernel's unit in `/proc/PID/stat`: a hundredth of a second on every architecture we run on.
const TICK: Duration = Duration::from_millis(10);

/// The CPU time of this process so far, user and system, all threads.
pub fn own_cpu() -> Duration {
    stat(11..13)
}

/// The CPU time of the processes that this one started and waited for, and of their children.
pub fn children_cpu() -> Duration {
    stat(13..15)
}

fn stat(fields: std::ops::Range<usize>) -> Duration {
    let text = fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    // The program's name is in parentheses and may contain anything.
    let rest = text.rsplit_once(')').expect("stat names the program in parentheses").1;
    let ticks = rest.split_whitespace().skip(fields.start).take(fields.len());
    TICK * ticks.map(|n| n.parse::<u32>().expect("stat holds numbers")).sum::<u32>()
}

/// The peak resident memory of a process, in KiB; `None` once it is gone.
pub fn peak_kib(pid: &str) -> Option<u64> {
    status(pid, "VmHWM:")
}

/// How many bytes a process has written so far, to files, pipes and sockets; `None` once it is gone.
pub fn written(pid: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("wchar:"))?.trim().parse().ok()
}

/// The current resident memory of this process, in KiB.
pub fn resident_kib() -> u64 {
    status("self", "VmRSS:").expect("a live process has memory")
}

fn status(pid: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Runs `work` and returns the CPU time it took, in milliseconds.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = own_cpu();
    let result = work();
    (result, ms(own_cpu() - before))
}

/// Milliseconds.
pub fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// Named figures of one measurement.
pub type Figures = BTreeMap<String, f64>;

/// Runs this same program again with `words`, and reads the figures that it [`tell`]s.
pub fn apart(words: &[&str]) -> Figures {
    let program = std::env::current_exe().expect("a program knows where it is");
    let output = Command::new(program).args(["--part"]).args(words).stderr(Stdio::inherit()).output();
    let output = output.expect("this program can be started again");
    assert!(output.status.success(), "{words:?} failed: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a figure is a number")))
        .collect()
}

/// Sends one figure to the process that started this part.
pub fn tell(name: &str, value: f64) {
    println!("{name} {value}");
}

/// What `cargo bench` asked for.
pub enum Asked {
    /// Everything, with the given number of hosts (`cargo bench --bench NAME -- 2000`) or the usual one.
    All(Option<usize>),
    /// One part, in its own process.
    Part(Vec<String>),
    /// `cargo test` builds benchmarks and runs them; nothing is measured then.
    Nothing,
}

/// Reads the command line.
pub fn asked() -> Asked {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("--part") => Asked::Part(words[1..].to_vec()),
        _ if !words.iter().any(|word| word == "--bench") => Asked::Nothing,
        _ => Asked::All(words.iter().find_map(|word| word.parse().ok())),
    }
}

/// A table whose columns are as wide as necessary.
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// With this first line.
    pub fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|word| (*word).to_owned()).collect()])
    }

    /// One more line.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }

    /// Prints it.
    pub fn print(&self, title: &str) {
        let widths: Vec<usize> = (0..self.0[0].len())
            .map(|at| self.0.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = format!("\n{title}\n");
        for row in &self.0 {
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(text, "  {cell:<width$}");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        print!("{text}");
    }
}

/// `yes` or `NO`, for a figure and its limit.
pub fn met(value: f64, most: f64) -> String {
    if value <= most { "yes" } else { "NO" }.to_owned()
}
