//! Reads `apt-upkeep`: repositories, other programs that install updates, source packages.

use jiff::{Timestamp, fmt::rfc2822};

use super::lines::is_name;
use crate::{
    command::{Output, Unreadable, printable},
    pkg::{
        Repository, Upkeep,
        answer::{before_end, tagged},
    },
};

pub(super) fn read(output: &Output) -> Result<Upkeep, Unreadable> {
    let lines = before_end(output, "end")?;
    let mut upkeep = Upkeep::default();
    let mut native = "";
    for line in &lines {
        let (tag, rest) = tagged(line);
        let last = upkeep.repositories.last_mut();
        match (tag, last) {
            ("native", _) => native = rest,
            ("repository", _) => {
                let repository = Repository { name: short_name(&printable(rest)), ..Repository::default() };
                upkeep.repositories.push(repository);
            }
            ("Origin", Some(repository)) => repository.origin = printable(rest),
            ("Date", Some(repository)) => repository.dated = date(rest),
            ("Valid-Until", Some(repository)) => repository.valid_until = date(rest),
            ("rival", _) => upkeep.rivals.push(printable(rest)),
            ("cron", _) => upkeep.cron(rest),
            ("origin", _) => {
                if let [name, architecture, source, version] = rest.split('\t').collect::<Vec<_>>()[..]
                    && is_name(name)
                {
                    let foreign = architecture != native && architecture != "all";
                    let name = if foreign { format!("{name}:{architecture}") } else { name.to_owned() };
                    upkeep.origins.insert(name, (printable(source), printable(version)));
                }
            }
            _ => {}
        }
    }
    Ok(upkeep.tidied())
}

/// Reads `apt-unfetched`.
pub(super) fn unfetched(output: &Output) -> Result<Vec<String>, Unreadable> {
    let lines = before_end(output, "end")?;
    Ok(lines.iter().filter_map(|line| line.strip_prefix("absent ")).map(|base| short_name(&printable(base))).collect())
}

/// `deb.debian.org/debian bookworm` for `deb.debian.org_debian_dists_bookworm_InRelease`.
fn short_name(file: &str) -> String {
    let whole = file.trim_end_matches("InRelease").trim_end_matches("Release").trim_end_matches('_');
    match whole.rsplit_once("_dists_") {
        Some((address, suite)) => format!("{} {}", address.replace('_', "/"), suite.replace('_', "/")),
        None => whole.replace('_', "/"),
    }
}

/// `Sat, 14 Nov 2026 09:12:34 UTC`.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // The format of mails has no word for it.
    let text = text.strip_suffix("UTC").map_or_else(|| text.to_owned(), |text| format!("{text}+0000"));
    rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_dates_are_read_and_what_is_not_a_date_is_none() {
        for (file, name) in [
            ("deb.debian.org_debian_dists_bookworm-updates_InRelease", "deb.debian.org/debian bookworm-updates"),
            ("_srv_repo_main_._Release", "/srv/repo/main/."),
            ("", ""),
        ] {
            assert_eq!(short_name(file), name);
        }
        assert_eq!(date("Sat, 14 Nov 2026 09:12:34 UTC").unwrap().to_string(), "2026-11-14T09:12:34Z");
        assert_eq!(date("Sat, 14 Nov 2026 09:12:34 +0100").unwrap().to_string(), "2026-11-14T08:12:34Z");
        assert_eq!((date(""), date("soon"), date("99 Foo 20 UTC")), (None, None, None));
    }
}
