//! May the next host start? Plan and state in, one [`Directive`] out. Pure: gets the time passed in, and keeps nothing.
//! Each decision is made again from the recorded facts. Start at [`next`]; the reasons to stop are in [`halt`], what is
//! still to come in [`prospect`].

mod check;
mod halt;
mod next;
mod prospect;
mod tolerance;

pub use halt::{Halt, halt};
pub use next::{Directive, Ending, Limits, Now, next};
pub use prospect::{Prospect, prospect};
pub use tolerance::{Tolerance, Tolerated, tolerance};

#[cfg(test)]
mod tests;
