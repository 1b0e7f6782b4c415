//! Playbook files in, checked step specs and templates out.
//! Knows no host and no connection. Start at [`Playbook`].

mod spec;
pub mod template;

pub use spec::{
    Cleanup, CommandLine, CommandSpec, Condition, CopyFrom, CopySpec, Hook, HttpCheck, Notify, Pause, Playbook,
    Precheck, Reboot, RebootWhen, RiskOrder, Rollout, Scope, Script, ServiceSpec, ServiceState, Side, StageSpec,
    StepKind, StepSpec, Template, TemplateList, Upgrade, Verify, WaitFor,
};
pub use template::{Scope as TemplateScope, TemplateError};
