//! The search: every order of moves, breadth first, so that the first break of a law that is found is the shortest one.
//! States that are alike are visited once: those with the same files on the host, where each controller has heard the
//! same. It knows no law and no script. Start at [`walk`].

use std::{
    collections::{HashMap, HashSet},
    fmt, mem,
    sync::Arc,
};

use super::{
    controller::{Heard, Life, Orders, Sent, Standing},
    host::{self, Course, Files, Host, Key, Mutant, digest},
    laws,
};
use crate::command::Output;

/// Who is there.
pub(super) struct Scenario {
    pub orders: [Orders; 2],
    /// Both have the same orders: then A is the one that moves first.
    pub alike: bool,
}

/// How often each fault may still happen in one order of moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// All together.
    pub all: u8,
    /// An answer is lost, the command having run to its end or, if it is a start, up to its claim.
    pub losses: u8,
    /// A connection is lost while a command is on its way, and the host runs it at any time later.
    pub delays: u8,
    /// A controller dies and resumes. Between the two only others can move, as they can before it dies.
    pub deaths: u8,
    /// A job is killed with its wrapper.
    pub kills: u8,
    /// The host reboots.
    pub reboots: u8,
    /// More than two hours pass.
    pub ages: u8,
}

#[derive(Clone)]
pub(super) struct Person {
    life: Life,
    pub standing: Arc<Standing>,
}

impl Faults {
    pub const NONE: Self = Self { all: 9, losses: 0, delays: 0, deaths: 0, kills: 0, reboots: 0, ages: 0 };

    /// Whether one of this kind may happen.
    fn allows(self, kind: u8) -> bool {
        self.all > 0 && kind > 0
    }

    /// What is left after one of this kind.
    fn spend(&mut self, kind: impl FnOnce(&mut Self) -> &mut u8) {
        self.all -= 1;
        *kind(self) -= 1;
    }
}

impl Person {
    pub fn run(&self) -> &'static str {
        self.life.orders().run
    }

    fn is_over(&self) -> bool {
        self.standing.sends.is_none()
    }
}

#[derive(Clone)]
pub(super) struct State {
    pub files: Files,
    pub people: [Person; 2],
    /// Commands that are on their way, and whose answers nobody hears.
    late: Vec<Arc<Sent>>,
    /// Whose lease another run has taken.
    pub taken: [bool; 2],
    left: Faults,
}

impl State {
    fn key(&self) -> Key {
        let mut parts = vec![format!("{:?} {:?}", self.left, self.taken).into_bytes(), self.files.key.to_vec()];
        parts.extend(self.late.iter().map(|late| late.key.to_vec()));
        parts.extend(self.people.iter().map(|person| match person.is_over() {
            // What it heard counts no more.
            true => format!("{:?}{:?}", person.standing.result, person.standing.lost).into_bytes(),
            false => person.life.key.to_vec(),
        }));
        digest(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

/// One move. The number is that of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Move {
    Answered(usize, Course),
    AnswerLost(usize, Course),
    Delayed(usize),
    Arrives(usize),
    DiesAndResumes(usize),
    Begins(String),
    Ends(String, usize),
    IsKilled(String, usize),
    Ages,
    Reboots,
}

impl Move {
    fn is_of(&self, person: usize) -> bool {
        use Move::{AnswerLost, Answered, Delayed, DiesAndResumes};
        matches!(self, Answered(n, _) | AnswerLost(n, _) | Delayed(n) | DiesAndResumes(n) if *n == person)
    }
}

/// What a search came to.
pub(super) struct Found {
    /// The law that was broken, and the shortest order of moves that breaks it.
    pub broken: Option<(String, Vec<String>)>,
    pub states: usize,
    pub moves: usize,
    /// Scripts that really ran; of the others it was known how they end.
    pub scripts: usize,
    /// The mutant's text is in a script.
    pub met: bool,
    /// How many moves the longest order has that was walked.
    pub depth: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states, {} moves, {} scripts, depth {}", self.states, self.moves, self.scripts, self.depth)?;
        if let Some((law, moves)) = &self.broken {
            write!(f, "\n{law}")?;
            for (n, line) in moves.iter().enumerate() {
                write!(f, "\n  {:2}. {line}", n + 1)?;
            }
        }
        Ok(())
    }
}

struct Search {
    host: Host,
    stands: HashMap<Key, Arc<Standing>>,
}

/// Walks every order of up to `depth` moves, or to the first that breaks a law.
pub(super) fn walk(scenario: &Scenario, faults: Faults, depth: usize, mutant: Option<Mutant>) -> Found {
    let mut search = Search { host: Host::new(mutant), stands: HashMap::new() };
    let first = search.first(scenario, faults);
    let mut seen = HashSet::from([first.key()]);
    // Each move with the one before it.
    let mut moves: Vec<(usize, String)> = vec![(0, String::new())];
    let mut edge = vec![(0, first)];
    let mut found = Found { broken: None, states: 1, moves: 0, scripts: 0, met: false, depth: 0 };
    while found.depth < depth && !edge.is_empty() {
        found.depth += 1;
        for (at, state) in mem::take(&mut edge) {
            for step in open(&state) {
                if at == 0 && scenario.alike && step.is_of(1) {
                    continue;
                }
                let said = say(&state, &step);
                let next = search.made(&state, &step);
                found.moves += 1;
                (found.scripts, found.met) = (search.host.runs, search.host.met);
                let broken = laws::broken(&state, &next);
                if !seen.insert(next.key()) && broken.is_none() {
                    continue;
                }
                moves.push((at, said));
                if let Some(law) = broken {
                    found.broken = Some((law, order(&moves)));
                    return found;
                }
                found.states += 1;
                edge.push((moves.len() - 1, next));
            }
        }
    }
    found
}

/// The moves that lead to the last one, and that one.
fn order(moves: &[(usize, String)]) -> Vec<String> {
    let mut at = moves.len() - 1;
    let mut order = Vec::new();
    while at != 0 {
        order.push(moves[at].1.clone());
        at = moves[at].0;
    }
    order.reverse();
    order
}

/// What can happen next.
fn open(state: &State) -> Vec<Move> {
    let mut open = Vec::new();
    let left = state.left;
    for (n, person) in state.people.iter().enumerate() {
        let Some(sent) = &person.standing.sends else { continue };
        let label = sent.command.label;
        let starts = label == "job-start";
        open.push(Move::Answered(n, Course::Whole));
        if starts {
            open.extend([Course::JobWorks, Course::JobEnds].map(|course| Move::Answered(n, course)));
        }
        // That a look is lost changes nothing, here or there.
        if label == "job-poll" {
            if left.allows(left.deaths) {
                open.push(Move::DiesAndResumes(n));
            }
            continue;
        }
        if left.allows(left.losses) {
            open.push(Move::AnswerLost(n, Course::Whole));
            if starts {
                open.push(Move::AnswerLost(n, Course::CutAfterClaim));
            }
        }
        if left.allows(left.delays) {
            open.push(Move::Delayed(n));
        }
        if left.allows(left.deaths) {
            open.push(Move::DiesAndResumes(n));
        }
    }
    open.extend((0..state.late.len()).map(Move::Arrives));
    open.extend(host::names_in(&state.files, "units").into_iter().map(Move::Begins));
    for (job, pid) in host::working(&state.files) {
        open.push(Move::Ends(job.clone(), pid));
        if left.allows(left.kills) {
            open.push(Move::IsKilled(job, pid));
        }
    }
    // On a host that has no lease and no job there is nothing that these two could change.
    let touched = !host::names_in(&state.files, host::BASE).is_empty();
    if touched && left.allows(left.ages) {
        open.push(Move::Ages);
    }
    if touched && left.allows(left.reboots) {
        open.push(Move::Reboots);
    }
    open
}

impl Search {
    fn first(&mut self, scenario: &Scenario, faults: Faults) -> State {
        let mut files = host::fresh();
        for orders in scenario.orders.iter().filter(|orders| orders.leased) {
            let lease = format!("{}\n{}\n", orders.run, orders.owner);
            files = host::with(&files, &format!("{}/lease", host::BASE), &lease);
            files = host::with(&files, &format!("{}/lease.seen", host::BASE), &format!("{} boot-1 100\n", orders.run));
        }
        let people = scenario.orders.clone().map(|orders| self.person(Life::new(orders)));
        State { files, people, late: Vec::new(), taken: [false; 2], left: faults }
    }

    fn person(&mut self, life: Life) -> Person {
        let standing = self.stands.entry(life.key).or_insert_with(|| Arc::new(life.stands()));
        Person { standing: Arc::clone(standing), life }
    }

    /// The state after a move.
    fn made(&mut self, state: &State, step: &Move) -> State {
        let mut next = state.clone();
        match step {
            Move::Answered(n, course) => self.runs(&mut next, *n, *course, true),
            Move::AnswerLost(n, course) => {
                next.left.spend(|left| &mut left.losses);
                self.runs(&mut next, *n, *course, false);
            }
            Move::Delayed(n) => {
                next.left.spend(|left| &mut left.delays);
                next.late.extend(state.people[*n].standing.sends.clone());
                self.hears(&mut next, *n, None);
            }
            Move::Arrives(n) => {
                let sent = next.late.remove(*n);
                next.files = self.host.run(&state.files, &sent.command, sent.key, Course::Whole).1;
            }
            Move::DiesAndResumes(n) => {
                next.left.spend(|left| &mut left.deaths);
                let dead = &state.people[*n];
                next.people[*n] = self.person(dead.life.resumed(&dead.standing));
            }
            Move::Begins(unit) => next.files = self.host.begin(&state.files, unit),
            // One of them fails.
            Move::Ends(job, pid) => {
                next.files = self.host.end(&state.files, job, *pid, if job.starts_with('A') { 0 } else { 3 });
            }
            Move::IsKilled(_, pid) => {
                next.left.spend(|left| &mut left.kills);
                next.files = host::without_processes(&state.files, *pid);
            }
            Move::Ages => {
                next.left.spend(|left| &mut left.ages);
                next.files = host::aged(&state.files);
            }
            Move::Reboots => {
                next.left.spend(|left| &mut left.reboots);
                next.late.clear();
                next.files = host::rebooted(&state.files);
            }
        }
        let (from, to) = (host::holder(&state.files), host::holder(&next.files));
        for (n, person) in state.people.iter().enumerate() {
            next.taken[n] |= person.run() == from && from != to && !to.is_empty();
            next.taken[n] &= person.run() != to;
        }
        next
    }

    /// A controller's command runs on the host, and its answer arrives, or does not.
    fn runs(&mut self, state: &mut State, n: usize, course: Course, heard: bool) {
        let sent = state.people[n].standing.sends.clone().expect("it sends something");
        let (output, files) = self.host.run(&state.files, &sent.command, sent.key, course);
        state.files = files;
        self.hears(state, n, heard.then_some(output));
    }

    fn hears(&mut self, state: &mut State, n: usize, answer: Option<Output>) {
        let repeated = state.people[n].standing.sends.as_ref().is_some_and(|sent| sent.is_repeated());
        if answer.is_none() && repeated {
            return;
        }
        let other_is_over = state.people[1 - n].is_over();
        let life = state.people[n].life.hears(Heard { answer, other_is_over });
        if !life.repeats() {
            state.people[n] = self.person(life);
        }
    }
}

/// A move in words.
fn say(state: &State, step: &Move) -> String {
    let run = |n: &usize| state.people[*n].run();
    let label = |n: &usize| state.people[*n].standing.sends.as_ref().map_or("nothing", |sent| sent.command.label);
    match step {
        Move::Answered(n, Course::JobWorks) => {
            format!("{}: {} runs, the job begins, and it is answered", run(n), label(n))
        }
        Move::Answered(n, Course::JobEnds) => {
            format!("{}: {} runs, the job ends, and it is answered", run(n), label(n))
        }
        Move::Answered(n, _) => format!("{}: {} runs and is answered", run(n), label(n)),
        Move::AnswerLost(n, Course::CutAfterClaim) => format!("{}: {} is cut after its claim", run(n), label(n)),
        Move::AnswerLost(n, _) => format!("{}: {} runs, its answer is lost", run(n), label(n)),
        Move::Delayed(n) => format!("{}: the connection is lost, {} is still on its way", run(n), label(n)),
        Move::Arrives(n) => format!("{}: the late {} runs", state.late[*n].run, state.late[*n].command.label),
        Move::DiesAndResumes(n) => {
            format!("{}: the controller dies before it sends {}, and resumes", run(n), label(n))
        }
        Move::Begins(unit) => format!("the host begins {unit}"),
        Move::Ends(job, _) => format!("{job} ends"),
        Move::IsKilled(job, _) => format!("{job} is killed"),
        Move::Ages => "more than two hours pass".to_owned(),
        Move::Reboots => "the host reboots".to_owned(),
    }
}
