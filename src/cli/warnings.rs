//! Warnings: they are shown on standard error, each with a heading, and stop nothing.

use super::{World, failure::harmless};
use crate::yaml::Problems;

/// The most that are written out; the rest is counted.
const MOST_SHOWN: usize = 20;

/// Shows each of them.
pub(super) fn warn(found: &Problems, world: &mut World) {
    for problem in found.0.iter().take(MOST_SHOWN) {
        world.complain(format_args!("warning: {}", harmless(&problem.to_string())));
    }
    if let Some(more) = found.0.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        world.talk(format_args!("and {more} more warnings"));
    }
}
