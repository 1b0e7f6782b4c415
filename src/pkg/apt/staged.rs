//! Archives of old versions on a host: fetched before an upgrade, listed and installed by a rollback. Knows nothing of
//! why they are kept. Start at [`stage`] and [`staged`]; what happens on the host is in `stage.sh`.

use std::{collections::BTreeSet, time::Duration};

use super::{lines::is_name, version::is_version};
use crate::{
    command::{Command, Output, Unreadable, printable},
    pkg::{Exact, answer::before_end},
};

const STAGE: &str = include_str!("stage.sh");

const STAGED: &str = r#"echo "native $(dpkg --print-architecture)"
cd "${PATCHWAVE_ROOT-}$1" 2>/dev/null || { echo end; exit; }
for f in *.deb; do
  [ ! -f "$f" ] || dpkg-deb -W --showformat='deb ${Package} ${Version} ${Architecture}\n' "$f"
done
echo end
"#;

/// `apt-stage`: a job, because it downloads.
pub(super) fn stage(set: &BTreeSet<Exact>, folder: &str) -> Command {
    let args = [folder.to_owned()].into_iter().chain(set.iter().map(ToString::to_string));
    Command::sh("apt-stage", STAGE, args).changing().timeout(Duration::from_secs(1800))
}

/// `apt-staged`: what is in the folder. A folder that is not there is empty.
pub(super) fn staged(folder: &str) -> Command {
    Command::sh("apt-staged", STAGED, [folder])
}

/// Reads `apt-staged`. An archive that dpkg cannot read is not listed.
pub(super) fn read(output: &Output) -> Result<BTreeSet<Exact>, Unreadable> {
    let lines = before_end(output, "end")?;
    let native = lines.iter().find_map(|line| line.strip_prefix("native ")).unwrap_or_default();
    let mut set = BTreeSet::new();
    for line in lines.iter().filter_map(|line| line.strip_prefix("deb ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, version, architecture] = words[..] else {
            return Err(Unreadable::new(format!("not an archive's name: {}", printable(line))));
        };
        if !is_name(name) || !is_version(version) || !is_name(architecture) {
            return Err(Unreadable::new(format!("not an archive's name: {}", printable(line))));
        }
        let foreign = architecture != native && architecture != "all";
        let name = if foreign { format!("{name}:{architecture}") } else { name.to_owned() };
        set.insert(Exact { name, version: version.to_owned() });
    }
    Ok(set)
}
