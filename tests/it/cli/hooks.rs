//! Hooks and templates that are wrong: found on the host that they matter for, and named; later steps are not run.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use crate::support::{case::Case, cli::running};

fn case(step: &str) -> Case {
    Case::hosts(1).play(format!("name: Hooks\nsteps:\n  - {step}\n  - command: echo more >>$PATCHWAVE_ROOT/more\n"))
}

/// The page of a run whose first step must fail, with nothing done after it.
fn fails(step: &str) -> String {
    let site = case(step).columns(400).site();
    site.program("hooks/fails", "#!/bin/sh\necho 'no room for a snapshot' >&2\nexit 7\n");
    site.program("hooks/silent", "#!/bin/sh\n");
    let said = site.run("run play.yml -i inv.yml").ended(6);
    assert!(!site.host().folder().join("more").exists(), "the host went on");
    let page = said.plain(said.out.split("1 host: 1 failed").next().unwrap());
    // The path of the temporary folder decides how wide the table is.
    page.lines()
        .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("  ") + "\n")
        .collect()
}

#[test]
fn an_undefined_variable_is_found_before_anything_is_touched() {
    let site = case("command: echo {{ nosuch }}").site();
    for command in ["plan play.yml -i inv.yml", "run play.yml -i inv.yml", "run play.yml -i inv.yml --check"] {
        insta::allow_duplicates! { insta::assert_snapshot!(site.run(command).page(), @r#"
        exit code 2
        -- stderr
        error: play.yml:3:22: on web001.test: `nosuch` is undefined
          |
        3 |   - command: echo {{ nosuch }}
          |                      ^^^^^^
          help: give it a value in the inventory, in `vars:` or with -e, or write `nosuch | default(…)`
        "#); }
    }
    assert_eq!(site.logins(), 0);
    site.run("plan play.yml -i inv.yml -e nosuch=x").ended(0);
    site.run("plan play.yml -i inv.yml -e inventory_hostname=x")
        .ended(2)
        .says(&["-e inventory_hostname: it is set for each host, and cannot be set here"]);
}

#[test]
fn a_variable_that_no_earlier_step_has_set() {
    insta::assert_snapshot!(fails("command: echo {{ upgrade }}"), @r#"
    Hooks, run 20260101-000000-abcd, 1s

    failed at "Command: echo {{ upgrade }}": web001.test
    `upgrade` is undefined
    changed: nothing
    "#);
    insta::assert_snapshot!(fails("snapshot: { run: 'hooks/silent {{ upgrade.id }}' }"), @r#"
    Hooks, run 20260101-000000-abcd, 1s

    failed at "Snapshot": web001.test
    `upgrade.id` is undefined
    changed: nothing
    "#);
    insta::assert_snapshot!(fails("{ command: 'true', when: upgrade > 3 }"), @r#"
    Hooks, run 20260101-000000-abcd, 1s

    failed at "Command: true": web001.test
    when: `upgrade` is undefined
    changed: nothing
    "#);
}

#[test]
fn a_hook_that_is_missing_is_found_before_anything_is_touched() {
    let site = case("snapshot: { run: hooks/nosuch }").site();
    insta::assert_snapshot!(site.run("run play.yml -i inv.yml").page(), @r#"
    exit code 2
    -- stderr
    error: play.yml:3:22: missing hook `hooks/nosuch`: it is neither beside the playbook nor in the folders above it
      |
    3 |   - snapshot: { run: hooks/nosuch }
      |                      ^^^^^^^^^^^^
    "#);
    site.write("hooks/nosuch", "#!/bin/sh\n");
    site.run("run play.yml -i inv.yml").ended(2).says(&["is not executable", "chmod +x"]);
    assert_eq!(site.logins(), 0);
}

#[test]
fn a_hook_that_is_still_the_shipped_example_is_refused_before_anything_happens() {
    let shipped =
        |name: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks").join(name)).unwrap();
    let site = Case::hosts(1)
        .play(
            "name: Traffic\nsteps:\n  - drain: hooks/drain {{ inventory_hostname }}\n  - name: Before\n    snapshot: \
             hooks/{{ mine }} {{ inventory_hostname }}\n  - command: touch $PATCHWAVE_ROOT/touched\n  - undrain: {run: hooks/undrain x}\n\
             on_failure:\n  - snapshot_restore: sh hooks/restore {{ inventory_hostname }}\n",
        )
        .site();
    for name in ["drain", "undrain", "snapshot", "restore"] {
        site.program(&format!("hooks/{name}"), &shipped(name));
    }
    insta::assert_snapshot!(site.run("plan play.yml -i inv.yml -e mine=snapshot").page(), @r#"
    exit code 2
    -- stderr
    error: hooks/drain:2:1: this file is only an example that does nothing (a stub); the step "Drain" runs it
      |
    2 | # patchwave: stub
      | ^^^^^^^^^^^^^^^^^
      help: put your own command into it and delete this line, or remove the step from the playbook

    hooks/restore:2:1: this file is only an example that does nothing (a stub); the step "Restore the snapshot" runs it
      |
    2 | # patchwave: stub
      | ^^^^^^^^^^^^^^^^^
      help: put your own command into it and delete this line, or remove the step from the playbook

    hooks/snapshot:2:1: this file is only an example that does nothing (a stub); the step "Before" runs it
      |
    2 | # patchwave: stub
      | ^^^^^^^^^^^^^^^^^
      help: put your own command into it and delete this line, or remove the step from the playbook

    hooks/undrain:2:1: this file is only an example that does nothing (a stub); the step "Undrain" runs it
      |
    2 | # patchwave: stub
      | ^^^^^^^^^^^^^^^^^
      help: put your own command into it and delete this line, or remove the step from the playbook

    4 problems
    "#);
    for line in ["run play.yml -i inv.yml -e mine=snapshot --yes", "run play.yml -i inv.yml -e mine=snapshot --check"] {
        site.run(line).ended(2).says(&["hooks/snapshot:2:1: ", "hooks/restore:2:1: ", "4 problems"]);
    }
    assert_eq!(site.logins(), 0);
    site.run("runs").ended(0).says(&["no run has been recorded yet"]);
    for name in ["drain", "undrain", "snapshot", "restore"] {
        let text = shipped(name).replace("# patchwave: stub\n", "").replace("exit 1", "echo s1");
        site.program(&format!("hooks/{name}"), &text);
    }
    site.run("plan play.yml -i inv.yml -e mine=snapshot").ended(0);
    site.run("run play.yml -i inv.yml -e mine=snapshot --yes").ended(0);
    assert!(site.host().folder().join("touched").exists());
}

#[test]
fn a_hook_that_is_found_missing_on_the_way() {
    insta::assert_snapshot!(fails("snapshot: { run: nosuch-program-anywhere }"), @r#"
    Hooks, run 20260101-000000-abcd, 1s

    failed at "Snapshot": web001.test
    nosuch-program-anywhere cannot be started: No such file or directory (os error 2)
    changed: nothing
    "#);
    insta::assert_snapshot!(fails("snapshot: { run: 'hooks/{{ inventory_hostname }}' }"), @r#"
    Hooks, run 20260101-000000-abcd, 1s

    failed at "Snapshot": web001.test
    hooks/web001.test was not found on the jump box
    changed: nothing
    try: a relative program is looked up beside the playbook, then in the folders above it
    "#);
}

#[test]
fn a_hook_that_fails_or_says_nothing() {
    insta::assert_snapshot!(fails("snapshot: { run: hooks/fails }"), @r#"
    Hooks, run 20260101-000000-abcd, 1s

    failed at "Snapshot": web001.test
    hooks/fails failed: exit code 7
    | no room for a snapshot
    changed: nothing
    "#);
    insta::assert_snapshot!(fails("snapshot: { run: hooks/silent }"), @r#"
    Hooks, run 20260101-000000-abcd, 1s

    failed at "Snapshot": web001.test
    the snapshot hook succeeded but printed no snapshot id
    changed: other changes on 1 host
    try: the last line that the hook prints must be the snapshot's id
    "#);
}

#[test]
fn a_hook_that_hangs_is_killed_with_its_children() {
    let site = case("{ snapshot: { run: hooks/hangs }, timeout: 1s }").site();
    site.program("hooks/hangs", "#!/bin/sh\ntrap '' TERM\nsleep 98761 &\nsleep 98762\n");
    let began = Instant::now();
    let said = site.run("run play.yml -i inv.yml").ended(6);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(!running("sleep 9876"), "a child of the hook is left");
    said.says(&["did not end in time and was killed"]);
}
