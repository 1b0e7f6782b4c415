//! Readers of what our helper scripts print on a host.

use super::{guard, job, lease};
use crate::command::Output;

/// How many of the readers of our helper scripts' answers understand this output. Every host may print anything, so
/// none of them may panic: the fuzz target `host_output` asks here.
pub fn answers_understood(output: &Output) -> usize {
    job::answers_understood(output) + guard::answers_understood(output) + usize::from(lease::understands(output))
}
