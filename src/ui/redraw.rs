//! Draws a page over the previous one, line by line. It never clears the screen first: terminals save what is cleared,
//! and after a minute the scrollback would have a hundred copies of the page.

/// What is known about the page on the screen.
#[derive(Debug, Default)]
pub struct Redraw {
    /// Rows of the page on the screen.
    rows: usize,
    /// The width that it was drawn for.
    width: usize,
}

impl Redraw {
    /// What to write so that `page` replaces the previous page, in a window of `rows` × `width`.
    pub fn page(&mut self, page: &str, rows: usize, width: usize) -> String {
        // The cursor stays in the row below the page.
        let room = rows.saturating_sub(1).max(5);
        let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
        let height = |lines: &[String]| lines.iter().map(|line| height(line, width)).sum::<usize>();
        if height(&lines) > room {
            let mut cut = 0;
            while height(&lines) >= room && lines.pop().is_some() {
                cut += 1;
            }
            lines.push(super::clean(&format!("({cut} more lines; enlarge this window to see them)"), width));
        }
        let mut text = match self.rows {
            0 => String::new(),
            // After a change of width the rows have wrapped in unknown places.
            _ if self.width != width => "\x1b[H\x1b[2J".to_owned(),
            drawn => format!("\x1b[{drawn}F"),
        };
        for line in &lines {
            text.push_str(line);
            // In a full row the cursor is still on its last character.
            if columns(line) == 0 || !columns(line).is_multiple_of(width) {
                text.push_str("\x1b[K");
            }
            text.push('\n');
        }
        text.push_str("\x1b[J");
        (self.rows, self.width) = (height(&lines), width);
        text
    }
}

fn columns(line: &str) -> usize {
    console::measure_text_width(line)
}

fn height(line: &str, width: usize) -> usize {
    columns(line).max(1).div_ceil(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_written_over_the_one_before() {
        let mut redraw = Redraw::default();
        assert_eq!(redraw.page("one\n\ntwo\n", 24, 10), "one\x1b[K\n\x1b[K\ntwo\x1b[K\n\x1b[J");
        // A line that fills its row, and one that wraps.
        let long = "\x1b[1m0123456789\x1b[0m\nabcdefghijkl\n";
        assert_eq!(redraw.page(long, 24, 10), "\x1b[3F\x1b[1m0123456789\x1b[0m\nabcdefghijkl\x1b[K\n\x1b[J");
        assert_eq!(redraw.page("x\n", 24, 10), "\x1b[3Fx\x1b[K\n\x1b[J");
        assert_eq!(redraw.page("x\n", 24, 12), "\x1b[H\x1b[2Jx\x1b[K\n\x1b[J", "the window became wider");
    }

    #[test]
    fn a_window_that_is_too_low_says_what_it_hides() {
        let page: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let mut redraw = Redraw::default();
        let text = redraw.page(&page, 8, 80);
        assert!(text.contains("line 6\x1b[K\n(14 more lines; enlarge this window to see them)"), "{text:?}");
        assert!(redraw.page(&page, 8, 80).starts_with("\x1b[7F"), "it fits above the cursor's row");
        assert!(redraw.page(&page, 30, 80).ends_with("line 20\x1b[K\n\x1b[J"));
    }
}
