//! Inventory and playbook in, [`Plan`] out: who is patched with whom, in what order, under which budget.
//! Pure: no connection, no clock but the one handed in. Start at [`Plan`].

mod model;
pub mod window;

pub use model::{Domain, Plan, PlannedHost, Stage, Wave};
