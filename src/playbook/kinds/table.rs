//! All kinds of steps: keyword, reader, what its value looks like, and on which side it may run. Start at [`ALL`].

use super::{
    super::{Side, StepKind, values::Context},
    actions, changes, checks, upgrade,
};
use crate::yaml::{
    Key, Node, Problems,
    shape::{self, Shape},
};

type Reader = fn(&Node, &Context, &mut Problems) -> Option<StepKind>;

/// One kind of step.
#[derive(Clone, Copy)]
pub(in super::super) struct Kind {
    /// The key that chooses it.
    pub keyword: &'static str,
    shape: Shape,
    about: &'static str,
    /// `on: host` makes sense.
    pub on_host: bool,
    /// `on: controller` makes sense.
    pub on_controller: bool,
    /// Where it runs when the step does not say.
    pub default_side: Side,
    read: Reader,
}

/// Runs on the host only.
const fn host(keyword: &'static str, read: Reader, shape: Shape, about: &'static str) -> Kind {
    Kind { keyword, shape, about, on_host: true, on_controller: false, default_side: Side::Host, read }
}

/// Runs on either side, on the host unless said otherwise.
const fn either(keyword: &'static str, read: Reader, shape: Shape, about: &'static str) -> Kind {
    Kind { on_controller: true, ..host(keyword, read, shape, about) }
}

/// A hook: on the controller unless said otherwise.
const fn hook(keyword: &'static str, read: Reader, shape: Shape, about: &'static str) -> Kind {
    Kind { default_side: Side::Controller, ..either(keyword, read, shape, about) }
}

/// All kinds, in the order in which messages list them.
pub(in super::super) const ALL: [Kind; 17] = [
    host("precheck", checks::precheck, checks::PRECHECK, "Checks the host before anything is changed."),
    hook("snapshot", actions::snapshot, actions::SNAPSHOT, "A hook; the last line that it prints is `snapshot.id`."),
    hook("snapshot_restore", actions::snapshot_restore, actions::RESTORE, "A hook that restores the snapshot."),
    host("upgrade", upgrade::upgrade, upgrade::UPGRADE, "Upgrades packages. Default: security updates only."),
    host("reboot", changes::reboot, changes::REBOOT, "Reboots the host, and waits until it is back."),
    host("verify", checks::verify, checks::VERIFY, "Checks the host after the change."),
    either("command", actions::command, actions::COMMAND, "Runs a command."),
    either("script", actions::script, actions::SCRIPT, "Runs a script that is beside the playbook."),
    host("copy", changes::copy, changes::COPY, "Writes a file on the host, all at once."),
    host("service", changes::service, changes::SERVICE, "Starts, stops, restarts or reloads units."),
    either("wait_for", checks::wait_for, checks::WAIT_FOR, "Waits for a port, an address, a path or a command."),
    either("pause", actions::pause, actions::PAUSE, "Waits."),
    Kind { on_host: false, ..hook("notify", actions::notify, actions::NOTIFY, "Sends a message.") },
    hook("drain", actions::drain, actions::DRAIN, "A hook that takes the host out of service."),
    hook("undrain", actions::undrain, actions::UNDRAIN, "A hook that puts the host back into service."),
    host("cleanup", changes::cleanup, changes::CLEANUP, "Removes old kernels and downloaded packages."),
    host("rollback", changes::rollback, changes::ROLLBACK, "Brings back the packages of before."),
];

/// The keys that choose them.
pub(in super::super) const KEYWORDS: [&str; ALL.len()] = {
    let mut words = [""; ALL.len()];
    let mut at = 0;
    while at < ALL.len() {
        words[at] = ALL[at].keyword;
        at += 1;
    }
    words
};

/// The same with their values.
pub(in super::super) static KEYS: [shape::Key; ALL.len()] = {
    let mut keys = [shape::Key::new("", Shape::Any, ""); ALL.len()];
    let mut at = 0;
    while at < ALL.len() {
        keys[at] = shape::Key::new(ALL[at].keyword, ALL[at].shape, ALL[at].about);
        at += 1;
    }
    keys
};

/// Reads what is under `key`.
pub(in super::super) fn read(key: &Key, node: &Node, context: &Context, problems: &mut Problems) -> Option<StepKind> {
    ALL.iter().find(|kind| kind.keyword == key.text).and_then(|kind| (kind.read)(node, context, problems))
}
