//! Lines of an iCalendar file: folded ones made whole, names, parameters and values (RFC 5545 3.1). Start at [`lines`].

/// One content line.
pub(super) struct Line {
    /// Of its first line, from 1.
    pub number: usize,
    /// In upper case.
    pub name: String,
    /// Names in upper case, values without quotes.
    parameters: Vec<(String, String)>,
    /// As it is written, with escapes.
    pub value: String,
}

impl Line {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The lines of a file; of one that cannot be read, its number.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Result<Line, usize>> {
    let mut rest = text.lines().enumerate().map(|(at, line)| (at + 1, line)).peekable();
    std::iter::from_fn(move || {
        loop {
            let (number, first) = rest.next()?;
            let mut whole = first.to_owned();
            while let Some((_, next)) = rest.next_if(|(_, line)| line.starts_with([' ', '\t'])) {
                whole.push_str(&next[1..]);
            }
            if !whole.trim().is_empty() {
                return Some(read(&whole, number).ok_or(number));
            }
        }
    })
}

/// `NAME;PARAMETER=value;OTHER="quoted: value":VALUE`.
fn read(line: &str, number: usize) -> Option<Line> {
    let mut quoted = false;
    let colon = line.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == ':' && !quoted
    })?;
    let (head, value) = (&line[..colon.0], line[colon.0 + 1..].to_owned());
    let mut quoted = false;
    let mut words = head.split(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    let name = words.next()?.trim().to_ascii_uppercase();
    let fits = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let parameter = |word: &str| {
        let (name, value) = word.split_once('=')?;
        Some((name.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_owned()))
    };
    let parameters = words.map(parameter).collect::<Option<Vec<_>>>()?;
    fits(&name).then_some(Line { number, name, parameters, value })
}

/// A text without its escapes: `a\, b` is `a, b`.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push(' '),
                Some(c) => out.push(c),
                None => {}
            },
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_unfolded_and_parameters_may_be_quoted() {
        let text = "BEGIN:VCALENDAR\r\nSUMMARY;X=\"a;b:c\";y=1:Kern\r\n el\\, rest\r\n\r\n\tart\nbroken\n";
        let found: Vec<Result<Line, usize>> = lines(text).collect();
        let shown = |line: &Line| format!("{} {} {:?} {}", line.number, line.name, line.parameters, line.value);
        let shown: Vec<String> =
            found.iter().map(|line| line.as_ref().map_or_else(|n| format!("bad {n}"), shown)).collect();
        assert_eq!(
            shown,
            ["1 BEGIN [] VCALENDAR", r#"2 SUMMARY [("X", "a;b:c"), ("Y", "1")] Kernel\, rest"#, "bad 4", "bad 6",]
        );
        assert_eq!(unescaped(r"a\, b\nc\\d\"), "a, b c\\d");
    }
}
