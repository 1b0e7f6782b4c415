//! What the panel looks like, and that no hostile output reaches it.

use super::*;
use crate::{
    event::{Kind, Outcome, sample::*},
    plan::{Experience, Moment},
    ui::Size,
};

pub(crate) const WIDE: Size = Size { rows: 50, columns: 200, reflows: true };
pub(crate) const SMALL: Size = Size { rows: 24, columns: 80, reflows: true };

pub(crate) fn busy() -> Sample {
    let names: Vec<String> = (1..=12).map(|i| format!("web{i:02}.example.com")).collect();
    let mut sample = Sample::of(plan(&[
        ("staging", &["s1"]),
        ("production:!databases with a long pattern", &["db1", &names.join(" ")]),
    ]));
    sample.good("s1").good("db1");
    for name in &names[..11] {
        sample.wait(1).start(name).begin(name, main_step(0));
    }
    sample.walk_on_rest("web01.example.com");
    sample.end("web02.example.com", main_step(0), failure("disk", "/var is full")).wait(30);
    sample
}

impl Sample {
    fn walk_on_rest(&mut self, name: &str) -> &mut Self {
        let fine = crate::event::Verdict::Ok;
        self.end(name, main_step(0), result(fine, "")).finish(name, Outcome::Ok)
    }
}

fn drawn(size: Size) -> String {
    let sample = busy();
    let mut chatter = HashMap::new();
    chatter.insert(host("web03.example.com"), "waiting for the lock of unattended-upgrade ".repeat(4));
    let lines = panel(&sample, size, &chatter);
    for line in &lines {
        assert!(measure_text_width(line) < usize::from(size.columns), "{line:?}");
    }
    assert!(lines.len() < usize::from(size.rows));
    lines.join("\n")
}

#[test]
fn the_panel_fits_80_columns() {
    insta::assert_snapshot!(drawn(SMALL), @r#"
    production:!database…, wave 2 of 2  ━───────────   1/12  10 in flight     40s
    all: more than 10s left             ━━──────────   3/14  10 in flight     47s
      web02.example.com  broke at "Ready to be patched"; between two ste…     39s
      web03.example.com  Ready to be patched: waiting for the lock of un…     38s
      web04.example.com  Ready to be patched                                  37s
      web05.example.com  Ready to be patched                                  36s
      web06.example.com  Ready to be patched                                  35s
      web07.example.com  Ready to be patched                                  34s
      web08.example.com  Ready to be patched                                  33s
      web09.example.com  Ready to be patched                                  32s
      and 2 more in flight
    "#);
}

#[test]
fn the_panel_uses_200_columns() {
    insta::assert_snapshot!(drawn(WIDE), @r#"
    production:!databases with a long pattern, wave 2 of 2  ━━━━━━──────────────────────────────────────────────────────   1/12   1 ok  10 in flight   1 waiting     40s
    all: more than 10s left                                 ━━━━━━━━━━━━━━──────────────────────────────────────────────   3/14   3 ok  10 in flight   1 waiting     47s
      web02.example.com  broke at "Ready to be patched"; between two steps                                                                                                                            39s
      web03.example.com  Ready to be patched: waiting for the lock of unattended-upgrade waiting for the lock of unattended-upgrade waiting for the lock of unattended-upgrade waiting for the l…     38s
      web04.example.com  Ready to be patched                                                                                                                                                          37s
      web05.example.com  Ready to be patched                                                                                                                                                          36s
      web06.example.com  Ready to be patched                                                                                                                                                          35s
      web07.example.com  Ready to be patched                                                                                                                                                          34s
      web08.example.com  Ready to be patched                                                                                                                                                          33s
      web09.example.com  Ready to be patched                                                                                                                                                          32s
      and 2 more in flight
    "#);
}

#[test]
fn the_panel_fits_a_tiny_terminal() {
    for (rows, columns) in [(1, 1), (3, 20), (5, 40), (10, 60)] {
        let lines = panel(&busy(), Size { rows, columns, reflows: true }, &HashMap::new());
        assert!(lines.iter().all(|line| measure_text_width(line) < usize::from(columns.max(20))), "{lines:?}");
    }
}

fn panel(sample: &Sample, size: Size, chatter: &HashMap<HostName, String>) -> Vec<String> {
    panel_after(sample, &Experience::default(), size, chatter)
}

fn panel_after(sample: &Sample, past: &Experience, size: Size, chatter: &HashMap<HostName, String>) -> Vec<String> {
    let view = RunView { state: &sample.state, running: true, now: sample.now() };
    let panel = Panel {
        view,
        pace: view.pace(past, 10),
        chatter,
        zone: &TimeZone::UTC,
        paint: Paint::plain(),
        width: usize::from(size.columns.max(20)) - 3,
        rows: usize::from(size.rows).saturating_sub(4).clamp(1, 12),
        hosts: 8,
        keys: true,
    };
    panel.lines()
}

#[test]
fn one_host_moves_the_bar_with_each_step() {
    let mut sample = Sample::of(plan(&[("all", &["a"])]));
    let mut filled = Vec::new();
    let count = |sample: &Sample| panel(sample, SMALL, &HashMap::new())[0].matches('━').count();
    sample.start("a");
    for step in 0..3 {
        filled.push(count(&sample));
        sample.begin("a", main_step(step)).wait(1).end("a", main_step(step), result(crate::event::Verdict::Ok, ""));
    }
    filled.push(count(&sample));
    assert!(filled.is_sorted_by(|a, b| a < b), "{filled:?}");
    assert!(!panel(&sample, SMALL, &HashMap::new())[0].contains("━  "), "it is not over before its host is done");
    sample.finish("a", Outcome::Ok);
    assert!(!panel(&sample, SMALL, &HashMap::new())[0].contains('─'));
}

/// Soak, approval, gate and window are on the line of their wave, with what is left of them.
#[test]
fn what_a_run_waits_for_is_on_the_line_of_the_wave() {
    let first = |sample: &Sample, size| {
        let lines = panel(sample, size, &HashMap::new());
        lines.into_iter().filter(|line| !line.starts_with("all")).collect::<Vec<_>>().join("\n")
    };
    let mut plan = plan(&[("edge", &["a", "b"]), ("core", &["c d"])]);
    plan.stages[0].soak = Duration::from_secs(30);
    plan.stages[0].gate = vec![step_spec("No errors in the shop")];
    plan.stages[1].approve = Some(Moment::Before);
    let window = crate::calendar::Window::cron("0 2 * * *", Duration::from_secs(3600), "UTC");
    for host in &mut plan.stages[1].waves[0].hosts {
        host.window = Some(std::sync::Arc::new(window.clone().into()));
    }
    let mut sample = Sample::of(plan);
    sample.good("a").wait(4);
    insta::assert_snapshot!(first(&sample, SMALL), @r#"
    edge, wave 1 of 2 (canary)   ━━━━━━━━━━━━  1/1  soak until 02:00:33, 26s left
    "#);
    sample.wait(26);
    insta::assert_snapshot!(first(&sample, SMALL), @r#"
    edge, wave 1 of 2 (canary)          ━━━━━━━━━━━━━━━  1/1  its gate runs
    "#);
    let passes = |wave| Kind::GateFinished { stage: 0, wave, passed: true, summary: String::new() };
    sample.tell(passes(0)).good("b").wait(30).tell(passes(1));
    insta::assert_snapshot!(first(&sample, SMALL), @r#"
    core                                ───────────────  0/2  waits for approval
      window until 03:00:00, 58m54s left
    "#);
    sample.tell(Kind::Approved { stage: 1, moment: Moment::Before, by: "ann".to_owned() }).start("c");
    insta::assert_snapshot!(first(&sample, SMALL), @r#"
    core                 ──────────────────────────────  0/2  1 in flight      0s
      window until 03:00:00, 58m54s left
      c  between two steps                                                     0s
    "#);
    insta::assert_snapshot!(first(&sample, WIDE), @r#"
    core                 ────────────────────────────────────────────────────────────  0/2  0 ok  1 in flight  1 waiting      0s  window until 03:00:00, 58m54s left
      c  between two steps                                                                                                                                                                             0s
    "#);
}

#[test]
fn what_a_stop_still_does_stays_on_the_screen() {
    let mut sample = Sample::of(plan(&[("all", &["a b c"])]));
    sample.start("a").start("b").start("c");
    let mut said = Vec::new();
    for how in [Stop::Drain, Stop::StepBorder, Stop::Detach] {
        sample.wait(5).tell(Kind::StopRequested { how, by: "Ctrl-C".to_owned() });
        said.extend(panel(&sample, SMALL, &HashMap::new()).into_iter().filter(|line| line.contains("ing: ")));
    }
    sample.finish("a", Outcome::Unknown).finish("b", Outcome::Unknown);
    assert_eq!(
        said,
        [
            "draining: 3 hosts finish; Ctrl-C again: stop before their next step",
            "stopping: 3 hosts stop before their next step; Ctrl-C again: leave now",
        ]
    );
    let mut halted = Sample::of(plan(&[("all", &["a b", "c d e"])]));
    halted.good("a").good("b").start("c").start("d").bad("e", "disk", "/ is full");
    let lines = panel(&halted, WIDE, &HashMap::new()).join("\n");
    assert!(
        lines.contains("\nhalted: 1 host of stage all broke, max_failures is 0; hosts in flight finish\n"),
        "{lines}"
    );
}

#[test]
fn the_time_left_is_rounded_and_never_made_up() {
    let left = |seconds, or_more, approvals| {
        let left = TimeLeft { about: Duration::from_secs(seconds), or_more, approvals };
        left_words(Some(left))
    };
    for (said, expected) in [
        (left_words(None), "time left unknown"),
        (left(0, false, 0), "almost done"),
        (left(0, true, 0), "longer than expected"),
        (left(1, false, 0), "about 10s left"),
        (left(50, true, 0), "more than 50s left"),
        (left(51, false, 0), "about 1m left"),
        (left(61, false, 1), "about 2m left and 1 approval"),
        (left(1201, false, 0), "about 25m left"),
        (left(3600, false, 2), "about 1h left and 2 approvals"),
        (left(7201, false, 0), "about 2h30m left"),
    ] {
        assert_eq!(said, expected);
    }
    let past = Experience { runs: 1, hosts: [(host("a"), Duration::from_secs(300))].into(), ..Experience::default() };
    let mut sample = Sample::of(plan(&[("all", &["a", "b"])]));
    sample.start("a").wait(60);
    let all = panel_after(&sample, &past, SMALL, &HashMap::new()).swap_remove(1);
    assert!(all.starts_with("all: about 10m left "), "{all}");
}
