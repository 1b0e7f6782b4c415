//! Arguments of the commands that say what hosts are and what is pending on them.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::connect::ConnectArgs;
use crate::cli::inventory_args::InventoryArgs;

/// `scan`.
#[derive(Clone, Debug, Args)]
pub struct ScanArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub inventory: InventoryArgs,
    /// Which hosts.
    #[arg(default_value = "all")]
    pub pattern: String,
    /// Only security fixes, and updates of which the source does not say whether they are.
    #[arg(long)]
    pub security: bool,
    /// Only kernels.
    #[arg(long)]
    pub kernel: bool,
    /// Only updates that fix this CVE, by what the host or imported advisories say.
    #[arg(long, value_name = "CVE", value_parser = cve)]
    pub cve: Option<String>,
    /// Only this package; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub package: Vec<String>,
    /// Show what has changed since the scan before, instead of all pending updates.
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    pub diff: bool,
    /// Fetch the package lists on each host first. Without it nothing on a host is changed.
    #[arg(long)]
    pub refresh: bool,
    /// Print one JSON object per host.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print one row of comma-separated values per update.
    #[arg(long)]
    pub csv: bool,
    /// Ask with raised rights (sudo, doas or su), whatever the inventory says. Without them some facts are not known.
    #[arg(short = 'b', long = "become")]
    pub raise: bool,
    /// Time limit for each host.
    #[arg(long, value_name = "TIME", value_parser = crate::yaml::parse_duration, default_value = "5m")]
    pub timeout: Duration,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connect: ConnectArgs,
}

/// `facts`.
#[derive(Clone, Debug, Args)]
pub struct FactsArgs {
    /// The host; without it, a table of all hosts that were scanned.
    pub host: Option<String>,
    /// Print one JSON object per host.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print one row of comma-separated values per host.
    #[arg(long)]
    pub csv: bool,
}

/// `assets`.
#[derive(Clone, Debug, Args)]
pub struct AssetsArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub inventory: InventoryArgs,
    /// A host whose newest scan is older counts as stale.
    #[arg(long, value_name = "TIME", value_parser = crate::yaml::parse_duration, default_value = "7d")]
    pub stale_after: Duration,
    /// A host that was first scanned in this time counts as new.
    #[arg(long, value_name = "TIME", value_parser = crate::yaml::parse_duration, default_value = "7d")]
    pub new_within: Duration,
    /// Print one JSON object per host.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print one row of comma-separated values per host.
    #[arg(long)]
    pub csv: bool,
}

/// `cve`.
#[derive(Clone, Debug, Args)]
pub struct CveArgs {
    /// The id: `CVE-2026-1234`.
    #[arg(value_parser = cve)]
    pub cve: String,
    /// Print one JSON object per host.
    #[arg(long)]
    pub json: bool,
}

/// `advisories …`.
#[derive(Clone, Debug, Subcommand)]
pub enum AdvisoriesCommand {
    /// Import a file: OSV, the JSON of a security tracker, Ubuntu security notices, or CISA's list of exploited
    /// vulnerabilities. It replaces what an earlier import from a file of the same name and format said.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// List what was imported, with its age.
    List,
}

/// A CVE's id, in capitals.
fn cve(text: &str) -> Result<String, String> {
    let id = text.to_ascii_uppercase();
    let numbers = |rest: &str| {
        rest.split_once('-').is_some_and(|(year, number)| {
            year.len() == 4
                && (4..=19).contains(&number.len())
                && (year.bytes().chain(number.bytes())).all(|b| b.is_ascii_digit())
        })
    };
    match id.strip_prefix("CVE-").is_some_and(numbers) {
        true => Ok(id),
        false => Err("a CVE's id is like CVE-2026-1234".to_owned()),
    }
}
