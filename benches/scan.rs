//! `scan` of simulated hosts: processor time, memory and the size of the ledger. `cargo bench --bench scan -- 10000`.
//! Fails if ten thousand hosts take more than 5 s of processor time or 250 MiB.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use patchwave::{
    cli::{self, World, world::Out},
    host::HostName,
    sim::{Faults, SimFleet},
};

/// User and system time of this process: Linux counts in hundredths of a second there.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(10 * ticks)
}

fn main() {
    let hosts: usize = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(10_000);
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..hosts).map(|n| format!("h{n:05}.example.com")).collect();
    let mut inventory = "all:\n  hosts:\n".to_owned();
    for name in &names {
        let _ = writeln!(inventory, "    {name}:");
    }
    let path = folder.path().join("inv.yml");
    std::fs::write(&path, inventory).unwrap();
    let all = names.iter().map(|name| (HostName::new(name).unwrap(), Faults::default()));
    let fleet = SimFleet::new(all, Duration::from_millis(1)).with_apt();
    for round in ["first", "second"] {
        let state = folder.path().join("state").display().to_string();
        let env = [("PATCHWAVE_STATE_DIR", state.as_str()), ("HOME", "/nowhere"), ("TZ", "UTC")];
        let world = World {
            stdout: Out::new(std::io::stdout()),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect::<BTreeMap<_, _>>(),
            transport: Some(Arc::new(fleet.clone())),
            signals: false,
            ..World::real()
        };
        let before = cpu();
        let args = ["patchwave", "scan", "-i", path.to_str().unwrap()];
        let code = cli::main(args.map(Into::into), world);
        let took = cpu() - before;
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = line.trim().trim_end_matches("kB").trim().parse().unwrap();
        let size = std::fs::metadata(folder.path().join("state/ledger.db")).unwrap().len();
        println!("{round} scan of {hosts} hosts: {took:.2?} CPU, peak {} MiB, ledger {} KiB", peak / 1024, size / 1024);
        assert_eq!(code, 8);
        assert!(hosts > 10_000 || (took < Duration::from_secs(5) && peak < 250 << 10), "more than was allowed");
    }
}
