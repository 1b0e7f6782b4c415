//! Where the code still breaks a rule: the rule, and the place as the rule names it. This list only shrinks: an entry
//! that is no longer needed is a finding.

/// Rule and place.
pub const EXCEPTIONS: &[(&str, &str)] = &[];

/// The place of a file, so that an exception follows a file that moves within it: `src/cli` for `src/cli/run.rs`.
pub fn room(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap_or_default();
    let end = below.find(['/', '.']).unwrap_or(below.len());
    if end == 0 { path } else { &path[.."src/".len() + end] }
}

/// The findings (place, sentence) that are not excepted, plus the exceptions that nothing needs.
pub fn but_for(rule: &str, exceptions: &[(&str, &str)], found: Vec<(String, String)>) -> Vec<String> {
    let excepted: Vec<&str> = exceptions.iter().filter(|(of, _)| *of == rule).map(|(_, place)| *place).collect();
    let idle = excepted.iter().filter(|place| !found.iter().any(|(at, _)| at == *place));
    let idle: Vec<String> = idle
        .map(|place| format!("tests/tidy/exceptions.rs: (\"{rule}\", \"{place}\") is not needed any more: delete it"))
        .collect();
    found.into_iter().filter(|(at, _)| !excepted.contains(&at.as_str())).map(|(_, said)| said).chain(idle).collect()
}

#[test]
fn a_room_is_a_folder_of_the_program_or_a_file() {
    for (path, expected) in [
        ("src/cli/command/run.rs", "src/cli"),
        ("src/policy.rs", "src/policy"),
        ("docs/a.md", "docs/a.md"),
        ("README.md", "README.md"),
    ] {
        assert_eq!(room(path), expected);
    }
}

#[test]
fn an_exception_hides_its_finding_and_is_a_finding_when_idle() {
    let found = || vec![("a".to_owned(), "a is bad".to_owned()), ("b".to_owned(), "b is bad".to_owned())];
    let check = |exceptions: &[(&str, &str)], expected: &[&str]| {
        assert_eq!(but_for("r", exceptions, found()), expected);
    };
    check(&[], &["a is bad", "b is bad"]);
    check(&[("r", "a"), ("other", "b")], &["b is bad"]);
    let idle = "tests/tidy/exceptions.rs: (\"r\", \"c\") is not needed any more: delete it";
    check(&[("r", "a"), ("r", "b"), ("r", "c")], &[idle]);
}
