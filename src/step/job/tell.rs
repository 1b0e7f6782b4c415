//! What the screen says about a running job, from its output as it comes. Knows lines, not what they mean.

use crate::command::printable;

/// The longest line that is kept until its end comes.
const LONGEST: usize = 4 << 10;

/// Makes words for the screen from a job's output.
pub trait Tell: Send {
    /// What to show after this line; `None`: what is shown stays. A line that has not ended yet comes once more when it
    /// has; then it is `whole`.
    fn line(&mut self, line: &str, whole: bool) -> Option<String>;
}

/// Shows the job's own lines.
pub(super) struct OwnLines;

impl Tell for OwnLines {
    fn line(&mut self, line: &str, _: bool) -> Option<String> {
        let line = printable(line);
        (!line.trim().is_empty()).then_some(line)
    }
}

/// Cuts output into lines.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// The words for what has come; a progress bar ends its lines with carriage returns.
    pub(super) fn tell(&mut self, output: &[u8], tell: &mut dyn Tell) -> Option<String> {
        let mut said = None;
        let mut parts = output.split(|b| matches!(b, b'\n' | b'\r')).peekable();
        while let Some(part) = parts.next() {
            let room = LONGEST - self.0.len().min(LONGEST);
            self.0.extend_from_slice(&part[..part.len().min(room)]);
            let whole = parts.peek().is_some();
            if !self.0.is_empty() {
                said = tell.line(&String::from_utf8_lossy(&self.0), whole).or(said);
            }
            if whole {
                self.0.clear();
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_pieces_and_without_an_end() {
        let mut lines = Lines::default();
        let mut told = |output: &str| lines.tell(output.as_bytes(), &mut OwnLines);
        assert_eq!(told("one\ntwo\nth").as_deref(), Some("th"));
        assert_eq!(told("ree").as_deref(), Some("three"));
        assert_eq!(told("\n\n").as_deref(), Some("three"), "its end has come");
        assert_eq!(told(" \n"), None, "what is shown stays");
        assert_eq!(told("10%\r20%\r").as_deref(), Some("20%"));
        assert!(told(&"x".repeat(100_000)).is_some_and(|said| said.len() <= LONGEST));
        assert_eq!(told("\nafter").as_deref(), Some("after"));
    }
}
