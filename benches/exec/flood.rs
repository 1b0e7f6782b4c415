//! Every host floods its output while nobody reads the terminal: how much memory that needs, and whether a byte is
//! lost.

use std::{
    io::Read as _,
    process::Stdio,
    time::{Duration, Instant},
};

use super::{clients::exec, door::Door, meter, targets::Targets};

/// The lines of each host, and the bytes in one.
const LINES: usize = 50_000;
const LINE: usize = 80;
/// If nothing has moved for this long, all output is where it will stay.
const STILL: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(180);
/// The most memory for each host, in KiB.
const MOST: f64 = 512.0;

/// Floods, waits until nothing moves, measures, reads.
pub fn flood(door: Option<&Door>, targets: &mut Targets) {
    let (memory, whole) = ("KiB per host, all flooding, terminal stalled", "lines lost of a flood");
    let Some(door) = door else {
        targets.missing(memory, "sshd is not installed");
        return targets.missing(whole, "sshd is not installed");
    };
    let text = "x".repeat(LINE - 1);
    let line = format!("yes {text} | head -n {LINES}");
    let mut child = exec(door, &["--live"], &[&line])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the client starts");
    let pid = child.id().to_string();
    wait_until_still(&pid);
    let stalled = meter::peak_kib(&pid).unwrap_or(0);
    let mut lines = 0;
    let mut peak = stalled;
    let mut pipe = child.stdout.take().expect("it is piped");
    let mut piece = vec![0; 256 << 10];
    while let Ok(n @ 1..) = pipe.read(&mut piece) {
        lines += piece[..n].iter().filter(|byte| **byte == b'\n').count();
        peak = meter::peak_kib(&pid).unwrap_or(peak);
    }
    let status = child.wait().expect("our own child");
    let expected = door.hosts() * LINES;
    println!(
        "\nflood: {} hosts with {} MB each, terminal stalled: {:.0} MiB, {:.0} MiB at the end; {lines} of {expected} \
         lines came ({status})",
        door.hosts(),
        LINES * LINE / 1_000_000,
        stalled as f64 / 1024.0,
        peak as f64 / 1024.0,
    );
    targets.at_most(memory, peak as f64 / door.hosts() as f64, MOST);
    targets.at_most(whole, expected.abs_diff(lines) as f64, 0.0);
}

fn wait_until_still(pid: &str) {
    let began = Instant::now();
    let (mut before, mut since) = (0, Instant::now());
    while began.elapsed() < LONGEST && since.elapsed() < STILL {
        std::thread::sleep(Duration::from_millis(100));
        let now = meter::written(pid).unwrap_or(0);
        if now != before || now == 0 {
            (before, since) = (now, Instant::now());
        }
    }
}
