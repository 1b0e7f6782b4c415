//! The targets, and whether they are met.

use super::meter::{Table, met};

/// What was measured, and what was wanted.
#[derive(Default)]
pub struct Targets(Vec<[String; 4]>);

impl Targets {
    /// A figure that may be at most this large.
    pub fn at_most(&mut self, what: &str, figure: f64, most: f64) {
        let shown = [figure, most].map(|figure| match figure {
            none if none <= 0.0 => "0".to_owned(),
            small if small < 0.5 => format!("1/{:.1}", 1.0 / small),
            large if large >= 20.0 => format!("{large:.0}"),
            other => format!("{other:.2}"),
        });
        let [figure_shown, most_shown] = shown;
        self.0.push([what.to_owned(), figure_shown, most_shown, met(figure, most)]);
    }

    /// A figure that could not be measured.
    pub fn missing(&mut self, what: &str, why: &str) {
        self.0.push([what.to_owned(), "NOT MEASURED".to_owned(), String::new(), why.to_owned()]);
    }

    /// Prints them all.
    pub fn print(self) {
        let mut table = Table::new(&["target", "measured", "at most", "met"]);
        let broken = self.0.iter().filter(|row| row[3] == "NO").count();
        let missing = self.0.iter().filter(|row| row[1] == "NOT MEASURED").count();
        for row in self.0 {
            table.row(row);
        }
        table.print(&format!("targets: {broken} not met, {missing} not measured"));
    }
}
