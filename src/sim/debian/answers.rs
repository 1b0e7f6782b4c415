//! What the host says about its packages, by the label of the question.

use super::packages::Packages;
use crate::command::Command;

/// Who it is, for `host-facts`.
pub(in crate::sim) const FACTS: &str =
    "os ID=debian\nos PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\ntool apt-get\n";
/// The lock is held, for `package-locks`.
pub(in crate::sim) const LOCK: &str = "lock /var/lib/dpkg/lock-frontend 812 apt-get install\n";
/// The end of a transaction that ran out of disk space.
pub(in crate::sim) const DISK_FULL: &str = "dpkg: error: failed to write status database: No space left on device\n";

const UPKEEP: &str = "native amd64\nrepository deb.debian.org_debian_dists_bookworm_InRelease\nOrigin Debian\n\
                      Date Sat, 14 Nov 2026 09:12:34 UTC\norigin libssl3\tamd64\topenssl\t3.0.11-1\nend\n";

/// An exit code and the text that is printed with it.
type Refusal = (u32, String);

impl Packages {
    /// The answer to a question about packages, or to a small change of them; `full`: the disk is full.
    pub(in crate::sim) fn answer(&mut self, command: &Command, full: bool) -> Result<String, Refusal> {
        let stdin = String::from_utf8_lossy(&command.stdin);
        let refused = |text: &str| Err((100, text.to_owned()));
        match command.label {
            "apt-state" => Ok(self.state()),
            "apt-refresh" if full => refused("E: Write error - write (28: No space left on device)"),
            "apt-refresh-apart" if full => Ok("== not fetched: no room\n".to_owned()),
            "apt-remove-apart" => Ok(String::new()),
            "apt-refresh" | "apt-refresh-apart" => Ok("Reading package lists...\n".to_owned()),
            "apt-pending" => self.outlook().map_or_else(|| refused("E: Unmet dependencies."), Ok),
            "apt-simulate" => Ok(self.simulate(&stdin)),
            "apt-simulate-restore" => Ok(self.simulate_restore(&stdin)),
            "apt-mark-hold" if full => refused("E: No space left on device"),
            "apt-mark-hold" => Ok(String::new()),
            "apt-simulate-purge" => Ok(self.simulate_purge(&stdin)),
            // No source has anything newer than what is installed.
            "apt-known" => Ok(String::new()),
            "apt-boot" => Ok(self.boot()),
            "apt-staged" => Ok(self.staged()),
            "apt-upkeep" => Ok(UPKEEP.to_owned()),
            "apt-unfetched" => Ok("end\n".to_owned()),
            "apt-mark-auto" if full => refused("E: No space left on device"),
            "apt-mark-auto" => {
                self.mark_auto(command.argv.rsplit(|word| word == "auto").next().unwrap_or_default());
                Ok(String::new())
            }
            "apt-clean" => Ok(String::new()),
            label => Err((127, format!("the simulated host does not know {label}"))),
        }
    }
}
