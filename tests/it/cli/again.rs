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

#[test]
fn retry_is_the_failed_hosts_of_the_last_run_with_its_options() {
    let mut site = Case::hosts(3).broken("web002.test", Fault::PostinstFails { package: "openssl".into() }).site();
    site.run("run play.yml -i inv.yml -e wave=7 --forks 2").ended(6);
    let first = site.last_run();
    site.run("retry").ended(2).says(&["other extra variables: wave"]);
    site.types = Some("no");
    let asked = site.run("retry -e wave=7").ended(3).says(&["not confirmed; nothing was done"]);
    let line = format!("run play.yml -i inv.yml -e 'wave=…' --forks 2 --limit @{first}:failed");
    site.types = None;
    let refused = site.run("retry -e wave=7").ended(3).says(&["there is no terminal to ask on", "give --yes"]);
    let shown = refused.err.replace("wave=…", "'wave=…'").replace("''", "'");
    assert!(shown.contains("the 1 host that failed in run") && shown.contains(&line), "{}{}", refused.err, asked.err);
    assert_eq!(site.last_run(), first, "nothing was started");
    site.named("web002.test").heal().unwrap();
    // A check changes nothing, so it asks nothing, and the failed hosts are those of the same run afterwards.
    site.run("retry -e wave=7 --check").ended(0).says(&["check only"]);
    let again = site.run("retry -e wave=7 --yes").ended(0).says(&["1 host: 1 ok", "retrying the 1 host that failed"]);
    assert!(again.err.contains("connection options as before: --forks 2"), "{}", again.err);
    site.run("retry -e wave=7 --yes").ended(3).says(&["no host failed in run"]);
    let last = site.last_run();
    site.run(&format!("retry {first} -e wave=7 --yes")).ended(0).says(&["1 host: 1 ok"]);
    assert_ne!(site.last_run(), last);
}
