//! The arguments of `windows`.

use clap::Args;

use crate::cli::inventory_args::InventoryArgs;

/// `windows`.
#[derive(Clone, Debug, Args)]
pub struct WindowsArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub inventory: InventoryArgs,
    /// Which hosts.
    #[arg(default_value = "all")]
    pub pattern: String,
    /// How many openings of each.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub next: u16,
    /// Look from this time on: `2026-12-13 02:00` in the zone of this machine, or with an offset.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Print the openings as an iCalendar file.
    #[arg(long, conflicts_with = "json")]
    pub ics: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
