//! Reads what the toy prints: words, one thing per line, and a last line `end`.

use crate::{
    command::{Output, Unreadable},
    pkg::{Boot, Exact, Installed, Kernel, Kernels, LockHolder, Package, PackageState, Pending, Simulation, Update},
};

fn lines(output: &Output) -> Result<Vec<Vec<String>>, Unreadable> {
    let text = output.text();
    let mut lines: Vec<Vec<String>> = text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
    match lines.pop() {
        Some(last) if last == ["end"] && output.success() => Ok(lines),
        _ => Err(Unreadable::new("the answer is incomplete")),
    }
}

/// `NAME VERSION [broken]`.
pub(super) fn state(output: &Output) -> Result<PackageState, Unreadable> {
    let mut state = PackageState::default();
    for line in lines(output)? {
        let [name, version, broken @ ..] = &line[..] else { return Err(Unreadable::new("not a package")) };
        let installed = Installed { version: version.clone(), broken: broken.first().cloned(), ..Installed::default() };
        state.add(name, installed);
    }
    Ok(state)
}

/// `running VERSION`, then `kernel VERSION`, oldest first.
pub(super) fn boot(output: &Output) -> Result<Boot, Unreadable> {
    let mut kernels = Kernels::default();
    for line in lines(output)? {
        match &line[..] {
            [tag, version] if tag == "running" => kernels.running = version.clone(),
            [tag, version] if tag == "kernel" => kernels.installed.push(Kernel {
                release: version.clone(),
                flavour: String::new(),
                packages: vec![Package { name: "kern".to_owned(), version: Some(version.clone()) }],
            }),
            _ => return Err(Unreadable::new("not a kernel")),
        }
    }
    kernels.newest = kernels.installed.last().map(|kernel| kernel.release.clone());
    Ok(Boot { kernels, reasons: Vec::new() })
}

/// `lock FILE PID PROGRAM`.
pub(super) fn locks(output: &Output) -> Result<Vec<LockHolder>, Unreadable> {
    let holder = |line: &Vec<String>| match &line[..] {
        [tag, file, pid, program] if tag == "lock" => Some(LockHolder {
            file: file.clone(),
            pid: pid.parse().ok()?,
            program: program.clone(),
            group: String::new(),
        }),
        _ => None,
    };
    lines(output)?.iter().map(|line| holder(line).ok_or_else(|| Unreadable::new("not a lock"))).collect()
}

/// `NAME FROM TO`.
pub(super) fn pending(output: &Output) -> Result<Pending, Unreadable> {
    let update = |line: &Vec<String>| {
        let [name, from, to] = &line[..] else { return Err(Unreadable::new("not an update")) };
        let update = Update::new(name, Some(from.clone()), to);
        Ok(Update { kernel: name == "kern", ..update })
    };
    let updates = lines(output)?.iter().map(update).collect::<Result<_, _>>()?;
    Ok(Pending { updates, ..Pending::default() })
}

/// `+ NAME VERSION FROM` and `- NAME=VERSION`.
pub(super) fn simulation(output: &Output) -> Result<Simulation, Unreadable> {
    let mut simulation = Simulation::default();
    for line in lines(output)? {
        match &line[..] {
            [sign, name, version, from] if sign == "+" => {
                let exact = Exact { name: name.clone(), version: version.clone() };
                simulation.installs.push((exact, Some(from.clone())));
            }
            [sign, package] if sign == "-" => simulation.removals.push(Package::from(package.clone())),
            _ => return Err(Unreadable::new("not a change")),
        }
    }
    Ok(simulation)
}
