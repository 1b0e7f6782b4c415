//! Results of steps about packages, made in one way: the class is one of `pkg::Class`, and each trouble has one
//! sentence.

use crate::{
    event::StepResult,
    pkg::{CannotDo, Class, Health, PackageManager},
};

/// A failure of this class.
pub(in crate::step) fn failed(class: Class, summary: impl Into<String>) -> StepResult {
    StepResult::failed(class.as_str(), summary)
}

/// The failure of a package database that is not in order; `what` is the beginning of the sentence.
pub(in crate::step) fn broken(manager: &dyn PackageManager, what: &str, health: &Health) -> StepResult {
    failed(Class::Broken, format!("{what}: {health}")).help(format!("on the host: {}", manager.how_to_repair(health)))
}

impl From<CannotDo> for Box<StepResult> {
    fn from(error: CannotDo) -> Self {
        Box::new(failed(Class::CannotDo, error.to_string()))
    }
}
