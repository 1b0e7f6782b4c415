//! A run as it is now: one value from which everything that is shown about it is read. Pure: knows the folded events,
//! whether a controller is running the run, and the time; draws nothing and decides nothing. `ui` and `report` show it
//! and compute nothing themselves. Start at [`RunView`]; what scans say about hosts is in [`FleetView`].

mod assets;
mod changes;
mod counts;
mod cve;
mod drained;
mod fleet;
mod forecast;
mod in_flight;
mod left_behind;
mod next;
mod pace;
mod record;
mod run;
mod shape;
mod troubles;
mod unsent;
mod waits;
mod words;

pub use assets::{Asset, AssetLimits, AssetMark, AssetRow, is_over, support};
pub use changes::{Changes, PackageSet};
pub use counts::Counts;
pub use cve::{CveRow, CveState, CveVerdict, ImportedFeed, Knowledge};
pub use drained::Drained;
pub use fleet::{
    FleetRow, FleetView, HostScan, ScanAnswer, UpdateChange, UpdateCounts, UpdateFilter, needs_reboot, update_changes,
};
pub use forecast::{PackageCounts, PackagePlan, Problem, RebootPlan, ServiceGroup, ServicePlan, forecast_of};
pub use left_behind::{left_lines, left_on};
pub use next::{Next, NextCommand};
pub use pace::{Pace, TimeLeft};
pub use record::Record;
pub use run::{Phase, RunView, WINDOWS_IGNORED};
pub use shape::shape;
pub use troubles::Trouble;
pub use unsent::Unsent;
pub use waits::Waits;
pub use words::{clean, count, duration, first_line, step_name};
