//! The ledger read back: a table of runs, and the steps of one host.

use comfy_table::{ContentArrangement, Table, presets};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::text;
use crate::{
    event::{HostAt, HostState, Outcome, RunState, Verdict},
    hint::Hint,
    view::RunView,
};

/// One run of a table: its state, and whether a controller is running it.
pub type RunLine = (RunState, bool);

/// Runs as a table, in the order given.
pub fn runs_text(runs: &[RunLine], width: u16, zone: TimeZone) -> String {
    if runs.is_empty() {
        return "no run has been recorded yet\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    table.force_no_tty();
    table.set_header(["run", "playbook", "started", "by", "state", "hosts"]);
    for (state, alive) in runs {
        let started = &state.started;
        let at = state.started_at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        let playbook = text::clean(&started.plan.playbook, 40);
        let by = text::clean(&started.person.beside(&started.operator), 30);
        table.add_row([
            started.run.to_string(),
            playbook,
            at,
            by,
            view(state, *alive).phase_words(),
            view(state, *alive).counts().sentence(),
        ]);
    }
    // An id in two pieces could not be typed again, and a date is read at a glance.
    text::keep_whole(
        &mut table,
        0,
        runs.iter().map(|(state, _)| state.started.run.0.len()).max().unwrap_or(0),
        u16::MAX,
    );
    text::keep_whole(&mut table, 2, "2026-01-01 00:00".len(), u16::MAX);
    let phases = runs.iter().map(|(state, alive)| view(state, *alive).phase_words().len());
    text::keep_whole(&mut table, 4, phases.max().unwrap_or(0), u16::MAX);
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// One object per run.
pub fn runs_json(runs: &[RunLine]) -> Vec<Value> {
    runs.iter()
        .map(|(state, alive)| {
            json!({
                "run": state.started.run,
                "playbook": state.started.plan.playbook,
                "playbook_path": state.started.playbook_path,
                "started_at": state.started_at,
                "last_at": state.last_at,
                "operator": state.started.operator,
                "person": state.started.person,
                "controller": state.started.controller,
                "check": state.started.check,
                "rehearsal": state.started.rehearsal,
                "limit": state.started.limit,
                "digest": state.started.digest,
                "state": view(state, *alive).phase().as_str(),
                "exit_code": view(state, *alive).exit_code(),
                "hosts": view(state, *alive).counts(),
            })
        })
        .collect()
}

fn view(state: &RunState, running: bool) -> RunView<'_> {
    RunView::of(state).running(running)
}

/// One host's walk, a line per step, with what a failed one said. `program` is how this program is called in commands.
pub fn host_text(view: &RunView<'_>, host: &HostState, program: &str) -> String {
    let (state, outcome) = (view.state, host.outcome());
    let word = if view.goes_on(host) { "in flight" } else { text::outcome(outcome) };
    let unreal = state.started.rehearsal.then(|| state.started.unreal()).flatten();
    let unreal = unreal.map(|unreal| format!(" ({unreal})")).unwrap_or_default();
    let mut page = format!("{}: {word}{unreal}\n", host.name);
    for (step, result) in &host.steps {
        let name = text::step_name(state.plan(), *step);
        let verdict = match result.verdict {
            Verdict::Ok => "ok",
            Verdict::Skipped => "skipped",
            Verdict::Failed => "failed",
            Verdict::Unreachable => "unreachable",
            Verdict::Unknown => "unknown",
        };
        let summary = text::first_line(&result.summary, 400);
        let took = text::duration(result.took);
        page.push_str(&format!("  {verdict:<11} {}  ({took}): {summary}\n", text::clean(&name, 60)));
        for line in &result.detail {
            page.push_str(&format!("              {}\n", text::first_line(line, 400)));
        }
        if let Some(help) = &result.help {
            page.push_str(&format!(
                "              try: {}\n",
                text::first_line(&Hint::read(help).render(program), 400)
            ));
        }
    }
    if let Some(current) = &host.current {
        let name = text::step_name(state.plan(), current.step);
        page.push_str(&format!("  {word:<11} {} (attempt {})\n", text::clean(&name, 60), current.attempt));
    } else if host.at == HostAt::InFlight && outcome == Outcome::Paused {
        page.push_str(&format!("  {word:<11} {}\n", view.between(host)));
    }
    for line in host.lease_lines() {
        page.push_str(&format!("  lease       {}\n", text::first_line(&line, 400)));
    }
    if outcome == Outcome::NotStarted {
        page.push_str("  it had no slot in this run\n");
    }
    page
}
