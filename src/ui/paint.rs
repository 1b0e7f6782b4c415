//! Whether to use colour, and which. Colour never is the only sign of anything.

use console::Style;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal, unless the environment turns it off.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Paints words, or leaves them as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    colour: bool,
}

impl Paint {
    /// Decides from `--color`, from whether the stream is a terminal, and from `NO_COLOR` (<https://no-color.org>),
    /// `CLICOLOR` and `CLICOLOR_FORCE` (<https://bixense.com/clicolors>), which `variable` reads.
    pub fn decide(wanted: Colour, terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let colour = match wanted {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto if set("NO_COLOR").is_some() => false,
            Colour::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Colour::Auto => {
                terminal && set("CLICOLOR").as_deref() != Some("0") && set("TERM").as_deref() != Some("dumb")
            }
        };
        Self { colour }
    }

    /// No colour.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Whether it paints.
    pub fn colours(self) -> bool {
        self.colour
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.colour { style.force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.with(Style::new().green(), text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.with(Style::new().red().bold(), text)
    }

    pub(super) fn warn(self, text: &str) -> String {
        self.with(Style::new().yellow(), text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.with(Style::new().dim(), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_then_no_then_force_then_the_terminal() {
        let check = |wanted, terminal, set: &[(&str, &str)], expected: bool| {
            let get = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            assert_eq!(Paint::decide(wanted, terminal, get).colours(), expected, "{wanted:?} {terminal} {set:?}");
        };
        check(Colour::Auto, true, &[], true);
        check(Colour::Auto, false, &[], false);
        check(Colour::Always, false, &[("NO_COLOR", "1")], true);
        check(Colour::Never, true, &[("CLICOLOR_FORCE", "1")], false);
        check(Colour::Auto, true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false);
        check(Colour::Auto, true, &[("NO_COLOR", "")], true);
        check(Colour::Auto, false, &[("CLICOLOR_FORCE", "1")], true);
        check(Colour::Auto, false, &[("CLICOLOR_FORCE", "0")], false);
        check(Colour::Auto, true, &[("CLICOLOR", "0")], false);
        check(Colour::Auto, true, &[("TERM", "dumb")], false);
    }
}
