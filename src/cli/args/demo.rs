//! The arguments of `demo`.

use clap::Args;

/// `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Number of simulated hosts.
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub hosts: u32,
    /// The host that fails [default: one in the middle of production].
    #[arg(long, value_name = "HOST")]
    pub fail: Option<String>,
    /// Keep the record of the demo's runs; the simulated hosts are always removed.
    #[arg(long)]
    pub keep: bool,
    /// Print events as NDJSON on standard output.
    #[arg(long)]
    pub json: bool,
}
