//! Rows of comma-separated values (RFC 4180). Cells come from hosts and may be opened by a spreadsheet.

/// One row with its line end. A cell that a spreadsheet would run as a formula gets a quote in front.
pub(super) fn row<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|one| cell(one.as_ref())).collect();
    cells.join(",") + "\r\n"
}

fn cell(text: &str) -> String {
    let clean = super::text::clean(text, 1000);
    let formula = clean.starts_with(['=', '+', '-', '@']) && clean.parse::<f64>().is_err() && clean.len() > 1;
    let guarded = if formula { format!("'{clean}") } else { clean };
    if guarded.contains([',', '"']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula_gets_through() {
        for (cells, line) in [
            (vec!["a", "", "b c"], "a,,b c\r\n"),
            (vec!["a,b", "say \"x\""], "\"a,b\",\"say \"\"x\"\"\"\r\n"),
            (vec!["=HYPERLINK(\"x\")", "-1", "-", "@SUM(1)"], "\"'=HYPERLINK(\"\"x\"\")\",-1,-,'@SUM(1)\r\n"),
            (vec!["two\r\nlines"], "twolines\r\n"),
        ] {
            assert_eq!(row(cells), line);
        }
    }
}
