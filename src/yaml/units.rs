//! Durations and sizes, as operators write them. Integer arithmetic only.

use std::time::Duration;

/// The longest duration: a year, far below what a clock can add.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads `90s`, `5m`, `1h30m`, `4h`, `2d`, `1w`, `500ms`; a bare whole number is seconds.
///
/// # Errors
/// Anything else, and more than 366 days; the text says what is accepted.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "a length of time like 90s, 5m, 1h30m or 2d";
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs).filter(|d| *d <= LONGEST).ok_or_else(too_long);
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" | "sec" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return Err(format!("expected {FORM}")),
        };
        if number.is_empty() {
            return Err(format!("expected {FORM}"));
        }
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(millis)).ok_or_else(too_long)?;
        sum = sum.checked_add(Duration::from_millis(part)).filter(|d| *d <= LONGEST).ok_or_else(too_long)?;
        rest = tail.trim_start();
    }
    if text.is_empty() { Err(format!("expected {FORM}")) } else { Ok(sum) }
}

fn too_long() -> String {
    "this is longer than a year".to_owned()
}

/// Reads `1GiB`, `150MiB`, `500M`, `1.5G`, `10MB`; a bare whole number is bytes.
///
/// As in `systemd` and `df -h`, `K`, `M`, `G`, `T` are powers of 1024, and so are `KiB` and so on; `kB`, `MB` and so on
/// are powers of 1000.
///
/// # Errors
/// Anything else, and what does not fit into 64 bits.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let bad = || "expected a size like 150MiB, 1GiB or 500M".to_owned();
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit: u128 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(bad()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || whole.len() > 20 || fraction.len() > 6 || fraction.contains('.') || number.ends_with('.') {
        return Err(bad());
    }
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| bad())?;
    let scaled = digits * unit / 10u128.pow(fraction.len() as u32);
    u64::try_from(scaled).map_err(|_| "this does not fit into 64 bits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("90s", Some(90_000)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("4h", Some(14_400_000)),
            ("2d", Some(172_800_000)),
            ("500ms", Some(500)),
            ("30", Some(30_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("", None),
            ("m", None),
            ("-5m", None),
            ("1.5h", None),
            ("5 m", None),
            ("5x", None),
            ("1h30", None),
            ("400d", None),
            ("99999999999999999999s", None),
            ("99999999999999999999", None),
            ("18446744073709551615ms", None),
        ] {
            assert_eq!(parse_duration(text).ok(), millis.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1GiB", Some(1 << 30)),
            ("150MiB", Some(150 << 20)),
            ("500M", Some(500 << 20)),
            ("1.5G", Some(3 << 29)),
            ("10 MB", Some(10_000_000)),
            ("4096", Some(4096)),
            ("0", Some(0)),
            ("16777216T", None),
            ("1.2.3G", None),
            ("1.", None),
            ("-1G", None),
            ("G", None),
            ("", None),
            ("1Gi", None),
            ("99999999999999999999999999", None),
        ] {
            assert_eq!(parse_bytes(text).ok(), bytes, "{text:?}");
        }
    }
}
