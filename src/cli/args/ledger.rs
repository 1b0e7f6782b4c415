//! Arguments of `ledger`.

use std::time::Duration;

use clap::{Args, Subcommand};

/// `ledger …`.
#[derive(Clone, Debug, Subcommand)]
pub enum LedgerCommand {
    /// Check every record against its hash chain, and the database file.
    Verify {
        /// Only this run.
        run: Option<String>,
        /// Also look for this hash, which the end of a run and its report show: this finds a record that was cut or
        /// rewritten with new hashes.
        #[arg(long, value_name = "HASH", value_parser = crate::ledger::noted_head)]
        head: Option<String>,
    },
    /// Delete old runs, with their logs.
    Prune(PruneArgs),
    /// Make a new ledger from the undamaged events of each run; the damaged file is kept.
    Salvage,
    /// Compute again what is derived from the records of scans: the newest scan of each host.
    Rebuild,
    /// Print the path of the database.
    Path,
}

/// `ledger prune`.
#[derive(Clone, Debug, Args)]
pub struct PruneArgs {
    /// Keep the newest N runs.
    #[arg(long, value_name = "N", required_unless_present = "older_than", conflicts_with = "older_than")]
    pub keep_runs: Option<usize>,
    /// Delete runs without a new event for this long (`180d`).
    #[arg(long, value_name = "TIME", value_parser = crate::yaml::parse_duration)]
    pub older_than: Option<Duration>,
    /// Also delete runs with hosts that have started and are not finished.
    #[arg(long)]
    pub with_open: bool,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
}
