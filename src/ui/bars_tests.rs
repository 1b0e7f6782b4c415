//! What stays on the screen, and what does not.
use std::io::Write as _;

use super::*;
use crate::{
    event::{Outcome, Stop, sample::*},
    ui::{
        lines::tests::{Captured, play},
        panel::tests::{SMALL, busy},
    },
};

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
                    'J' => {
                        lines.truncate(row + 1);
                        lines[row].truncate(column);
                    }
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
    assert_eq!(screen.iter().filter(|line| line.starts_with("all: ")).count(), 1, "{screen:#?}");
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
    assert_eq!((lines("production:"), lines("all: ")), (1, 1), "{screen:#?}");
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

/// While a question is open there are no bars, so the question itself says when the window closes.
#[test]
fn a_question_says_when_the_window_closes() {
    let mut plan = plan(&[("edge", &["a", "b"])]);
    let window = crate::calendar::Window::cron("0 2 * * *", std::time::Duration::from_secs(3600), "UTC");
    plan.stages[0].waves[1].hosts[0].window = Some(Arc::new(window.into()));
    let mut sample = Sample::of(plan);
    sample.good("a");
    let out = Captured::default();
    let mut bars = Bars::new(out.writer(), || SMALL, Paint::plain(), TimeZone::UTC);
    bars.event(&sample.state, sample.events.last().unwrap());
    bars.ask(sample.now(), "stage edge waits for approval: type yes");
    let question = replay(&out.text(), 80).join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(question.contains("type yes; window until 03:00:00, 59m57s left"), "{question}");
}
