//! What `register` and `when` make of a step: on a host, in `--check`, and in a gate.

use crate::support::case::Case;

const STEPS: &str = "
  - command: { run: echo one, changes: false }
    register: ran
  - command: echo two >>$PATCHWAVE_ROOT/two
    when: ran.rc == 7
    register: left_out
  - command: echo three >>$PATCHWAVE_ROOT/three
    when: not left_out.skipped
  - command: { run: 'echo rc {{ ran.rc }}, {{ ran.stdout }}, {{ left_out.summary | quote }}', changes: false }
    when: left_out is skipped and ran is not skipped and not ran.failed
";

#[test]
fn a_step_that_was_skipped_is_registered_as_that() {
    let site = Case::hosts(1).steps(STEPS).site();
    for command in ["run play.yml -i inv.yml", "run play.yml -i inv.yml --check"] {
        site.run(command).ended(0);
        site.run(&format!("log {} web001.test", site.last_run()))
            .ended(0)
            .says(&["rc 0, one, not needed: `ran.rc == 7` is false"]);
    }
    assert_eq!((site.lines("two"), site.lines("three")), (0, 0));
}

/// What a check leaves undone counts as skipped, as in Ansible.
#[test]
fn a_change_that_a_check_does_not_make_is_skipped() {
    let steps = "
  - command: echo two >>$PATCHWAVE_ROOT/two
    register: change
  - command: { run: 'echo {{ change.stdout }}', changes: false }
    when: change is not skipped
";
    let site = Case::hosts(1).steps(steps).site();
    site.run("run play.yml -i inv.yml --check").ended(0);
    assert_eq!(site.lines("two"), 0);
    site.run("run play.yml -i inv.yml").ended(0);
    assert_eq!(site.lines("two"), 1);
}

#[test]
fn a_gate_step_whose_condition_does_not_hold_is_left_out() {
    let gated = |gate: &str| {
        let site = Case::hosts(1)
            .columns(400)
            .play(format!("name: Gated\nrollout: {{ gate: [{gate}] }}\nsteps:\n  - command: 'true'\n"))
            .site();
        site.program("hooks/fails", "#!/bin/sh\nexit 1\n");
        site
    };
    gated("{ command: hooks/fails, when: no, register: g }, { command: 'exit 2', when: not g.skipped }")
        .run("run play.yml -i inv.yml")
        .ended(0);
    gated("{ command: 'true', register: g }, { command: hooks/fails, when: g.rc == 0 }")
        .run("run play.yml -i inv.yml")
        .ended(4)
        .says(&["stopped: the gate after wave 1"]);
    gated("{ command: 'true', register: g }, { command: 'true', when: g.nosuch }")
        .run("run play.yml -i inv.yml")
        .ended(4)
        .says(&["when: `g.nosuch` is undefined"]);
}
