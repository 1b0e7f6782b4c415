//! The rest of a run, run again: `@failed`, `@RUN:not_started`, `@unfinished`.

use patchwave::demo::Fault;

use crate::support::case::Case;

#[test]
fn the_failed_host_and_then_the_rest() {
    let site = Case::hosts(5).broken("web002.test", Fault::PostinstFails { package: "openssl".into() }).site();
    site.run("run play.yml -i inv.yml").ended(6);
    let first = site.last_run();
    let hosts = |pattern: &str| site.run(&format!("inventory hosts -i inv.yml {pattern}")).ended(0).out;
    assert_eq!(hosts("@failed"), "web002.test\n");
    assert_eq!(hosts("@not_started"), "web004.test\nweb005.test\n");
    assert_eq!(hosts("@unfinished"), "web002.test\nweb004.test\nweb005.test\n");
    assert_eq!(hosts(&format!("'@{first}:unfinished:!@failed'")), "web004.test\nweb005.test\n");
    site.run("plan play.yml -i inv.yml --limit @unreachable").ended(2);

    site.named("web002.test").heal().unwrap();
    site.run("run play.yml -i inv.yml --limit @failed").ended(0).says(&["1 host: 1 ok"]);
    site.run(&format!("run play.yml -i inv.yml --limit @{first}:not_started")).ended(0).says(&["2 hosts: 2 ok"]);
    // The last run of the playbook is fine now, and the first one still shows what it was.
    insta::assert_snapshot!(site.run("run play.yml -i inv.yml --limit @failed").page(), @r#"
    exit code 2
    -- stderr
    error: no host of the last run is `failed`
      help: there is nothing to run again
    "#);
    insta::assert_snapshot!(site.run("plan play.yml -i inv.yml --limit @unfinished").page(), @r#"
    exit code 2
    -- stderr
    error: no host of the last run is `unfinished`
      help: there is nothing to run again
    "#);
    assert_eq!(hosts(&format!("@{first}:failed")), "web002.test\n");
    // The suggested command names the run, since there are later runs.
    site.run(&format!("show {first}")).ended(0).says(&["--limit @20260101-000000-abcd:failed"]);
    assert!(site.fleet.hosts().all(|host| host.boots() == 2), "each host was rebooted once");
}
