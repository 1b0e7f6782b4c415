//! The arguments of `impact`.

use std::path::PathBuf;

use clap::Args;

use super::connect::ConnectArgs;
use crate::cli::inventory_args::InventoryArgs;

/// `impact`.
#[derive(Clone, Debug, Args)]
pub struct ImpactArgs {
    /// The playbook.
    pub playbook: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub inventory: InventoryArgs,
    /// Only these hosts: a pattern, `@failed`, `@unfinished`, `@RUN:failed`, `@file`.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Print events as NDJSON on standard output; the summary goes to standard error.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connect: ConnectArgs,
}
