//! The arguments of `rehearse`.

use std::path::PathBuf;

use clap::Args;

use super::connect::ConnectArgs;
use crate::cli::inventory_args::InventoryArgs;

/// `rehearse`.
#[derive(Clone, Debug, Args)]
pub struct RehearseArgs {
    /// The playbook.
    pub playbook: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub inventory: InventoryArgs,
    /// Only these hosts: a pattern, `@failed`, `@unfinished`, `@RUN:failed`, `@file`.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// On these hosts the first change fails, or the step of this name or kind: `db1`, `web[1-3]@verify`. May be
    /// repeated.
    #[arg(help_heading = "What goes wrong", long, value_name = "PATTERN[@STEP]")]
    pub fail: Vec<String>,
    /// The link to these hosts is lost for good during their first change, or during this step. May be repeated.
    #[arg(help_heading = "What goes wrong", long, value_name = "PATTERN[@STEP]")]
    pub lose: Vec<String>,
    /// These hosts do not come back from a reboot. May be repeated.
    #[arg(help_heading = "What goes wrong", long, value_name = "PATTERN")]
    pub never_back: Vec<String>,
    /// This program is killed in the first wave; then the run is resumed.
    #[arg(help_heading = "What goes wrong", long)]
    pub kill_controller: bool,
    /// The most hosts in flight.
    #[arg(short, long, value_name = "N", default_value_t = ConnectArgs::FORKS as u32, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub forks: u32,
    /// Keep the record, in a folder of its own, to look around in it.
    #[arg(long)]
    pub keep: bool,
    /// Print events as NDJSON on standard output; the summary goes to standard error.
    #[arg(long)]
    pub json: bool,
}
