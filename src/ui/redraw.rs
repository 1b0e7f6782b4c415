//! Draws a page over the previous one, line by line. It never clears the screen first: terminals save what is cleared,
//! and after a minute the scrollback would have a hundred copies of the page.

use super::Size;

/// What is known about the page on the screen.
#[derive(Debug, Default)]
pub struct Redraw {
    /// The lines of the page on the screen, each with its width.
    lines: Vec<usize>,
    /// The width that it was drawn for.
    width: usize,
}

impl Redraw {
    /// What to write so that `page` replaces the previous page, in a window of this size.
    pub fn page(&mut self, page: &str, size: Size) -> String {
        let (rows, width) = (usize::from(size.rows), usize::from(size.columns.max(1)));
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
        let mut text = match self.lines.iter().map(|columns| rows_of(*columns, width)).sum::<usize>() {
            0 => String::new(),
            // Its lines are cut now.
            _ if self.width != width && !size.reflows => "\x1b[H\x1b[2J".to_owned(),
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
        (self.lines, self.width) = (lines.iter().map(|line| columns(line)).collect(), width);
        text
    }
}

fn columns(line: &str) -> usize {
    console::measure_text_width(line)
}

fn height(line: &str, width: usize) -> usize {
    rows_of(columns(line), width)
}

fn rows_of(columns: usize, width: usize) -> usize {
    columns.max(1).div_ceil(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(rows: u16, columns: u16) -> Size {
        Size { rows, columns, reflows: true }
    }

    #[test]
    fn a_page_is_written_over_the_one_before() {
        let mut redraw = Redraw::default();
        assert_eq!(redraw.page("one\n\ntwo\n", size(24, 10)), "one\x1b[K\n\x1b[K\ntwo\x1b[K\n\x1b[J");
        // A line that fills its row, and one that wraps.
        let long = "\x1b[1m0123456789\x1b[0m\nabcdefghijkl\n";
        assert_eq!(redraw.page(long, size(24, 10)), "\x1b[3F\x1b[1m0123456789\x1b[0m\nabcdefghijkl\x1b[K\n\x1b[J");
        assert_eq!(redraw.page("x\n", size(24, 10)), "\x1b[3Fx\x1b[K\n\x1b[J");
        redraw.page("abcdefghij\nabc\n", size(24, 10));
        let narrow = redraw.page("x\n", size(24, 4));
        assert_eq!(narrow, "\x1b[4Fx\x1b[K\n\x1b[J", "the terminal broke the first line in three");
        let cut = Size { reflows: false, ..size(24, 12) };
        assert_eq!(redraw.page("x\n", cut), "\x1b[H\x1b[2Jx\x1b[K\n\x1b[J", "the lines were cut");
    }

    #[test]
    fn a_window_that_is_too_low_says_what_it_hides() {
        let page: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let mut redraw = Redraw::default();
        let text = redraw.page(&page, size(8, 80));
        assert!(text.contains("line 6\x1b[K\n(14 more lines; enlarge this window to see them)"), "{text:?}");
        assert!(redraw.page(&page, size(8, 80)).starts_with("\x1b[7F"), "it fits above the cursor's row");
        assert!(redraw.page(&page, size(30, 80)).ends_with("line 20\x1b[K\n\x1b[J"));
    }
}
