//! When hosts may be started: the forms of a maintenance window, and what they mean at one moment. Pure: no clock
//! except the moment passed in, no file. Knows no key of a file and no host. Start at [`Window`] and [`open_until`].

mod civil;
mod days;
mod openings;
mod search;
mod window;

pub use days::{Days, Hours};
pub use search::{never_open, next_opening, open_until};
pub use window::{Cron, Form, Weekly, Window, Windows};
