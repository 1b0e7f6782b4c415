//! What the panel looks like, and that no hostile output reaches it.
use std::io::Write as _;

use super::*;
use crate::{
    event::{Outcome, Stop, sample::*},
    ui::lines::tests::{Captured, play},
};

const WIDE: Size = Size { rows: 50, columns: 200 };
const SMALL: Size = Size { rows: 24, columns: 80 };

fn busy() -> Sample {
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
    let lines = panel(&sample.state, sample.now(), size, &chatter, Paint::plain());
    for line in &lines {
        assert!(measure_text_width(line) < usize::from(size.columns), "{line:?}");
    }
    assert!(lines.len() < usize::from(size.rows));
    lines.join("\n")
}

#[test]
fn the_panel_fits_80_columns() {
    insta::assert_snapshot!(drawn(SMALL), @r#"
    production:!databases …  ━──────────────────────   1/12  10 in flight     40s
    all                      ━━━━───────────────────   3/14  10 in flight     47s
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
    production:!databases with a long patte…  ━━━━━───────────────────────────────────────────────────────   1/12   1 ok  10 in flight   1 waiting     40s
    all                                       ━━━━━━━━━━━━────────────────────────────────────────────────   3/14   3 ok  10 in flight   1 waiting     47s
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
        let lines = panel(&busy().state, time(99), Size { rows, columns }, &HashMap::new(), Paint::plain());
        assert!(lines.iter().all(|line| measure_text_width(line) < usize::from(columns.max(20))), "{lines:?}");
    }
}

#[test]
fn failures_stay_above_the_bars_and_a_vanished_terminal_stops_nothing() {
    let mut sample = busy();
    sample.finish("web02.example.com", Outcome::Failed).tell(Kind::RunFinished);
    let out = Captured::default();
    let mut bars = Bars::new(out.writer(), || SMALL, Paint::plain(), TimeZone::UTC);
    play(&mut bars, &sample);
    let text = out.text();
    assert!(text.contains("web02.example.com  Ready to be patched: /var is full"), "{text}");
    assert!(!text.contains("ok           web01"), "ok hosts are counted, not listed");
    assert!(text.contains("over"), "what was said last is printed at the end");

    let out = Captured::default();
    let mut bars = Bars::new(out.writer(), || SMALL, Paint::plain(), TimeZone::UTC);
    out.break_it();
    play(&mut bars, &sample);
    assert_eq!(out.text(), "");
}

/// The lines on a terminal of endless height after it received `text`. It knows only the sequences that [`Screen`]
/// sends.
fn replay(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0usize, 0usize);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\r' => column = 0,
            '\n' => row += 1,
            '\x1b' => {
                assert_eq!(chars.next(), Some('['));
                let mut count = String::new();
                let letter = loop {
                    match chars.next().expect("a whole sequence") {
                        letter if letter.is_ascii_alphabetic() => break letter,
                        digit => count.push(digit),
                    }
                };
                let count: usize = count.parse().unwrap();
                match letter {
                    'A' => row = row.checked_sub(count).expect("above the first line"),
                    'B' => row += count,
                    'C' => column += count,
                    'D' => column -= count,
                    'K' => lines[row].clear(),
                    other => panic!("{other}"),
                }
            }
            c => {
                if column == columns {
                    (row, column) = (row + 1, 0);
                    lines.resize(lines.len().max(row + 1), Vec::new());
                }
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect()
}

#[test]
fn redrawing_leaves_each_lasting_line_once_and_nothing_else() {
    let mut sample = busy();
    let long = format!("{} the end", "a very long reason ".repeat(15));
    sample.finish("web02.example.com", Outcome::Failed);
    for i in 3..12 {
        let name = format!("web{i:02}.example.com");
        sample.wait(1).end(&name, main_step(0), failure("x", &long)).wait(1).finish(&name, Outcome::Failed);
    }
    let out = Captured::default();
    let mut bars = Bars::new(out.writer(), || SMALL, Paint::plain(), TimeZone::UTC);
    let mut state = RunState::begin(&sample.events[0]).unwrap();
    for event in &sample.events[1..] {
        state.apply(event).unwrap();
        bars.event(&state, event);
        bars.tick(&state, event.at);
    }
    let screen = replay(&out.text(), 80);
    assert_eq!(screen.iter().filter(|line| line.starts_with("all ")).count(), 1, "{screen:#?}");
    bars.finish(&state);
    let screen = replay(&out.text(), 80);
    let text = screen.join("");
    assert_eq!(text.matches("the end").count(), 9, "{screen:#?}");
    assert_eq!(text.matches("failed       web02.example.com").count(), 1, "{screen:#?}");
    assert!(!text.contains('━') && !text.contains("in flight"), "{screen:#?}");
}

#[test]
fn what_the_terminal_shows_of_a_key_leaves_nothing_behind() {
    let mut sample = busy();
    let out = Captured::default();
    let mut bars = Bars::new(out.writer(), || SMALL, Paint::plain(), TimeZone::UTC);
    let mut state = sample.state.clone();
    bars.tick(&state, sample.now());
    for how in [Stop::Drain, Stop::StepBorder] {
        out.writer().write_all(b"^C").unwrap();
        sample.wait(2).tell(Kind::StopRequested { how, by: "Ctrl-C".to_owned() });
        let event = sample.events.last().unwrap();
        state.apply(event).unwrap();
        bars.event(&state, event);
        bars.tick(&state, event.at);
    }
    let screen = replay(&out.text(), 80);
    let lines = |start: &str| screen.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((lines("production:"), lines("all ")), (1, 1), "{screen:#?}");
    assert!(!screen.join("").contains("^C"), "{screen:#?}");
}

#[test]
fn ten_thousand_hosts_are_drawn_as_seldom_as_ten() {
    let names: Vec<String> = (0..10_000).map(|i| format!("h{i}")).collect();
    let mut sample = Sample::of(plan(&[("all", &[&names.join(" ")])]));
    for name in &names {
        sample.start(name);
    }
    let out = Captured::default();
    let mut bars = Bars::new(out.writer(), || SMALL, Paint::plain(), TimeZone::UTC);
    play(&mut bars, &sample);
    assert!(out.text().len() < 10_000, "{} bytes for events of one moment", out.text().len());
}
