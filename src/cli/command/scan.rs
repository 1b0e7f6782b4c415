//! `patchwave scan`: what is pending on hosts. It looks, records what it saw, and shows it.

use std::{collections::HashMap, io::Write as _, path::PathBuf, sync::Arc};

use futures::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::{
    cli::{
        Failure, World,
        args::ScanArgs,
        connect::{
            roster::{ConnectOptions, Hosts},
            transport::{forks, transport},
        },
        imported::knowledge,
        outcome_selectors::RecordedRuns,
        rollout::prepare::load_inventory,
        terminal::counting::Counting,
        warnings::warn,
    },
    engine::{self, Visited},
    host::HostName,
    ledger::Ledger,
    look::{Asked, Found},
    pkg::Pending,
    record::{Digest, Document, HostNotScanned, HostScanned, Kind, NewRecord},
    target::Target,
    transport::{LinkError, Transport},
    ui,
    view::{FleetView, HostScan, Knowledge, ScanAnswer, UpdateFilter},
};

/// How many hosts are recorded in one transaction.
const BATCH: usize = 200;

pub(in crate::cli) fn scan(args: &ScanArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let inventory = load_inventory(&args.inventory, world)?;
    let past = RecordedRuns { state_dir: state_dir.clone(), playbook: None };
    let selected = inventory.select(&args.pattern, &past).map_err(Failure::usage)?;
    warn(&inventory.near_misses(&selected), world);
    let options = ConnectOptions::new(&args.connect, world)?;
    let hosts = Hosts::new(Arc::new(inventory), Default::default(), &selected, &options)?;
    let transport = transport(&args.connect, world)?;
    let forks = forks(args.connect.forks, world);
    // Before anything is sent: what cannot be recorded need not be asked.
    let mut ledger = Ledger::open(&state_dir)?;
    let knowledge = knowledge(&ledger, world.clock.now())?;
    let visit = Visit { args, transport, targets: hosts.targets(&selected), forks };
    let mut scans = visit.run(&mut ledger, world)?;
    finish(&ledger, &mut scans)?;
    if !knowledge.is_empty() {
        annotate(&ledger, &knowledge, &mut scans)?;
    }
    let packages = args.package.clone();
    let filter = UpdateFilter { security: args.security, kernel: args.kernel, cve: args.cve.clone(), packages };
    let scans: Vec<HostScan> =
        selected.iter().filter_map(|host| scans.remove(host)).map(Scan::into_host_scan).collect();
    let view = FleetView { scans: &scans, filter: &filter };
    show(args, &view, world)?;
    match (&args.cve, view.exit_code()) {
        // That no update fixes it says nothing as long as nobody says what would.
        (Some(cve), 0) if !knowledge.names(cve) => {
            world.talk(format_args!(
                "whether it is fixed is not known: no imported advisory of the last 7 days names {cve}"
            ));
            Ok(7)
        }
        (_, code) => Ok(code),
    }
}

/// The scan of one host before it is complete.
struct Scan {
    scan: HostScan,
    pending: Option<Digest>,
    packages: Option<Digest>,
}

impl Scan {
    fn into_host_scan(self) -> HostScan {
        self.scan
    }
}

type Scans = HashMap<HostName, Scan>;

/// Everything that a visit of all hosts needs.
struct Visit<'a> {
    args: &'a ScanArgs,
    transport: Arc<dyn Transport>,
    targets: Vec<Arc<Target>>,
    forks: usize,
}

impl Visit<'_> {
    /// Visits every host, until all have answered or until Ctrl-C, and records what they say.
    fn run(self, ledger: &mut Ledger, world: &mut World) -> Result<Scans, Failure> {
        let names: Vec<HostName> = self.targets.iter().map(|target| target.name.clone()).collect();
        let count = world.stderr_is_terminal.then(|| {
            let stderr = Box::new(world.stderr.clone());
            Counting::start(ui::Count::new(stderr, world.terminal(), world.paint(true), &world.screen, &names))
        });
        let began = world.clock.now();
        let mut recorder = Recorder::new(ledger, began, world.by());
        let asked = Asked { raise: self.args.raise, refresh: self.args.refresh };
        let clock = Arc::clone(&world.clock);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::internal(format!("the async runtime cannot be started: {error}")))?;
        let signals = world.signals;
        let visited = runtime.block_on(async {
            let (sender, mut interrupted) = mpsc::channel(1);
            let _listening = if signals { engine::listen(sender.clone()).ok() } else { None };
            let visits = engine::scan(self.transport, self.targets, self.forks, asked, self.args.timeout, clock);
            let mut visits = std::pin::pin!(visits);
            loop {
                tokio::select! {
                    visit = visits.next() => {
                        let Some(visit) = visit else { break };
                        if let Some(count) = &count {
                            count.done(&visit.host, &end_of(&visit.result));
                        }
                        recorder.take(visit)?;
                    }
                    _ = interrupted.recv() => break,
                }
            }
            drop(sender);
            recorder.finish()
        });
        // Open connections are cut, not waited for.
        runtime.shutdown_background();
        if let Some(count) = count {
            count.finish();
        }
        let mut scans = visited?;
        for host in names {
            let at = began;
            scans.entry(host.clone()).or_insert_with(|| Scan {
                scan: interrupted_scan(host, at),
                pending: None,
                packages: None,
            });
        }
        Ok(scans)
    }
}

/// How the line that counts hosts shows this visit.
fn end_of(result: &Result<Found, LinkError>) -> ui::ExecEnd {
    match result {
        Ok(_) => ui::ExecEnd::Code(0),
        Err(_) => ui::ExecEnd::Code(1),
    }
}

fn interrupted_scan(host: HostName, at: Timestamp) -> HostScan {
    let not = HostNotScanned {
        host: host.clone(),
        scan: String::new(),
        by: String::new(),
        class: FleetView::INTERRUPTED.to_owned(),
        why: "interrupted before it had answered".to_owned(),
        unreachable: false,
    };
    HostScan { host, at, answer: Err(not), since: Default::default() }
}

/// Writes visits into the ledger, some at a time, and keeps what is shown.
struct Recorder<'a> {
    ledger: &'a mut Ledger,
    scan: String,
    by: String,
    waiting: Vec<NewRecord>,
    last_at: Timestamp,
    scans: Scans,
    /// Hosts with the same updates share one value.
    pending: HashMap<Digest, Arc<Pending>>,
}

impl<'a> Recorder<'a> {
    fn new(ledger: &'a mut Ledger, began: Timestamp, by: String) -> Self {
        let scan = began.strftime("%Y%m%d-%H%M%S").to_string();
        let (waiting, scans, pending) = (Vec::new(), Scans::new(), HashMap::new());
        Self { ledger, scan, by, waiting, last_at: began, scans, pending }
    }

    fn take(&mut self, visit: Visited) -> Result<(), Failure> {
        let Visited { host, at, result } = visit;
        self.last_at = at;
        let (record, scan) = match result {
            Ok(found) => self.found(host.clone(), at, found)?,
            Err(error) => self.not_found(host.clone(), at, &error),
        };
        self.waiting.push(record);
        self.scans.insert(host, scan);
        if self.waiting.len() >= BATCH { self.write() } else { Ok(()) }
    }

    fn found(&mut self, host: HostName, at: Timestamp, found: Found) -> Result<(NewRecord, Scan), Failure> {
        let json = |value: serde_json::Result<Document>| value.map_err(Failure::internal);
        let facts = json(Document::json(&found.facts))?;
        let pending = found.pending.as_ref().map(Document::json).transpose().map_err(Failure::internal)?;
        let packages = found.packages.as_ref().map(Document::json).transpose().map_err(Failure::internal)?;
        let digest = |document: &Option<Document>| document.as_ref().map(|document| document.digest.clone());
        let kind = Kind::HostScanned(HostScanned {
            host: host.clone(),
            scan: self.scan.clone(),
            by: self.by.clone(),
            facts: facts.digest.clone(),
            pending: digest(&pending),
            packages: digest(&packages),
            unknown: found.unknown.clone(),
        });
        let shared = match (&pending, found.pending) {
            (Some(document), Some(value)) => {
                Some(Arc::clone(self.pending.entry(document.digest.clone()).or_insert_with(|| Arc::new(value))))
            }
            _ => None,
        };
        let answer = ScanAnswer { facts: Arc::new(found.facts), pending: shared, before: None, unknown: found.unknown };
        let scan = HostScan { host, at, answer: Ok(answer), since: Default::default() };
        let scan = Scan { scan, pending: digest(&pending), packages: digest(&packages) };
        let documents = [Some(facts), pending, packages].into_iter().flatten().collect();
        Ok((NewRecord { kind, documents }, scan))
    }

    fn not_found(&self, host: HostName, at: Timestamp, error: &LinkError) -> (NewRecord, Scan) {
        let not = HostNotScanned {
            host: host.clone(),
            scan: self.scan.clone(),
            by: self.by.clone(),
            class: error.class().to_owned(),
            why: error.to_string(),
            unreachable: error.unreachable(),
        };
        let record = NewRecord { kind: Kind::HostNotScanned(not.clone()), documents: Vec::new() };
        let scan = HostScan { host, at, answer: Err(not), since: Default::default() };
        (record, Scan { scan, pending: None, packages: None })
    }

    fn write(&mut self) -> Result<(), Failure> {
        let records = std::mem::take(&mut self.waiting);
        Ok(self.ledger.append_records(self.last_at, &records)?)
    }

    fn finish(mut self) -> Result<Scans, Failure> {
        self.write()?;
        Ok(self.scans)
    }
}

/// Adds what only the ledger knows: since when updates are pending, and what was pending before.
fn finish(ledger: &Ledger, scans: &mut Scans) -> Result<(), Failure> {
    let mut entries = ledger.scanned_hosts()?;
    let mut known: HashMap<Digest, Arc<Pending>> = HashMap::new();
    for scan in scans.values() {
        if let (Some(digest), Ok(ScanAnswer { pending: Some(pending), .. })) = (&scan.pending, &scan.scan.answer) {
            known.insert(digest.clone(), Arc::clone(pending));
        }
    }
    for (host, scan) in scans.iter_mut() {
        let Some(entry) = entries.remove(host) else { continue };
        scan.scan.since = entry.since;
        let (Ok(answer), Some(previous)) = (&mut scan.scan.answer, entry.previous) else { continue };
        let Kind::HostScanned(before) = ledger.record_no(previous)?.kind else { continue };
        let Some(digest) = before.pending else { continue };
        let pending = match known.get(&digest) {
            Some(pending) => Arc::clone(pending),
            None => {
                let pending: Arc<Pending> = Arc::new(ledger.document(&digest)?);
                Arc::clone(known.entry(digest).or_insert(pending))
            }
        };
        answer.before = Some(pending);
    }
    Ok(())
}

/// Adds to the updates what imported advisories say about them, once for hosts with the same packages and updates.
fn annotate(ledger: &Ledger, knowledge: &Knowledge, scans: &mut Scans) -> Result<(), Failure> {
    /// By the address of the updates; the packages and the system.
    type Key = (usize, Digest, String, String);
    // The updates themselves are kept as well, so that no other ones get their address.
    let mut done: HashMap<Key, (Arc<Pending>, Arc<Pending>)> = HashMap::new();
    for scan in scans.values_mut() {
        let Scan { scan: HostScan { answer: Ok(answer), .. }, packages: Some(packages), .. } = scan else { continue };
        let ScanAnswer { facts, pending, before, .. } = answer;
        let os = &facts.system.os;
        for updates in [pending, before].into_iter().flatten() {
            let key = (Arc::as_ptr(updates) as usize, packages.clone(), os.id.clone(), os.version_id.clone());
            let annotated = match done.get(&key) {
                Some((_, annotated)) => Arc::clone(annotated),
                None => {
                    let mut own = Pending::clone(updates);
                    knowledge.annotate(&mut own, facts, &ledger.document(packages)?);
                    let own = Arc::new(own);
                    done.insert(key, (Arc::clone(updates), Arc::clone(&own)));
                    own
                }
            };
            *updates = annotated;
        }
    }
    Ok(())
}

fn show(args: &ScanArgs, view: &FleetView<'_>, world: &mut World) -> Result<(), Failure> {
    let look = ui::ScanLook { width: world.width(), zone: world.zone(), now: world.clock.now() };
    if args.json {
        let mut stdout = std::io::BufWriter::new(world.stdout.clone());
        let written = ui::scan_json(view).try_for_each(|line| writeln!(stdout, "{line}")).and_then(|()| stdout.flush());
        return match written {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Failure::internal(format!("standard output cannot be written: {error}")))
            }
            _ => Ok(()),
        };
    }
    let text = match () {
        () if args.csv => ui::scan_csv(view),
        () if args.diff => ui::scan_diff_text(view, &look),
        () => ui::scan_text(view, &look),
    };
    world.print(&text)?;
    if !args.csv {
        world.talk(ui::scan_tally(view));
    }
    Ok(())
}
