//! Reads what is under the keyword of a step. One reader per kind; the table says which side a kind may run on.

mod actions;
mod changes;
mod checks;
mod limits;

pub(super) use actions::argv;
pub use changes::is_cve;

use super::{Side, StepKind, values::Context};
use crate::yaml::{Key, Node, Problems};

type Reader = fn(&Node, &Context, &mut Problems) -> Option<StepKind>;

/// One kind of step.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// The key that chooses it.
    pub keyword: &'static str,
    /// `on: host` makes sense.
    pub on_host: bool,
    /// `on: controller` makes sense.
    pub on_controller: bool,
    /// Where it runs when the step does not say.
    pub default_side: Side,
    read: Reader,
}

/// Runs on the host only.
const fn host(keyword: &'static str, read: Reader) -> Kind {
    Kind { keyword, on_host: true, on_controller: false, default_side: Side::Host, read }
}

/// Runs on either side, on the host unless said otherwise.
const fn either(keyword: &'static str, read: Reader) -> Kind {
    Kind { on_controller: true, ..host(keyword, read) }
}

/// A hook: on the controller unless said otherwise.
const fn hook(keyword: &'static str, read: Reader) -> Kind {
    Kind { default_side: Side::Controller, ..either(keyword, read) }
}

/// All kinds, in the order in which messages list them.
pub(super) const ALL: [Kind; 17] = [
    host("precheck", checks::precheck),
    hook("snapshot", actions::snapshot),
    hook("snapshot_restore", actions::snapshot_restore),
    host("upgrade", changes::upgrade),
    host("reboot", changes::reboot),
    host("verify", checks::verify),
    either("command", actions::command),
    either("script", actions::script),
    host("copy", changes::copy),
    host("service", changes::service),
    either("wait_for", checks::wait_for),
    either("pause", actions::pause),
    Kind { on_host: false, ..hook("notify", actions::notify) },
    hook("drain", actions::drain),
    hook("undrain", actions::undrain),
    host("cleanup", changes::cleanup),
    host("rollback", changes::rollback),
];

/// Reads what is under `key`.
pub(super) fn read(key: &Key, node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    ALL.iter().find(|kind| kind.keyword == key.text).and_then(|kind| (kind.read)(node, context, problems))
}
