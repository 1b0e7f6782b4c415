//! The run as a Markdown page for a ticket: the verdict, who and when, each host, each trouble, each package change.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    command::printable,
    event::Outcome,
    host::HostName,
    names,
    view::{Record, RunView, left_lines, step_name},
};

/// The page; times are shown in `zone`. Hosts with the same package changes share a table. While a controller is
/// running the run, hosts in flight are shown as such; after that they are paused or unknown.
pub fn markdown(view: &RunView<'_>, record: Option<&Record>, zone: &TimeZone) -> String {
    let mut page = String::new();
    head(&mut page, view, record, zone);
    stages(&mut page, view);
    hosts(&mut page, view, zone);
    in_flight(&mut page, view, zone);
    troubles(&mut page, view);
    left_behind(&mut page, view);
    drained(&mut page, view);
    unsent(&mut page, view);
    leases(&mut page, view);
    unknown(&mut page, view);
    packages(&mut page, view);
    page
}

fn head(page: &mut String, view: &RunView<'_>, record: Option<&Record>, zone: &TimeZone) {
    let (state, started) = (view.state, &view.state.started);
    let verdict = match state.exit_code() {
        _ if view.running => "still running",
        0 => "every selected host is ok",
        4 if state.tally.rolled_back == state.tally.total => "every selected host was rolled back",
        4 if state.tally.rolled_back > 0 => "hosts were rolled back, no host broke",
        4 if state.tally.waiting() + state.tally.in_flight == 0 => "every host is ok, but a gate did not pass",
        4 => "stopped early, no host broke",
        5 => "hosts were unreachable",
        6 if state.tally.failed == 0 => "every host is ok, but no host knows a package that was named",
        6 => "hosts failed",
        _ => "the state of some hosts is not known",
    };
    let check = match started.unreal() {
        Some(_) if started.check => " (check only, nothing was changed)".to_owned(),
        Some(word) => format!(" ({word})"),
        None => String::new(),
    };
    line(page, &format!("# {}{check}: {verdict}\n", escape(&started.plan.playbook)));
    let fact = |page: &mut String, name: &str, value: &str| line(page, &format!("- {name}: {}", escape(value)));
    fact(page, "run", &started.run.0);
    fact(page, "began", &time(state.started_at, zone));
    fact(page, if state.finished { "ended" } else { "last record" }, &time(state.last_at, zone));
    fact(
        page,
        "by",
        &format!(
            "{} on {}, patchwave {}",
            started.person.beside(&started.operator),
            started.controller,
            started.version
        ),
    );
    fact(page, "playbook", &started.playbook_path);
    fact(page, "inventory", &started.inventory_paths.join(", "));
    if let Some(limit) = &started.limit {
        fact(page, "limit", limit);
    }
    for line in started.plan.skipped_lines() {
        fact(page, "skipped", line.trim_start_matches("skipped: "));
    }
    fact(page, "plan", &started.digest);
    if let Some(record) = record {
        fact(page, "record", &format!("{} events, head {}", record.events, record.head));
    }
    if let Some(windows) = view.windows_ignored() {
        fact(page, "windows", &windows);
    }
    if state.resumes > 0 {
        fact(page, "resumed", &format!("{} times", state.resumes));
    }
    if let Some(why) = view.stopped_because() {
        fact(page, "stopped because", &why);
    }
    let counts = view.counts();
    let open = if view.running { format!("{} in flight, ", counts.in_flight) } else { String::new() };
    let broken = format!("{} failed, {} unreachable, {} unknown", counts.failed, counts.unreachable, counts.unknown);
    let back = if counts.rolled_back > 0 { format!("{} rolled back, ", counts.rolled_back) } else { String::new() };
    let rest = format!("{back}{} paused, {} not started", counts.paused, counts.not_started);
    fact(page, "hosts", &format!("{}: {} ok, {open}{broken}, {rest}", counts.total, counts.ok));
}

fn stages(page: &mut String, view: &RunView<'_>) {
    let state = view.state;
    line(
        page,
        "\n## Stages\n\n| stage | wave | hosts | ok | broken | paused | not started | gate |\n|---|---|---|---|---|---|---|---|",
    );
    for (s, (stage, planned)) in state.stages.iter().zip(&state.plan().stages).enumerate() {
        for (i, (wave, shape)) in stage.waves.iter().zip(&planned.waves).enumerate() {
            let counts = view.wave_counts(s, i);
            let canary = if shape.canary { " (canary)" } else { "" };
            let gate = match &wave.gate {
                Some((true, _)) => "passed".to_owned(),
                Some((false, why)) => format!("did not pass: {}", escape(why)),
                None => String::new(),
            };
            let name = escape(&planned.name);
            let (ok, broken, paused) = (counts.ok, counts.broken(), counts.paused);
            let counts = format!("{} | {ok} | {broken} | {paused} | {}", counts.total, counts.not_started);
            line(page, &format!("| {name} | {}{canary} | {counts} | {gate} |", i + 1));
        }
        for (moment, by) in &stage.approvals {
            let cell = format!("approved {moment} by {}", escape(by));
            line(page, &format!("| {} | | | | | | | {cell} |", escape(&planned.name)));
        }
    }
}

fn hosts(page: &mut String, view: &RunView<'_>, zone: &TimeZone) {
    let state = view.state;
    line(page, "\n## Hosts\n\n| host | outcome | began | took | packages | rebooted |\n|---|---|---|---|---|---|");
    for host in &state.hosts {
        let began = host.started_at.map(|at| time(at, zone)).unwrap_or_default();
        let took = host.took(state.last_at).map(|took| format!("{:.0} s", took.as_secs_f64())).unwrap_or_default();
        let rebooted = if host.rebooted() { "yes" } else { "" };
        let outcome = view.host_word(host);
        line(
            page,
            &format!("| {} | {outcome} | {began} | {took} | {} | {rebooted} |", host.name, host.packages_changed()),
        );
    }
}

fn in_flight(page: &mut String, view: &RunView<'_>, zone: &TimeZone) {
    let (open, plan) = (view.in_flight(), view.state.plan());
    if !view.running {
        return paused(page, view);
    }
    if open.is_empty() {
        return;
    }
    line(page, "\n## In flight\n");
    for host in open {
        let doing = host.current.as_ref().map_or_else(
            || "between two steps".to_owned(),
            |current| format!("in \"{}\" since {}", escape(&step_name(plan, current.step)), time(current.since, zone)),
        );
        line(page, &format!("- **{}**: {doing}", host.name));
    }
}

/// Hosts that stopped between two steps.
fn paused(page: &mut String, view: &RunView<'_>) {
    let paused = view.in_flight().into_iter().filter(|host| host.outcome() == Outcome::Paused);
    for (i, host) in paused.enumerate() {
        if i == 0 {
            line(page, "\n## Paused\n");
        }
        line(page, &format!("- **{}**: {}", host.name, escape(&view.between(host))));
    }
}

fn troubles(page: &mut String, view: &RunView<'_>) {
    let plan = view.state.plan();
    let broken: Vec<_> = view.broken().collect();
    if broken.is_empty() {
        return;
    }
    line(page, "\n## What broke\n");
    for host in broken {
        let Some((step, result)) = host.broke_at() else {
            let (_, _, why) = view.why(host);
            line(page, &format!("- **{}** {}: {}", host.name, host.outcome(), escape(&why)));
            continue;
        };
        let (name, summary) = (escape(&step_name(plan, step)), escape(&result.summary));
        let then = host.and_then(plan).map(|then| format!("; {}", escape(&then))).unwrap_or_default();
        line(page, &format!("- **{}** {} at \"{name}\": {summary}{then}", host.name, host.outcome()));
        // An indented block shows bytes as they are; no fence in the output can end it.
        for (i, detail) in result.detail.iter().take(20).enumerate() {
            let gap = if i == 0 { "\n" } else { "" };
            line(page, &format!("{gap}      {}", printable(detail)));
        }
        if !result.detail.is_empty() {
            page.push('\n');
        }
    }
}

fn leases(page: &mut String, view: &RunView<'_>) {
    for (i, (host, said)) in view.leases().enumerate() {
        if i == 0 {
            line(page, "\n## Leases that went from one run to another\n");
        }
        line(page, &format!("- **{host}**: {}", escape(&said)));
    }
}

fn left_behind(page: &mut String, view: &RunView<'_>) {
    let groups = view.left_behind();
    if groups.is_empty() {
        return;
    }
    line(page, "\n## Left behind\n");
    for (left, hosts) in groups {
        let hosts: Vec<HostName> = hosts.into_iter().cloned().collect();
        line(page, &format!("- **{}**", escape(&names::fold(&hosts))));
        left_lines(&left, usize::MAX).iter().for_each(|said| line(page, &format!("  - {}", escape(said))));
    }
}

fn drained(page: &mut String, view: &RunView<'_>) {
    for (i, group) in view.drained().iter().enumerate() {
        if i == 0 {
            line(page, "\n## Still drained\n");
        }
        let hosts: Vec<HostName> = group.hosts.iter().map(|host| host.name.clone()).collect();
        line(page, &format!("- **{}**: {}", escape(&names::fold(&hosts)), escape(group.why)));
    }
}

fn unsent(page: &mut String, view: &RunView<'_>) {
    for (i, one) in view.unsent().into_iter().enumerate() {
        if i == 0 {
            line(page, "\n## Messages that were not sent\n");
        }
        let hosts: Vec<HostName> = one.hosts.into_iter().cloned().collect();
        line(page, &format!("- **{}**: {}", escape(&names::fold(&hosts)), escape(&one.why)));
    }
}

fn unknown(page: &mut String, view: &RunView<'_>) {
    let names = view.state.unknown_packages();
    if !names.is_empty() {
        let names: Vec<String> = names.iter().map(|name| escape(name)).collect();
        line(page, &format!("\nNo host that was asked knows these packages: {}", names.join(", ")));
    }
    let ids: Vec<String> = view.state.unmatched_ids().iter().map(|id| escape(id)).collect();
    if !ids.is_empty() {
        line(page, &format!("\nNo pending update of any host belongs to: {}", ids.join(", ")));
    }
}

fn packages(page: &mut String, view: &RunView<'_>) {
    let sets = view.package_sets();
    if sets.is_empty() {
        return;
    }
    line(page, "\n## Packages");
    for (set, hosts) in sets {
        line(
            page,
            &format!(
                "\n{} ({})\n\n| package | before | after |\n|---|---|---|",
                escape(&names::fold(&hosts)),
                hosts.len()
            ),
        );
        for (name, from, to) in set {
            let (from, to) = (from.as_deref().unwrap_or("not installed"), to.as_deref().unwrap_or("removed"));
            line(page, &format!("| {} | {} | {} |", escape(&name), escape(from), escape(to)));
        }
    }
}

fn line(page: &mut String, text: &str) {
    let _ = writeln!(page, "{text}");
}

fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%F %T %Z").to_string()
}

/// One line in which Markdown and HTML characters are escaped.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in printable(&text.replace(['\n', '\r', '\t'], " ")).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Kind, StepResult, sample::*},
        plan::Moment,
    };

    #[test]
    fn a_halted_run_as_a_page() {
        let mut sample = Sample::of(plan(&[("staging", &["s1 s2"]), ("production", &["db1", "db2 db3"])]));
        sample.good("s1").good("s2").tell(Kind::Approved {
            stage: 1,
            moment: Moment::AfterCanary,
            by: "bob@jump".to_owned(),
        });
        let detail = vec!["E: Could not get lock".to_owned(), "```\u{1b}[2J".to_owned()];
        sample.walk("db1", vec![StepResult { detail, ..failure("lock", "held by <b>apt</b> | pid 1") }]);
        sample.start("db2").begin("db2", main_step(1));
        let from = serde_json::json!({ "run": "R1", "owner": "bob@jump2", "age_s": 60 });
        sample.note("db2", main_step(1), "lease.left_behind", from).tell(Kind::RunFinished);
        let record = Record { events: 9, head: "00ff".repeat(16) };
        insta::assert_snapshot!(markdown(&RunView::of(&sample.state), Some(&record), &TimeZone::UTC), @r#"
        # Rolling patch wave: the state of some hosts is not known

        - run: 20261122-020000-kxfa
        - began: 2026-11-22 02:00:00 UTC
        - ended: 2026-11-22 02:00:07 UTC
        - by: ann on jump, patchwave 0.1.0
        - playbook: /srv/playbooks/rolling-patch.yml
        - inventory: /srv/inventories/production.yml
        - plan: 3f9a2c1b77d0
        - record: 9 events, head 00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
        - hosts: 5: 2 ok, 1 failed, 0 unreachable, 1 unknown, 0 paused, 1 not started

        ## Stages

        | stage | wave | hosts | ok | broken | paused | not started | gate |
        |---|---|---|---|---|---|---|---|
        | staging | 1 | 2 | 2 | 0 | 0 | 0 |  |
        | production | 1 (canary) | 1 | 0 | 1 | 0 | 0 |  |
        | production | 2 | 2 | 0 | 1 | 0 | 1 |  |
        | production | | | | | | | approved after its first wave by bob@jump |

        ## Hosts

        | host | outcome | began | took | packages | rebooted |
        |---|---|---|---|---|---|
        | s1 | ok | 2026-11-22 02:00:00 UTC | 3 s | 2 | yes |
        | s2 | ok | 2026-11-22 02:00:03 UTC | 3 s | 2 | yes |
        | db1 | failed | 2026-11-22 02:00:06 UTC | 1 s | 0 |  |
        | db2 | unknown | 2026-11-22 02:00:07 UTC | 0 s | 0 |  |
        | db3 | not_started |  |  | 0 |  |

        ## What broke

        - **db1** failed at "Ready to be patched": held by &lt;b&gt;apt&lt;/b&gt; \| pid 1

              E: Could not get lock
              ```[2J

        - **db2** unknown: "Security updates" had begun when the controller left

        ## Leases that went from one run to another

        - **db2**: its lease was taken from run R1 of bob@jump2, 1 min after that run last reported (this ledger says that run has finished with the host)

        ## Packages

        s\[1-2\] (2)

        | package | before | after |
        |---|---|---|
        | libc6 | 1.0 | 1.1 |
        | openssl | 1.0 | 1.1 |
        "#);
    }

    #[test]
    fn what_hosts_say_stays_text() {
        let evil = "](javascript:x) <script>\n# head\u{1b}[2J | a | `b`";
        assert_eq!(escape(evil), "\\](javascript:x) &lt;script&gt; \\# head\\[2J \\| a \\| \\`b\\`");
    }
}
