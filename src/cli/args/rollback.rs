//! The arguments of `rollback`.

use std::time::Duration;

use clap::Args;

use super::connect::ConnectArgs;
use crate::cli::inventory_args::VaultArgs;

/// `rollback`.
#[derive(Clone, Debug, Args)]
pub struct RollbackArgs {
    /// The run to undo. Its stages and waves are used again, with the hosts that it changed.
    pub run: String,
    /// Only these of the hosts that the run changed.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Change nothing on any host; show what would be undone.
    #[arg(short = 'C', long, visible_alias = "dry-run")]
    pub check: bool,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
    /// How long to hold what was rolled back, so that the next upgrade leaves it alone; `0s` holds nothing. Default 7d,
    /// where the package manager can hold packages.
    #[arg(long, value_name = "TIME", value_parser = crate::yaml::parse_duration)]
    pub hold: Option<Duration>,
    /// Why, noted with the hold on each host.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Bring the old versions back even where the packages were changed again since the run.
    #[arg(long)]
    pub force: bool,
    /// Try hosts for which the run's record names no way back, too: since then a package source may have got the old
    /// versions. They are left out otherwise.
    #[arg(long)]
    pub try_all: bool,
    /// Start hosts outside their maintenance windows, and during freezes.
    #[arg(long)]
    pub ignore_window: bool,
    /// Change hosts even if another run holds their lease or is still working there; this is recorded.
    #[arg(long)]
    pub steal_lease: bool,
    /// Print events as NDJSON on standard output; the summary goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Set the extra variables that the run was started with again; the ledger has only their names.
    #[arg(short = 'e', long = "extra-vars", value_name = "K=V")]
    pub extra_vars: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub vault: VaultArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connect: ConnectArgs,
}
