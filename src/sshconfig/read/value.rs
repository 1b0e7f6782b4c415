//! The arguments of keywords: how each kind is written, and its one canonical form, which is also what `ssh -G` prints.

/// A word and its canonical form.
pub(crate) type Choices = &'static [(&'static str, &'static str)];

pub(crate) const FLAG: Choices = &[("true", "yes"), ("false", "no"), ("yes", "yes"), ("no", "no")];
pub(crate) const YES_NO_ASK: Choices =
    &[("true", "true"), ("false", "false"), ("yes", "true"), ("no", "false"), ("ask", "ask")];
pub(crate) const STRICT: Choices = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("off", "false"),
    ("ask", "ask"),
    ("accept-new", "accept-new"),
];
pub(crate) const FAMILY: Choices = &[("inet", "inet"), ("inet6", "inet6"), ("any", "any")];
pub(crate) const CONTROL: Choices = &[
    ("true", "true"),
    ("yes", "true"),
    ("false", "false"),
    ("no", "false"),
    ("auto", "auto"),
    ("ask", "ask"),
    ("autoask", "autoask"),
];
pub(crate) const TUNNEL: Choices = &[
    ("ethernet", "ethernet"),
    ("point-to-point", "point-to-point"),
    ("true", "point-to-point"),
    ("yes", "point-to-point"),
    ("false", "false"),
    ("no", "false"),
];
pub(crate) const TTY: Choices =
    &[("true", "true"), ("yes", "true"), ("false", "false"), ("no", "false"), ("force", "force"), ("auto", "auto")];
pub(crate) const SESSION: Choices = &[("none", "none"), ("subsystem", "subsystem"), ("default", "default")];
pub(crate) const CANONICALIZE: Choices =
    &[("true", "true"), ("false", "false"), ("yes", "true"), ("no", "false"), ("always", "always")];
pub(crate) const PUBKEY: Choices = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("unbound", "unbound"),
    ("host-bound", "host-bound"),
];
pub(crate) const COMPRESSION: Choices = &[("yes", "yes"), ("no", "no")];
pub(crate) const HASH: Choices = &[("md5", "MD5"), ("sha256", "SHA256"), ("sha1", "SHA1"), ("sha512", "SHA512")];
pub(crate) const LEVEL: Choices = &[
    ("silent", "SILENT"),
    ("quiet", "SILENT"),
    ("fatal", "FATAL"),
    ("error", "ERROR"),
    ("info", "INFO"),
    ("verbose", "VERBOSE"),
    ("debug", "DEBUG"),
    ("debug1", "DEBUG"),
    ("debug2", "DEBUG2"),
    ("debug3", "DEBUG3"),
];
pub(crate) const FACILITY: Choices = &[
    ("daemon", "DAEMON"),
    ("user", "USER"),
    ("auth", "AUTH"),
    ("authpriv", "AUTHPRIV"),
    ("local0", "LOCAL0"),
    ("local1", "LOCAL1"),
    ("local2", "LOCAL2"),
    ("local3", "LOCAL3"),
    ("local4", "LOCAL4"),
    ("local5", "LOCAL5"),
    ("local6", "LOCAL6"),
    ("local7", "LOCAL7"),
];

/// The canonical form of one of `choices`, whatever its case.
pub(crate) fn choice(word: &str, choices: Choices) -> Result<String, String> {
    match choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
        Some((_, canonical)) => Ok((*canonical).to_owned()),
        None => {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            Err(format!("{word:?} is not one of {}", names.join(", ")))
        }
    }
}

/// A number from 0 to 2³¹-1.
pub(crate) fn number(word: &str) -> Result<String, String> {
    let digits = word.strip_prefix('+').unwrap_or(word);
    match digits.parse::<i32>() {
        Ok(n) if n >= 0 && digits.starts_with(|c: char| c.is_ascii_digit()) => Ok(n.to_string()),
        _ => Err(format!("{word:?} is not a number from 0 to {}", i32::MAX)),
    }
}

/// A port: a number, or one of a few common names.
pub(crate) fn port(word: &str) -> Result<u16, String> {
    let named = match word {
        "ssh" => Some(22),
        "http" => Some(80),
        "https" => Some(443),
        "telnet" => Some(23),
        _ => None,
    };
    let digits = word.strip_prefix('+').unwrap_or(word);
    let digits = digits.starts_with(|c: char| c.is_ascii_digit()).then_some(digits);
    match named.or_else(|| digits?.parse().ok()) {
        Some(port) if port > 0 => Ok(port),
        _ => Err(format!("{word:?} is not a port from 1 to 65535")),
    }
}

/// Seconds from `1h30m`; TIME FORMATS in sshd_config(5).
pub(crate) fn seconds(word: &str) -> Result<i32, String> {
    let bad = || format!("{word:?} is not a time such as 30, 5m or 1h30m");
    let mut total: i32 = 0;
    let mut rest = word;
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let n: i32 = rest[..end].parse().map_err(|_| bad())?;
        let mut tail = rest[end..].chars();
        let unit = match tail.next().map(|c| c.to_ascii_lowercase()) {
            None | Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            Some('w') => 604_800,
            Some(_) => return Err(bad()),
        };
        total = n.checked_mul(unit).and_then(|n| total.checked_add(n)).ok_or_else(bad)?;
        rest = tail.as_str();
    }
    Ok(total)
}

/// `RekeyLimit`: bytes with a suffix, then perhaps a time.
pub(crate) fn rekey(words: &[String]) -> Result<String, String> {
    let (first, time) = match words {
        [first] => (first, None),
        [first, time] => (first, Some(time)),
        _ => return Err("takes a size and an optional time".into()),
    };
    let bytes = if first == "default" { 0 } else { scaled(first)? };
    if bytes != 0 && bytes < 16 {
        return Err(format!("{first:?} is too small"));
    }
    let time = match time.map(String::as_str) {
        None | Some("none") => 0,
        Some(word) => seconds(word)?,
    };
    Ok(format!("{bytes} {time}"))
}

fn scaled(word: &str) -> Result<i64, String> {
    let bad = || format!("{word:?} is not a size such as 512M or 1G");
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let n: i64 = word[..end].parse().map_err(|_| bad())?;
    let shift = match word[end..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(bad()),
    };
    n.checked_mul(1 << shift).ok_or_else(bad)
}

/// `ControlPersist`: a flag or a time.
pub(crate) fn persist(word: &str) -> Result<String, String> {
    match word {
        "no" | "false" => Ok("no".into()),
        "yes" | "true" => Ok("yes".into()),
        _ => Ok(match seconds(word)? {
            0 => "yes".into(),
            n => n.to_string(),
        }),
    }
}

/// `AddKeysToAgent`: a choice, a time, or `confirm` and a time.
pub(crate) fn add_keys(words: &[String]) -> Result<String, String> {
    const CHOICES: Choices = &[
        ("true", "true"),
        ("false", "false"),
        ("yes", "true"),
        ("no", "false"),
        ("ask", "ask"),
        ("confirm", "confirm"),
    ];
    match words {
        [word] => match choice(word, CHOICES) {
            Ok(canonical) => Ok(canonical),
            Err(_) => Ok(match seconds(word)? {
                0 => "true".into(),
                n => n.to_string(),
            }),
        },
        [word, time] if word.eq_ignore_ascii_case("confirm") => Ok(match seconds(time)? {
            0 => "confirm".into(),
            n => format!("confirm {n}"),
        }),
        _ => Err("takes yes, no, ask, confirm or a time".into()),
    }
}

/// `EscapeChar`: one character, `^` and a letter, or `none`.
pub(crate) fn escape(word: &str) -> Result<String, String> {
    let bytes = word.as_bytes();
    let control = bytes.len() == 2 && bytes[0] == b'^' && (64..128).contains(&bytes[1]);
    if word == "none" || bytes.len() == 1 || control {
        Ok(word.to_owned())
    } else {
        Err(format!("{word:?} is not an escape character"))
    }
}

/// `TunnelDevice`: `local[:remote]`, each a number or `any`.
pub(crate) fn tunnel_device(word: &str) -> Result<String, String> {
    let (local, remote) = word.split_once(':').unwrap_or((word, "any"));
    let one = |part: &str| {
        if part.eq_ignore_ascii_case("any") { Ok("any".to_owned()) } else { number(part) }
    };
    Ok(format!("{}:{}", one(local)?, one(remote)?))
}

/// `StreamLocalBindMask`: an octal mask.
pub(crate) fn mask(word: &str) -> Result<String, String> {
    match u32::from_str_radix(word, 8) {
        Ok(mask) if mask <= 0o777 => Ok(format!("0{mask:o}")),
        _ => Err(format!("{word:?} is not an octal mask")),
    }
}

/// `IPQoS`: one class, or one for interactive and one for other sessions.
pub(crate) fn qos(words: &[String]) -> Result<String, String> {
    match words {
        [both] => one_qos(both).map(|class| format!("{class} {class}")),
        [interactive, bulk] => Ok(format!("{} {}", one_qos(interactive)?, one_qos(bulk)?)),
        _ => Err("takes one or two classes".into()),
    }
}

fn one_qos(word: &str) -> Result<String, String> {
    const NAMES: &[(&str, u32)] = &[
        ("af11", 0x28),
        ("af12", 0x30),
        ("af13", 0x38),
        ("af21", 0x48),
        ("af22", 0x50),
        ("af23", 0x58),
        ("af31", 0x68),
        ("af32", 0x70),
        ("af33", 0x78),
        ("af41", 0x88),
        ("af42", 0x90),
        ("af43", 0x98),
        ("cs0", 0x00),
        ("cs1", 0x20),
        ("cs2", 0x40),
        ("cs3", 0x60),
        ("cs4", 0x80),
        ("cs5", 0xa0),
        ("cs6", 0xc0),
        ("cs7", 0xe0),
        ("ef", 0xb8),
        ("le", 0x04),
        ("lowdelay", 0x10),
        ("throughput", 0x08),
        ("reliability", 0x04),
    ];
    if word.eq_ignore_ascii_case("none") {
        return Ok("none".into());
    }
    let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, value)| *value);
    let hex = word.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let value = named.or(hex).or_else(|| word.parse().ok()).filter(|value| *value <= 255);
    let value = value.ok_or_else(|| format!("{word:?} is not a class of service"))?;
    Ok(NAMES
        .iter()
        .find(|(_, known)| *known == value)
        .map_or_else(|| format!("0x{value:02x}"), |(name, _)| (*name).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (word, want) in [("30", Some(30)), ("1h30m", Some(5_400)), ("2D", Some(172_800)), ("0", Some(0))] {
            assert_eq!(seconds(word).ok(), want, "{word}");
        }
        for bad in ["", "x", "1x", "5 m", "-1", "99999999999", "4000w9000w"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_and_ports() {
        assert_eq!(port("22").ok(), Some(22));
        for bad in ["0", "65536", "-1", "x", "", "22x", "++1"] {
            assert!(port(bad).is_err(), "{bad}");
        }
        assert_eq!(number("+7").ok().as_deref(), Some("7"));
        assert!(number("2147483648").is_err());
    }

    #[test]
    fn odd_ones() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(rekey(&words("1G 1h")).unwrap(), "1073741824 3600");
        assert_eq!(qos(&words("0x10 af21")).unwrap(), "lowdelay af21");
        assert_eq!(add_keys(&words("confirm 5m")).unwrap(), "confirm 300");
        assert!(add_keys(&words("yes 5m")).is_err());
        assert_eq!(mask("022").unwrap(), "022");
        assert_eq!(tunnel_device("1:any").unwrap(), "1:any");
    }
}
