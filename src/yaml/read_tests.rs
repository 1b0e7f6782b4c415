use super::*;
use crate::yaml::{
    MapReader, Source, parse,
    shape::{Key, Shape, Table},
};

static TEST: Table = Table::new("a test", &[&[Key::new("k", Shape::Any, "")]]);

fn problem<T>(text: &str, reader: impl Fn(&Node, &mut Problems) -> Option<T>) -> String {
    let node = parse(Source::new("r.yml", text)).unwrap_or_else(|problems| panic!("{problems}"));
    let mut problems = Problems::default();
    let value = MapReader::new(&node, &TEST, &mut problems).and_then(|mut map| map.read("k", reader));
    assert!(value.is_none(), "{text}");
    problems.to_string().lines().next().unwrap_or_default().to_owned()
}

fn value<T>(text: &str, reader: impl Fn(&Node, &mut Problems) -> Option<T>) -> T {
    let node = parse(Source::new("r.yml", text)).unwrap();
    let mut problems = Problems::default();
    reader(node.get("k").unwrap(), &mut problems).unwrap_or_else(|| panic!("{problems}"))
}

#[test]
fn wrong_types_say_what_was_expected_and_found() {
    let names = |node: &Node, problems: &mut Problems| list(node, "a list of host names", problems, word);
    assert_eq!(problem("k: 5", names), "r.yml:1:4: expected a list of host names, found a number");
    assert_eq!(problem("k: [a, [b]]", names), "r.yml:1:8: expected a text, found a list");
    assert_eq!(problem("k: 'yes'", bool), "r.yml:1:4: expected yes or no, found a text");
    assert_eq!(problem("k: {}", word), "r.yml:1:4: expected a text, found a mapping");
    assert_eq!(problem("k: ~", word), "r.yml:1:4: expected a text, found nothing");
    assert_eq!(problem("k: !vault x", word), "r.yml:1:11: expected a text, found an encrypted value (!vault)");
    assert_eq!(problem("k: 70000", |n, p| whole(n, 0, u16::MAX, p)), "r.yml:1:4: 70000 is not between 0 and 65535");
    assert_eq!(problem("k: 1.5", u32), "r.yml:1:4: expected a whole number, found a number");
    assert_eq!(problem("k: soon", duration), "r.yml:1:4: expected a length of time like 90s, 5m, 1h30m or 2d");
    assert_eq!(problem("k: 1Gi", bytes), "r.yml:1:4: expected a size like 150MiB, 1GiB or 500M");
    let words = |node: &Node, problems: &mut Problems| one_of(node, &[("waves", 1), ("sliding", 2)], problems);
    assert_eq!(problem("k: slidng", words), "r.yml:1:4: `slidng` is not a valid value; did you mean `sliding`?");
}

#[test]
fn a_name_is_one_printable_line() {
    for bad in [r#""a\e[2Jb""#, r#""a\u009b2J""#, r#""a\u202eb""#, r#""a\nb""#] {
        assert_eq!(problem(&format!("k: {bad}"), name), "r.yml:1:4: a name is one line of printable characters");
    }
    assert_eq!(value("k: >\n  Größe: 1\n", name), "Größe: 1");
}

#[test]
fn values_keep_what_was_written() {
    assert_eq!(value("k: 1.10", word), "1.10");
    assert_eq!(value("k: on", word), "on");
    assert_eq!(value("k: 0644", word), "0644");
    assert_eq!(value("k: '7'", u32), 7);
    assert_eq!(value("k: 90", duration), Duration::from_secs(90));
    assert_eq!(value("k: 25%", amount), Amount::Percent(25));
    assert_eq!(value("k: ", |n, p| list(n, "x", p, word)), Vec::<String>::new());
    assert_eq!(value("k: a", |n, p| list_or_single(n, "x", p, word)), ["a"]);
}

#[test]
fn excerpts_hide_secrets_and_bound_long_lines() {
    let line = problem_text(&format!("ansible_password: hunter2\nk: [{}x]", "a, ".repeat(200)), 2);
    assert!(line.lines().all(|line| line.chars().count() < 140) && line.contains('…'), "{line}");
    let line = problem_text("{db_password: hunter2, k: x}", 1);
    assert!(line.contains("db_password: ***") && !line.contains("hunter2"), "{line}");
    let line = problem_text("k: \"\\e[31m\u{1f600}\"", 1);
    assert!(!line.contains('\u{1b}'), "{line}");
}

fn problem_text(text: &str, line: u32) -> String {
    let node = parse(Source::new("r.yml", text)).unwrap_or_else(|problems| panic!("{problems}"));
    let mut problems = Problems::default();
    assert_eq!(u32(node.get("k").unwrap(), &mut problems), None);
    assert_eq!(problems.0[0].span.as_ref().map(|span| span.line), Some(line));
    problems.to_string()
}

#[test]
fn problems_are_sorted_counted_and_bounded() {
    let source = Source::new("s.yml", "a\nb\n");
    let mut problems = Problems::default();
    for line in (1..=60u32).rev() {
        let span = crate::yaml::Span { source: source.clone(), line, column: 1, start: 0, end: 1 };
        problems.at(&span, format!("number {line}"));
    }
    problems.nowhere("without a place");
    let text = problems.to_string();
    assert!(text.starts_with("without a place\n\ns.yml:1:1: number 1\n"), "{text}");
    assert!(text.ends_with("61 problems, the first 50 shown"));
}
