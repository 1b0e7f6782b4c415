//! A plan as a person reads it before confirming: a table of stages and waves, the steps, the digest.

use std::collections::BTreeSet;

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{Paint, text, tolerated, windows::coarse};
use crate::{
    calendar::{Closed, Schedule, Window},
    plan::{self, Estimate, LastStarts, Overrun, Plan, Stage, Walks, Wave},
    playbook::StepSpec,
    policy::Mode,
    rollout::{self, Tolerance},
    view::WINDOWS_IGNORED,
};

/// If a stage has more waves than this, neighbours of equal size share a line.
const LISTED: usize = 8;

/// What a page says about a plan that is not in it.
#[derive(Clone, Debug)]
pub struct PlanNotes {
    /// The present.
    pub now: Timestamp,
    /// For each stage its name, and where its rules come from.
    pub origins: Vec<(String, String)>,
    /// How long it will probably take.
    pub estimate: Option<Estimate>,
    /// How long hosts take, for the last start in a window.
    pub walks: Walks,
    /// Whether the next window is too short.
    pub overrun: Option<Overrun>,
}

/// The plan as tables; every line ends with a newline. `verbose` gives every wave a line and names every host.
pub fn plan_text(plan: &Plan, notes: &PlanNotes, width: u16, paint: Paint, verbose: bool) -> String {
    let digest = plan.short_digest();
    let hosts = plan.hosts().count();
    let head = format!("{}, plan {digest}", paint.strong(&text::clean(&plan.playbook, 60)));
    let tolerance = rollout::tolerance(plan);
    let size = format!("{} in {}", text::count(hosts, "host"), text::count(plan.stages.len(), "stage"));
    let size = text::wrap(&format!("{size}; {}", tolerated::headline(plan, &tolerance)), width.into());
    let mut page = format!("{head}\n{size}\n\n{}\n\n", stages(plan, &tolerance, width, paint, verbose));
    page.push_str(&remarks(plan, notes, width));
    page.push_str(&paint.strong("steps of each host"));
    page.push('\n');
    page.push_str(&steps(&plan.steps));
    if !plan.on_failure.is_empty() {
        page.push_str(&paint.strong("steps after a failure"));
        page.push('\n');
        page.push_str(&steps(&plan.on_failure));
    }
    for stage in plan.stages.iter().filter(|stage| !stage.gate.is_empty()) {
        page.push_str(&paint.strong(&format!("gate of {}", stage.name)));
        page.push('\n');
        page.push_str(&steps(&stage.gate));
    }
    page
}

/// What does not fit into the table.
fn remarks(plan: &Plan, notes: &PlanNotes, width: u16) -> String {
    let mut lines = String::new();
    let mut add = |line: &str| lines.push_str(&(text::wrap_behind("", "  ", line, width.into()) + "\n"));
    if plan.ignores_windows {
        add(WINDOWS_IGNORED);
    }
    for line in plan.skipped_lines() {
        add(&text::clean(&line, 400));
    }
    for (stage, rules) in &notes.origins {
        add(&format!("{stage}: {rules}"));
    }
    for (s, stage) in plan.stages.iter().enumerate() {
        let risk = stage.risk.filter(|risk| !stage.name.ends_with(risk.as_str()));
        let risk = risk.map(|risk| format!("highest risk in {}: {risk}", stage.name));
        let windows = windows(plan, stage, notes.now);
        let last = plan::last_starts(plan, stage, &notes.walks, notes.now);
        let last = last.map(|last| last_start(&stage.name, &last));
        risk.into_iter().chain(windows).chain(last).chain(between(plan, s)).for_each(|line| add(&line));
    }
    if let Some(estimate) = &notes.estimate {
        add(&estimate_line(estimate, plan.hosts().count()));
    }
    if let Some(Overrun { needs, open, left }) = notes.overrun {
        let (needs, open, left) = (text::duration(needs), text::duration(open), text::count(left, "host"));
        add(&format!("needs about {needs}, and the window is open for {open}: about {left} will be left"));
    }
    if !lines.is_empty() {
        lines.push('\n');
    }
    lines
}

/// The plan and its digest as one JSON object.
pub fn plan_json(plan: &Plan, digest: &str) -> Value {
    json!({ "digest": digest, "hosts": plan.hosts().count(), "plan": plan.shown() })
}

fn stages(plan: &Plan, tolerance: &Tolerance, width: u16, paint: Paint, verbose: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    if paint.colours() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let bold = |text: &str| Cell::new(text).add_attribute(Attribute::Bold);
    table.set_header(["stage", "wave", "size", "hosts", "tolerated"].map(bold));
    for (stage, tolerated) in plan.stages.iter().zip(&tolerance.stages) {
        for (i, (wave, size, members)) in waves(stage, verbose).into_iter().enumerate() {
            let most = if verbose { usize::MAX } else { usize::from(width) };
            let names = text::hosts(members.iter().flat_map(|wave| &wave.hosts).map(|host| &host.name), most);
            table.add_row([
                Cell::new(if i == 0 { stage.name.as_str() } else { "" }),
                Cell::new(wave),
                Cell::new(size).set_alignment(CellAlignment::Right),
                Cell::new(names),
                Cell::new(if i == 0 { tolerated::column(*tolerated) } else { String::new() }),
            ]);
        }
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    let longest = plan.stages.iter().map(|stage| stage.name.chars().count()).max().unwrap_or(0);
    let hosts = text::name_room(plan.hosts().map(|(host, ..)| &host.name));
    for (column, room) in [(0, longest), (1, "1 canary".len()), (2, "4 each".len()), (3, hosts), (4, "3 (stage)".len())]
    {
        text::keep_whole(&mut table, column, room, width);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// `estimate: about 1h20m without waiting for people (from 3 earlier runs; 12 of 14 hosts are known)`.
pub(super) fn estimate_line(estimate: &Estimate, hosts: usize) -> String {
    let known = if estimate.known == hosts {
        String::new()
    } else {
        format!("; {} of {} were in them", estimate.known, text::count(hosts, "host"))
    };
    let runs = text::count(estimate.runs, "earlier run");
    format!("estimate: about {} without waiting for people (from {runs}{known})", text::duration(estimate.total))
}

/// The windows and freezes of all stages, a line each: `window of production: 0 2 * * SUN for 4h UTC; next: …`.
pub fn window_lines(plan: &Plan, now: Timestamp) -> Vec<String> {
    plan.stages.iter().flat_map(|stage| windows(plan, stage, now)).collect()
}

/// When its hosts may start, one line for each window, with the next date, and one for each freeze.
fn windows(plan: &Plan, stage: &Stage, now: Timestamp) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for host in stage.waves.iter().flat_map(|wave| &wave.hosts) {
        let schedule = plan.schedule(host);
        if let Some(windows) = schedule.windows {
            let written = windows.iter().map(Window::to_string).collect::<Vec<_>>().join(", and ");
            lines.insert(format!("window of {}: {written}{}", stage.name, opening(&schedule, now)));
        } else if let Err(closed) = schedule.open(now) {
            lines.insert(format!("{}: {}{}", stage.name, frozen(&closed), opening(&schedule, now)));
        }
    }
    lines
}

/// `last start of production: 05:12 CET, 48m before its end (19 of 20 walks took at most so long; 14 are known)`.
fn last_start(stage: &str, last: &LastStarts) -> String {
    let at = last.at.to_zoned(TimeZone::get(&last.zone).unwrap_or(TimeZone::UTC));
    let needs = text::duration(last.needs);
    let why = match (last.guessed, last.seen) {
        (true, _) => " (a guess: fewer than 5 walks are known)".to_owned(),
        (false, 0) => String::new(),
        (false, seen) => format!(" (p95 of {seen} walks)"),
    };
    format!("last start of {stage}: {}, {needs} before the window closes{why}", at.strftime("%a %-d %b %Y, %H:%M %Z"))
}

fn frozen(closed: &Closed) -> String {
    match closed {
        Closed::Frozen(hold) => hold.to_string(),
        Closed::Window => String::new(),
        Closed::Late(late) => format!("too late: {late}"),
        Closed::Unusable(why) => format!("not known: {why}"),
    }
}

/// `; open until Sun 13 Dec 2026, 06:00 CET`, `; next: Sun 13 Dec 2026, 02:00 CET (in 15d 2h)`, after freezes.
fn opening(schedule: &Schedule<'_>, now: Timestamp) -> String {
    let zone = schedule.zone();
    let date = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%a %-d %b %Y, %H:%M %Z").to_string();
    let why = match schedule.open(now) {
        Ok(until) => return format!("; open until {}", date(until)),
        Err(Closed::Frozen(_)) if schedule.windows.is_none() => String::new(),
        Err(Closed::Window) => String::new(),
        Err(closed) => format!("; {}", frozen(&closed)),
    };
    match schedule.next(now) {
        Some(at) => format!("{why}; next: {} (in {})", date(at), coarse(at.duration_since(now).unsigned_abs())),
        None => why,
    }
}

/// The lines of the table: name, size and the waves that share the line.
fn waves(stage: &Stage, verbose: bool) -> Vec<(String, String, Vec<&Wave>)> {
    let mut lines = Vec::new();
    let mut at = 0;
    while at < stage.waves.len() {
        let wave = &stage.waves[at];
        let same = stage.waves[at..].iter().take_while(|w| w.hosts.len() == wave.hosts.len() && !w.canary).count();
        let together = if verbose || stage.waves.len() <= LISTED { 1 } else { same.max(1) };
        let size = wave.hosts.len();
        let (name, size) = match together {
            1 if wave.canary => (format!("{} canary", at + 1), size.to_string()),
            1 => match (stage.mode, stage.window_size) {
                (Mode::Sliding, Some(window)) => (format!("{} sliding", at + 1), format!("{size}, {window} at once")),
                _ => ((at + 1).to_string(), size.to_string()),
            },
            n => (format!("{}-{}", at + 1, at + n), format!("{size} each")),
        };
        lines.push((name, size, stage.waves[at..at + together].iter().collect()));
        at += together;
    }
    lines
}

/// The waits between the waves of a stage. Only what will happen if all goes well: after the last wave of the run the
/// gate runs, and there is no other wait.
fn between(plan: &Plan, s: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let stage = &plan.stages[s];
    let last = plan.stages[s + 1..].iter().all(|later| later.waves.is_empty());
    let (name, gate) = (&stage.name, !stage.gate.is_empty());
    let soak = (!stage.soak.is_zero()).then(|| format!("soak {}", text::rest(stage.soak)));
    match (soak, gate) {
        (Some(soak), true) if !last => lines.push(format!("after each wave of {name}: {soak}, then run the gate")),
        (soak, gate) => {
            let soak = soak.filter(|_| !(last && stage.waves.len() < 2));
            let but = if last { " but the last" } else { "" };
            lines.extend(soak.map(|soak| format!("after each wave of {name}{but}: {soak}")));
            lines.extend(gate.then(|| format!("after each wave of {name}: run the gate")));
        }
    }
    match stage.approve {
        Some(moment) if plan.approvals().any(|approval| approval == (s, moment)) => {
            lines.push(format!("{name}: waits for approval {moment}"));
        }
        Some(_) => lines.push(format!("{name}: no approval needed, because nothing follows its only wave")),
        None => {}
    }
    lines
}

fn steps(steps: &[StepSpec]) -> String {
    let mut lines = String::new();
    for (i, step) in steps.iter().enumerate() {
        let mut extra = Vec::new();
        if let Some(when) = &step.when {
            extra.push(format!("when {}", text::clean(when, 60)));
        }
        if let Some(timeout) = step.timeout {
            extra.push(format!("at most {}", text::rest(timeout)));
        }
        if step.retries > 0 {
            extra.push(text::count(step.retries as usize, "more attempt"));
        }
        if step.on == crate::playbook::Side::Controller {
            extra.push("on the jump box".to_owned());
        }
        let extra = if extra.is_empty() { String::new() } else { format!(" ({})", extra.join(", ")) };
        lines.push_str(&format!("{:>4}. {}{extra}\n", i + 1, text::clean(&step.name, 80)));
        // A guard over the whole walk is shown once, at the step that confirms it.
        let own = step.guard.as_ref().filter(|guard| !guard.whole_walk).or(step.kind.guard_ended());
        if let Some(guard) = own {
            let rollback = text::clean(&guard.rollback.shown(), 60);
            lines.push_str(&format!("      unless confirmed within {}: {rollback}\n", text::rest(guard.within)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        calendar::{Window, Windows},
        event::sample,
        host::Risk,
        plan::Moment,
        playbook::{CommandLine, Guard, StepKind, Template},
        policy::OnBudgetSpent,
    };

    fn rich() -> Plan {
        let edge: Vec<String> = (1..=45).map(|i| format!("edge{i:02}.example.com")).collect();
        let batches: Vec<String> = edge[1..].chunks(4).map(|chunk| chunk.join(" ")).collect();
        let mut edge_waves = vec![edge[0].as_str()];
        edge_waves.extend(batches.iter().map(String::as_str));
        let mut plan = sample::plan(&[
            ("staging", &["s1.example.com s2.example.com"]),
            ("edge", &edge_waves),
            ("production/critical", &["db1.example.com", "db2.example.com db3.example.com"]),
        ]);
        plan.max_failures = Some(2);
        let window = Window::cron("0 2 * * SUN#2", Duration::from_secs(4 * 3600), "Europe/Berlin");
        let window = Arc::new(Windows::from(window));
        let last = &mut plan.stages[2];
        last.risk = Some(Risk::Critical);
        last.soak = Duration::from_secs(600);
        last.approve = Some(Moment::AfterCanary);
        last.gate = vec![sample::step_spec("No errors in the shop")];
        last.waves.iter_mut().flat_map(|w| &mut w.hosts).for_each(|h| h.window = Some(Arc::clone(&window)));
        plan.stages[1].risk = Some(Risk::Low);
        plan.stages[1].max_failures = 3;
        plan.stages[1].on_budget_spent = OnBudgetSpent::HaltStage;
        plan.steps[1].when = Some("facts.os == 'debian'".to_owned());
        plan.steps[1].retries = 2;
        plan.steps[2].timeout = Some(Duration::from_secs(900));
        plan
    }

    fn notes() -> PlanNotes {
        let estimate = Estimate { total: Duration::from_secs(4800), known: 48, runs: 3 };
        let rules = "canary 1 (default: risk critical), batch 25% (default), max_failures 0 (default)".to_owned();
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        PlanNotes {
            now,
            origins: vec![("production/critical".to_owned(), rules)],
            estimate: Some(estimate),
            walks: Walks::default(),
            overrun: None,
        }
    }

    fn shown(width: u16) -> String {
        let text = plan_text(&rich(), &notes(), width, Paint::plain(), false);
        for line in text.lines() {
            assert!(console::measure_text_width(line) <= usize::from(width), "{line:?}");
        }
        text
    }

    #[test]
    fn a_plan_on_80_columns() {
        insta::assert_snapshot!(shown(80), @r#"
        Rolling patch wave, plan a914bbd2f526
        50 hosts in 3 stages; halts at the first failed host in staging and
        production/critical, or when more than 2 hosts fail in total

        stage                 wave      size    hosts                    tolerated
        staging               1              2  s[1-2].example.com       0
        edge                  1 canary       1  edge01.example.com       2 (run)
                              2-12      4 each  edge[02-45].example.com
        production/critical   1 canary       1  db1.example.com          0
                              2              2  db[2-3].example.com

        production/critical: canary 1 (default: risk critical), batch 25% (default),
          max_failures 0 (default)
        highest risk in edge: low
        window of production/critical: 0 2 * * SUN#2 for 4h Europe/Berlin; next: Sun
          13 Dec 2026, 02:00 CET (in 15d 13h)
        after each wave of production/critical but the last: soak 10m
        after each wave of production/critical: run the gate
        production/critical: waits for approval after its first wave
        estimate: about 1h20m without waiting for people (from 3 earlier runs; 48 of
          50 hosts were in them)

        steps of each host
           1. Ready to be patched
           2. Security updates (when facts.os == 'debian', 2 more attempts)
           3. Reboot where it is needed (at most 15m)
        steps after a failure
           1. Restore the snapshot
        gate of production/critical
           1. No errors in the shop
        "#);
    }

    #[test]
    fn a_plan_on_200_columns() {
        insta::assert_snapshot!(shown(200), @r#"
        Rolling patch wave, plan a914bbd2f526
        50 hosts in 3 stages; halts at the first failed host in staging and production/critical, or when more than 2 hosts fail in total

        stage                 wave      size    hosts                    tolerated
        staging               1              2  s[1-2].example.com       0
        edge                  1 canary       1  edge01.example.com       2 (run)
                              2-12      4 each  edge[02-45].example.com
        production/critical   1 canary       1  db1.example.com          0
                              2              2  db[2-3].example.com

        production/critical: canary 1 (default: risk critical), batch 25% (default), max_failures 0 (default)
        highest risk in edge: low
        window of production/critical: 0 2 * * SUN#2 for 4h Europe/Berlin; next: Sun 13 Dec 2026, 02:00 CET (in 15d 13h)
        after each wave of production/critical but the last: soak 10m
        after each wave of production/critical: run the gate
        production/critical: waits for approval after its first wave
        estimate: about 1h20m without waiting for people (from 3 earlier runs; 48 of 50 hosts were in them)

        steps of each host
           1. Ready to be patched
           2. Security updates (when facts.os == 'debian', 2 more attempts)
           3. Reboot where it is needed (at most 15m)
        steps after a failure
           1. Restore the snapshot
        gate of production/critical
           1. No errors in the shop
        "#);
    }

    /// The waits that are shown, for every moment at which a stage can need approval.
    #[test]
    fn only_waits_that_will_happen_are_announced() {
        let waits = |stages: &[(&str, &[&str])], approve: Moment| {
            let mut plan = sample::plan(stages);
            for stage in &mut plan.stages {
                (stage.approve, stage.soak) = (Some(approve), Duration::from_secs(60));
                stage.gate = vec![sample::step_spec("No errors in the shop")];
            }
            let notes = PlanNotes { origins: Vec::new(), estimate: None, ..notes() };
            remarks(&plan, &notes, 200).trim_end().to_owned()
        };
        let one: &[(&str, &[&str])] = &[("db", &["db1"])];
        assert_eq!(
            waits(one, Moment::Before),
            "after each wave of db: run the gate\ndb: waits for approval before its first host"
        );
        assert_eq!(
            waits(one, Moment::AfterCanary),
            "after each wave of db: run the gate\n\
             db: no approval needed, because nothing follows its only wave"
        );
        assert_eq!(
            waits(&[("web", &["w1"]), ("db", &["db1", "db2"])], Moment::AfterCanary),
            "after each wave of web: soak 1m, then run the gate\nweb: waits for approval after its first wave\n\
             after each wave of db but the last: soak 1m\nafter each wave of db: run the gate\n\
             db: waits for approval after its first wave"
        );
    }

    #[test]
    fn a_guard_says_what_the_host_does_by_itself() {
        let guard = |within, whole_walk| Guard {
            within: Duration::from_secs(within),
            rollback: CommandLine::Shell(Template("nft -f\n  /root/before".to_owned())),
            timeout: Guard::TIMEOUT,
            whole_walk,
        };
        let mut plan = rich();
        plan.steps[0].guard = Some(guard(120, false));
        plan.steps[1].guard = Some(guard(600, true));
        plan.steps[2].kind = StepKind::Confirm(guard(600, true));
        let text = plan_text(&plan, &notes(), 80, Paint::plain(), false);
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("unless")).collect();
        assert_eq!(
            lines,
            [
                "      unless confirmed within 2m: nft -f; /root/before",
                "      unless confirmed within 10m: nft -f; /root/before"
            ]
        );
    }

    #[test]
    fn verbose_gives_every_wave_its_line() {
        let text = plan_text(&rich(), &notes(), 160, Paint::plain(), true);
        for wave in rich().stages.iter().flat_map(|stage| &stage.waves) {
            let names: Vec<_> = wave.hosts.iter().map(|host| host.name.clone()).collect();
            let names = crate::names::fold(&names);
            assert_eq!(text.matches(&names).count(), 1, "{names} in\n{text}");
        }
    }

    #[test]
    fn json_reads_back_as_the_same_plan() {
        let value = plan_json(&rich(), "3f9a");
        assert_eq!((&value["digest"], &value["hosts"]), (&json!("3f9a"), &json!(50)));
        assert_eq!(serde_json::from_value::<Plan>(value["plan"].clone()).unwrap(), rich());
    }
}
