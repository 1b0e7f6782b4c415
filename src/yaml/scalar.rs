//! What an unquoted word means in YAML 1.1, as PyYAML and so Ansible read it.
//! Source: the implicit resolvers of PyYAML (`yaml/resolver.py`), <https://yaml.org/type/>.

use super::Value;

/// The value of a plain scalar.
///
/// Dates stay text. A whole number beyond 64 bits stays text, so that no digit is lost.
pub fn resolve(text: &str) -> Value {
    if is_null(text) {
        return Value::Null;
    }
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Value::Bool(false),
        _ => {}
    }
    // Most words start with a letter; no number does.
    if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        if let Some(number) = int(text) {
            return Value::Int(number);
        }
        if let Some(number) = float(text) {
            return Value::Float(number);
        }
    }
    Value::String(text.to_owned())
}

/// Nothing, `~`, `null`.
pub fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// `0b10`, `0644`, `0x1F`, `1_000`, and base 60 (`1:30`).
pub fn int(text: &str) -> Option<i64> {
    let (negative, digits) = signed(text);
    let number = if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)?
    } else if let Some(hex) = digits.strip_prefix("0x") {
        radix(hex, 16)?
    } else if digits.len() > 1 && digits.starts_with('0') {
        radix(&digits[1..], 8)?
    } else if digits.contains(':') {
        sixties(digits)?
    } else {
        radix(digits, 10).filter(|_| !digits.starts_with('_'))?
    };
    if negative { 0i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() }
}

/// `1.5`, `.5`, `1.5e+3` (the sign of the exponent is needed), `.inf`, `.nan`.
pub fn float(text: &str) -> Option<f64> {
    let (negative, rest) = signed(text);
    match rest {
        ".inf" | ".Inf" | ".INF" => return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        ".nan" | ".NaN" | ".NAN" if rest.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    let (whole, fraction) = rest.split_once('.')?;
    let (fraction, exponent) = match fraction.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (fraction, None),
    };
    let numeral = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let starts = if whole.is_empty() { fraction } else { whole };
    let exponent_fits = exponent.is_none_or(|e| {
        e.strip_prefix(['+', '-']).is_some_and(|e| !e.is_empty() && e.bytes().all(|b| b.is_ascii_digit()))
    });
    if !numeral(whole) || !numeral(fraction) || !starts.starts_with(|c: char| c.is_ascii_digit()) || !exponent_fits {
        return None;
    }
    text.replace('_', "").parse().ok()
}

/// A number of JSON that has an exponent: YAML 1.1 reads most of these as text.
pub fn json_float(text: &str) -> Option<f64> {
    let exponent = text.starts_with(|c: char| c.is_ascii_digit() || c == '-') && text.contains(['e', 'E']);
    text.parse().ok().filter(|number: &f64| exponent && number.is_finite())
}

fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn radix(digits: &str, radix: u32) -> Option<u64> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    if digits.contains('_') {
        u64::from_str_radix(&digits.replace('_', ""), radix).ok()
    } else {
        u64::from_str_radix(digits, radix).ok()
    }
}

fn sixties(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let first = parts.next()?;
    if !first.starts_with(|c: char| ('1'..='9').contains(&c)) {
        return None;
    }
    parts.try_fold(radix(first, 10)?, |sum, part| {
        let digit = if (1..=2).contains(&part.len()) { radix(part, 10).filter(|n| *n < 60)? } else { return None };
        sum.checked_mul(60)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_ansible_takes_them_for() {
        let text = |s: &str| Value::String(s.to_owned());
        for (word, expected) in [
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("y", text("y")),
            ("~", Value::Null),
            ("", Value::Null),
            ("0644", Value::Int(420)),
            ("0o644", text("0o644")),
            ("089", text("089")),
            ("0x1F", Value::Int(31)),
            ("0b101", Value::Int(5)),
            ("1_000", Value::Int(1000)),
            ("-5", Value::Int(-5)),
            ("0", Value::Int(0)),
            ("1:30", Value::Int(90)),
            ("80:80", text("80:80")),
            ("1.10", Value::Float(1.1)),
            (".5", Value::Float(0.5)),
            ("1.5e+3", Value::Float(1500.0)),
            ("1e3", text("1e3")),
            ("1.5e3", text("1.5e3")),
            ("1.2.3", text("1.2.3")),
            ("10.0.0.1", text("10.0.0.1")),
            ("-", text("-")),
            ("+", text("+")),
            (".", text(".")),
            ("--5", text("--5")),
            ("0x", text("0x")),
            ("-9223372036854775808", Value::Int(i64::MIN)),
            ("9223372036854775808", text("9223372036854775808")),
            ("2026-11-22", text("2026-11-22")),
            (".inf", Value::Float(f64::INFINITY)),
        ] {
            assert_eq!(resolve(word), expected, "{word:?}");
        }
    }
}
