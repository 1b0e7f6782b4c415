//! The playbook that undoes a run. It is in no file: its stages are in the record of that run. Start at [`undoing`].

use std::{path::Path, time::Duration};

use super::{LOCK_TIMEOUT, Playbook, Reboot, RebootWhen, Rollback, Rollout, StageSpec, StepKind, StepSpec, Verify};
use crate::policy::Policy;

/// The playbook of a rollback of run `run`. No file has it; `then` says where the other one is.
pub fn undoing(run: &str, path: &Path, rollback: Rollback) -> Playbook {
    // Which stages there are is in the record; this one only takes every host.
    let stage = StageSpec {
        name: "rollback".to_owned(),
        hosts: "all".to_owned(),
        policy: Policy::default(),
        gate: None,
        line: 0,
    };
    let rollout = Rollout { stages: vec![stage], ..Default::default() };
    Playbook {
        name: format!("Rollback of {run}"),
        path: path.to_owned(),
        hosts: "all".to_owned(),
        vars: Default::default(),
        rollout,
        steps: steps(rollback),
        on_failure: Vec::new(),
        written: Default::default(),
    }
}

/// The steps of a rollback of a whole run: the packages, a reboot if the older kernel needs one, and a look at both.
fn steps(rollback: Rollback) -> Vec<StepSpec> {
    let reboot = Reboot {
        when: RebootWhen::Required,
        warn: Duration::ZERO,
        message: None,
        timeout: Duration::from_secs(900),
        stable: Duration::from_secs(10),
        lock_timeout: LOCK_TIMEOUT,
        trial: false,
    };
    let verify = Verify { packages_healthy: true, ..Verify::default() };
    [StepKind::Rollback(rollback), StepKind::Reboot(reboot), StepKind::Verify(verify)].map(StepSpec::of).into()
}
