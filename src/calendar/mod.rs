//! When hosts may be started: windows, freezes and calendars, and what they mean at one moment. Pure: no clock except
//! the moment passed in, no file. Knows no key of a settings file and no host. Start at [`Window`] and [`Schedule`].

mod civil;
mod days;
mod event;
mod freeze;
pub mod ics;
mod line;
mod openings;
mod rule;
mod schedule;
mod window;
mod zones;

pub use days::{Days, Hours};
pub use event::{Calendar, Event};
pub use freeze::{Dates, Freeze, Frozen, Hold};
pub use schedule::{Closed, GUESSED_WALK, Late, Schedule};
pub use window::{Cron, Form, LastStart, Weekly, Window, Windows};

use openings::Around;
