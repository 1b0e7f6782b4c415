//! Makes text from hosts safe and short for every place where it is shown, and has the few words that all of them
//! share. Knows nothing of screens. Start at [`clean`].

use std::{borrow::Cow, time::Duration};

use crate::{
    command::shows,
    event::{StepPhase, StepRef},
    plan::Plan,
};

/// A line that cannot move the cursor, ring the bell or change the reading direction. Tabs become spaces. A line longer
/// than `most` characters is cut, and the cut is marked.
pub fn clean(line: &str, most: usize) -> String {
    let mut kept = String::new();
    let mut chars = line.chars().filter(|c| *c == '\t' || shows(*c));
    for c in chars.by_ref().take(most) {
        kept.push(if c == '\t' { ' ' } else { c });
    }
    if chars.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// The first line of `text`, clean.
pub fn first_line(text: &str, most: usize) -> String {
    clean(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(""), most)
}

/// `0.4s`, `41s`, `4m02s`, `1h04m`.
pub fn duration(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..10 => format!("{}.{}s", seconds, took.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// `1 host`, `2 hosts`.
pub fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// The name of a step in its playbook.
pub fn step_name(plan: &Plan, step: StepRef) -> Cow<'_, str> {
    let list = match step.phase {
        StepPhase::Main | StepPhase::Always => &plan.steps,
        StepPhase::OnFailure => &plan.on_failure,
        StepPhase::Gate => return Cow::Borrowed("gate"),
    };
    match list.get(step.index) {
        Some(spec) => Cow::Owned(clean(&spec.name, 60)),
        None => Cow::Owned(format!("step {}", step.index + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("\x1b[31mred\x1b[0m\x07", "[31mred[0m"),
            ("\u{9b}31mC1\u{85}", "31mC1"),
            ("a\tb\r\nc", "a bc"),
            ("abc\u{202e}fed\u{2066}", "abcfed"),
            ("12345678901", "123456789…"),
            ("1234567890", "1234567890"),
        ] {
            assert_eq!(clean(raw, 10.max(expected.chars().count())), expected, "{raw:?}");
        }
        let megabyte = "\x1b]0;".repeat(1 << 18);
        assert_eq!(clean(&megabyte, 40).chars().count(), 40);
    }

    #[test]
    fn durations_are_short() {
        for (ms, expected) in [
            (0, "0.0s"),
            (450, "0.4s"),
            (9_999, "9.9s"),
            (10_000, "10s"),
            (62_000, "1m02s"),
            (3_600_000, "1h00m"),
            (90_061_000, "25h01m"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), expected);
        }
    }
}
