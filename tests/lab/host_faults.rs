//! The fault matrix on the hosts' side: what kills a transaction, reboots the host, fills its disk or sets its clock,
//! before, during and after the upgrade, and around the reboot. One fleet and one run per test, one fault per host.

use crate::{
    fleet::{Lab, at_once},
    judge::{Before, judge_all},
    moments::{ALL_AT_ONCE, Moment, WALK, until_held},
    patchwave::Patchwave,
};

/// What is done to a host from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// SIGKILL for the job's wrapper, apt, dpkg, the script of the package; for all of them.
    Wrapper,
    Apt,
    Dpkg,
    Script,
    All,
    /// A reboot by systemd, a forced reboot, and pulling the plug.
    Reboot,
    ForcedReboot,
    Power,
    /// No room for dpkg's database; for the files of the job.
    DpkgDisk,
    JobDisk,
    /// The wall clock is set three hours forward (a lease lasts two), or back before everything on the host.
    ClockForward,
    ClockBack,
}

use Fault::*;

const JOB: &str = "/var/lib/patchwave/jobs/*.install";

impl Fault {
    fn prepare(self, lab: &Lab, host: &str) {
        let small = |folder: &str, size: &str| {
            let script = format!(
                "mkdir -p {folder} /mnt/small; mount -t tmpfs -o size={size} small /mnt/small; cp -a {folder}/. /mnt/small; mount --bind /mnt/small {folder}"
            );
            lab.on(host, &script);
        };
        match self {
            DpkgDisk => small("/var/lib/dpkg", "40m"),
            JobDisk => small("/var/lib/patchwave", "400k"),
            ClockForward | ClockBack => lab.own_clock(host),
            _ => {}
        }
    }

    fn strike(self, lab: &Lab, host: &str) {
        let kill = |what: &str| drop(lab.on(host, &format!("kill -KILL {what}")));
        match self {
            Wrapper => kill(&format!("$(cut -d' ' -f1 {JOB}/pid)")),
            Apt => kill(&format!("$(cut -d' ' -f1 {JOB}/child)")),
            Dpkg => kill("$(pgrep -x dpkg)"),
            Script => kill("$(pgrep -f [l]ab-slowsec.postinst)"),
            All => drop(lab.on(host, "systemctl kill -s KILL 'patchwave-*'")),
            Reboot => lab.ask_to_reboot(host, "systemctl reboot"),
            ForcedReboot => lab.ask_to_reboot(host, "systemctl reboot --force --force"),
            Power => lab.sh(&["power", host, "cycle"]),
            DpkgDisk | JobDisk => drop(lab.on(host, "head -c 50M /dev/zero >/mnt/small/full 2>/dev/null || :")),
            ClockForward => lab.jump(host, 3 * 3600),
            ClockBack => lab.jump(host, -400 * 86_400),
        }
    }

    /// Reboots for which the host asks its machine.
    fn reboots(self) -> usize {
        usize::from(matches!(self, Reboot | ForcedReboot))
    }

    fn mend(self, lab: &Lab, host: &str) {
        match self {
            DpkgDisk | JobDisk => drop(lab.on(host, "rm -f /mnt/small/full")),
            ClockForward | ClockBack => lab.jump(host, 0),
            _ => {}
        }
    }
}

/// One host of the matrix.
struct Cell {
    host: String,
    moment: Moment,
    fault: Fault,
    before: Before,
}

impl Cell {
    /// Strikes, and releases the host as soon as the fault is there.
    fn strike(&self, lab: &Lab) {
        let host = &self.host;
        if self.moment == Moment::Down {
            lab.let_go(host);
            lab.until_up(host);
        }
        let downs = lab.downs(host);
        self.fault.strike(lab, host);
        match (self.fault, self.moment) {
            // A shutdown waits for the job, and the job waits for us.
            (Reboot, Moment::Install) => lab.until(host, "test \"$(systemctl is-system-running)\" = stopping"),
            (Reboot | ForcedReboot | Power, _) => {
                lab.in_time(|| lab.downs(host) > downs, || format!("{host} does not go down"));
                lab.until_up(host);
            }
            _ => {}
        }
        lab.let_go(host);
    }
}

/// Strikes every host at its moment, in one run; then resumes the run, judges, repairs what is not ok as the help says,
/// and runs again. Returns `fault moment: outcome` of each host.
fn live_through(cells: &[(Fault, Moment)], add: &str) -> Option<Vec<String>> {
    let lab = Lab::up(cells.len(), add)?;
    let cell = |(n, (fault, moment)): (usize, &(Fault, Moment))| {
        let host = format!("h{}", n + 1);
        Cell { before: Before::of(&lab, &host), host, moment: *moment, fault: *fault }
    };
    let cells: Vec<Cell> = cells.iter().enumerate().map(cell).collect();
    at_once(&cells, |cell| {
        cell.fault.prepare(&lab, &cell.host);
        lab.hold(&cell.host, cell.moment);
    });
    let jump = Patchwave::new(&lab, ALL_AT_ONCE, WALK);
    let mut running = jump.start_run(&[]);
    let places: Vec<_> = cells.iter().map(|cell| (cell.host.clone(), cell.moment)).collect();
    until_held(&lab, &mut running, &places);
    at_once(&cells, |cell| cell.strike(&lab));
    let ended = running.wait();
    assert!([0, 6, 7].contains(&ended.code), "exit {}: {}", ended.code, ended.err);
    let run = ended.run_id();
    let again = jump.resume();
    assert_eq!(again.code, ended.code, "nothing is open any more: {}", again.err);
    for cell in &cells {
        lab.until_up(&cell.host);
        cell.fault.mend(&lab, &cell.host);
    }
    let events = jump.call(&["show", &run, "--json"]).must(0).events();
    let befores: Vec<&Before> = cells.iter().map(|cell| &cell.before).collect();
    let judged = judge_all(&lab, &befores, &events, |host| {
        cells.iter().find(|cell| cell.host == host).map_or(0, |cell| cell.fault.reboots())
    });
    let found: Vec<String> =
        cells.iter().zip(judged).map(|(cell, came)| format!("{:?} {:?}: {came}", cell.fault, cell.moment)).collect();
    eprintln!("{}", found.join("\n"));
    repaired(&lab, &jump, &cells, &run);
    Some(found)
}

/// A host that is not `ok` is ok after the repair that the help names, and one more run.
fn repaired(lab: &Lab, jump: &Patchwave, cells: &[Cell], run: &str) {
    let events = jump.call(&["show", run, "--json"]).must(0).events();
    let unwell: Vec<&Cell> = cells.iter().filter(|cell| events.outcome(&cell.host) != "ok").collect();
    if unwell.is_empty() {
        return;
    }
    for cell in &unwell {
        lab.on(&cell.host, "DEBIAN_FRONTEND=noninteractive dpkg --force-confold --configure -a >/dev/null 2>&1");
    }
    let rest = jump.run(&["--limit", &format!("@{run}:unfinished")]).must(0).events();
    for cell in &unwell {
        assert_eq!(rest.outcome(&cell.host), "ok", "{}", cell.host);
        cell.before.is_patched(lab);
    }
}

#[test]
fn whatever_hits_a_transaction_it_ran_once_and_the_truth_is_told() {
    let expected = [
        // It goes on without its wrapper, or dpkg without apt; the packages show that everything was installed.
        (Wrapper, "ok"),
        (Apt, "ok"),
        // apt is alive and reports the failure: no repair is done behind its back.
        (Dpkg, "failed: package-manager"),
        (Script, "failed: package-failed"),
        // Cut off without a message: repaired once.
        (All, "ok"),
        (ForcedReboot, "ok"),
        (Power, "ok"),
        (Reboot, "ok"),
        (DpkgDisk, "failed: disk"),
        (JobDisk, "ok"),
        (ClockForward, "ok"),
        (ClockBack, "ok"),
    ];
    check(&expected.map(|(fault, outcome)| (fault, Moment::Install, outcome)), "");
}

#[test]
fn whatever_hits_a_host_before_its_transaction_costs_nothing() {
    let expected = [
        (Reboot, "ok"),
        (ForcedReboot, "ok"),
        (Power, "ok"),
        (DpkgDisk, "failed: disk"),
        (JobDisk, "failed: job-refused"),
        (ClockForward, "ok"),
        // apt says that the package lists are not valid yet.
        (ClockBack, "failed: refresh"),
    ];
    check(&expected.map(|(fault, outcome)| (fault, Moment::Refresh, outcome)), "");
}

#[test]
fn whatever_hits_a_host_around_its_reboot_it_reboots_once_more_at_most() {
    use Moment::{After, Between, Down};
    let expected = [
        (Reboot, Between, "ok"),
        (ForcedReboot, Between, "ok"),
        (Power, Between, "ok"),
        (ClockForward, Between, "ok"),
        (ClockBack, Between, "ok"),
        (DpkgDisk, Between, "ok"),
        (JobDisk, Between, "ok"),
        // Before or after the proof that the host is up: it counts as a different boot, or the host is simply up again.
        (ForcedReboot, Down, ""),
        (Power, Down, ""),
        (Reboot, After, "ok"),
        (ForcedReboot, After, "ok"),
        (Power, After, "ok"),
        (ClockForward, After, "ok"),
        (ClockBack, After, "ok"),
    ];
    // The small file systems do not survive a reboot.
    check(&expected, "lab-reboot=h1,h2,h3,h4,h5,h8,h9,h10,h11,h12,h13,h14");
}

/// `""`: any outcome that is true.
fn check(expected: &[(Fault, Moment, &str)], add: &str) {
    let cells: Vec<_> = expected.iter().map(|(fault, moment, _)| (*fault, *moment)).collect();
    let Some(found) = live_through(&cells, add) else { return };
    let wanted: Vec<String> = expected
        .iter()
        .zip(&found)
        .map(|((fault, moment, outcome), found)| match *outcome {
            "" => found.clone(),
            outcome => format!("{fault:?} {moment:?}: {outcome}"),
        })
        .collect();
    assert_eq!(found, wanted);
}
