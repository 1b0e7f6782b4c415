//! A terminal's screen as a drawing, and the text of such a drawing. Knows colours and characters, not what they say.

use std::fmt::Write as _;

use regex::Regex;

/// The size of a character in the drawing.
const CELL: (f32, f32) = (8.4, 19.0);
const MARGIN: f32 = 18.0;
/// Grey, red, green, yellow, blue, magenta, cyan, white.
const COLOURS: [&str; 8] = ["#8b949e", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#f0f6fc"];

/// How characters look.
#[derive(Clone, Copy, Default, PartialEq)]
struct Style {
    colour: Option<usize>,
    bold: bool,
    dim: bool,
}

impl Style {
    /// Takes the numbers of one control sequence (ECMA-48, SGR).
    fn take(&mut self, numbers: &str) {
        let mut numbers = numbers.split(';').map(|number| number.parse::<usize>().unwrap_or(0));
        while let Some(number) = numbers.next() {
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                22 => (self.bold, self.dim) = (false, false),
                30..=37 => self.colour = Some(number - 30),
                39 => self.colour = None,
                49 => {}
                // 38;5;N: the same colours by another name, up to 15.
                38 => self.colour = numbers.nth(1).filter(|n| *n < 16).map(|n| n % 8),
                90..=97 => self.colour = Some(number - 90),
                _ => panic!("a drawing has no style for {number}"),
            }
        }
    }

    fn attributes(self) -> String {
        let colour = self.colour.map(|at| format!(" fill=\"{}\"", COLOURS[at])).unwrap_or_default();
        let bold = if self.bold { " font-weight=\"bold\"" } else { "" };
        let dim = if self.dim { " fill-opacity=\"0.6\"" } else { "" };
        format!("{colour}{bold}{dim}")
    }
}

/// Draws lines with control sequences for their colours; `columns` is the width of the terminal.
pub fn draw(lines: &[&str], columns: u16, title: &str) -> String {
    let width = CELL.0 * f32::from(columns) + 2.0 * MARGIN;
    let height = CELL.1 * lines.len() as f32 + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"14\" fill=\"#d1d7e0\">\n<title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n",
        escaped(title)
    );
    let sequence = Regex::new("\u{1b}\\[([0-9;]*)m").unwrap();
    let mut style = Style::default();
    for (row, line) in lines.iter().enumerate() {
        let y = MARGIN + CELL.1 * (row as f32 + 0.75);
        write!(svg, "<text x=\"{MARGIN}\" y=\"{y:.1}\" xml:space=\"preserve\">").unwrap();
        let mut run = |text: &str, style: Style| match (text, style.attributes()) {
            ("", _) => {}
            (text, look) if look.is_empty() => svg.push_str(&escaped(text)),
            (text, look) => write!(svg, "<tspan{look}>{}</tspan>", escaped(text)).unwrap(),
        };
        let mut from = 0;
        for found in sequence.captures_iter(line) {
            let whole = found.get(0).unwrap();
            run(&line[from..whole.start()], style);
            style.take(&found[1]);
            from = whole.end();
        }
        run(line[from..].trim_end(), style);
        svg.push_str("</text>\n");
    }
    svg + "</svg>\n"
}

/// The lines of text in a drawing.
pub fn text(svg: &str) -> Vec<String> {
    let tag = Regex::new("<[^>]*>").unwrap();
    let plain = |line: &str| {
        let text = tag.replace_all(line, "").replace("&lt;", "<").replace("&gt;", ">");
        text.replace("&amp;", "&").trim_end().to_owned()
    };
    svg.lines().filter(|line| line.starts_with("<text")).map(plain).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[test]
fn what_is_drawn_is_read_again() {
    let lines = ["a  <b> & c", "\u{1b}[1;31mfailed\u{1b}[0m  plain", "\u{1b}[32mgoes on", "here\u{1b}[39m end"];
    let svg = draw(&lines, 80, "x < y");
    assert_eq!(text(&svg), ["a  <b> & c", "failed  plain", "goes on", "here end"]);
    assert!(svg.contains("<tspan fill=\"#ff7b72\" font-weight=\"bold\">failed</tspan>  plain"), "{svg}");
    assert!(svg.contains("<tspan fill=\"#7ee787\">here</tspan> end") && svg.contains("x &lt; y"), "{svg}");
}
