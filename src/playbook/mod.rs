//! Playbook files in, checked step specs and templates out.
//! Knows no host and no connection. Start at [`load`] and [`Playbook`].

mod address;
mod files;
mod from_ansible;
mod guard;
mod guard_spec;
mod kinds;
mod load;
#[cfg(test)]
mod load_tests;
mod reserved;
mod rollout;
#[cfg(test)]
mod schema_tests;
mod sources;
mod spec;
mod steps;
mod stub;
pub mod template;
mod undoing;
mod upgrade_spec;
mod values;
mod written;

pub use address::{Address, hide_addresses};
pub use files::{find as find_beside, root};
pub use guard_spec::Guard;
pub use kinds::is_cve;
#[cfg(feature = "testing")]
pub use load::load_text;
pub use load::{PLAYBOOK, load};
pub use reserved::{OF_HOSTS, OF_STEPS};
pub use sources::Source;
pub use spec::{
    Cleanup, CommandLine, CommandSpec, Condition, CopyFrom, CopySpec, Hook, HttpCheck, LOCK_TIMEOUT, Notify, Pause,
    Playbook, Precheck, Reboot, RebootWhen, RiskOrder, Rollout, Script, ServiceSpec, ServiceState, Side, StageSpec,
    StepKind, StepSpec, Template, TemplateList, Undrain, Verify, WaitFor,
};
pub use stub::stub_at;
pub use template::{Scope as TemplateScope, TemplateError};
pub use undoing::undoing;
pub use upgrade_spec::{RestartServices, Rollback, Scope, Upgrade, WayBackWish};
pub use written::Written;
