//! Whole steps on a host of the toy: found, read, planned, changed and judged by code that does not know it.

use std::time::Duration;

use crate::{
    event::{PackageChange, StepResult, Verdict},
    playbook::{Cleanup, Precheck, Rollback, Scope, StepKind, Upgrade, Verify},
    step::{self, testing::Bench},
};

const TOY: &str = r#"d=$PATCHWAVE_ROOT/toy
case $1 in
run) shift; echo "$*" >>"$d/calls"; . "$d/run" ;;
repair) echo "$2" >>"$d/repairs"; [ "$2" != third ] || . "$d/fix" ;;
*) cat "$d/$1" && echo end ;;
esac"#;

fn host(kind: StepKind) -> Bench {
    let bench = Bench::new(kind);
    bench.file("etc/os-release", "ID=toyland\n");
    bench.shim("id", "echo 0");
    bench.shim("toy", TOY);
    for (file, text) in [
        ("state", "kern 1\nkern 2\ntool 1\n"),
        ("pending", "kern 2 3\ntool 1 2\n"),
        ("simulate", "+ kern 3 2\n+ tool 2 1\n- kern=1\n"),
        ("boot", "running 3\nkernel 1\nkernel 2\nkernel 3\n"),
        ("refresh", ""),
        ("done", "kern 2\nkern 3\ntool 2\n"),
        ("run", "cp \"$d/done\" \"$d/state\"\n"),
        ("fix", ""),
        ("calls", ""),
        ("repairs", ""),
    ] {
        bench.file(&format!("toy/{file}"), text);
    }
    bench
}

fn upgrade(repair: bool) -> StepKind {
    StepKind::Upgrade(Upgrade {
        scope: Scope::All,
        allow_removals: true,
        lock_timeout: Duration::from_secs(1),
        repair,
        ..Upgrade::default()
    })
}

async fn go(bench: &mut Bench) -> StepResult {
    step::run(&mut bench.cx()).await
}

fn file(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(bench.path(&format!("toy/{name}"))).unwrap()
}

fn changes(result: &StepResult) -> Vec<String> {
    let word = |version: &Option<String>| version.clone().unwrap_or("-".to_owned());
    result
        .packages
        .iter()
        .map(|change| format!("{} {} {}", change.name, word(&change.from), word(&change.to)))
        .collect()
}

#[tokio::test]
async fn a_hold_that_was_asked_for_and_cannot_be_had_stops_a_rollback() {
    let hold = Some(Rollback::HOLD);
    let mut bench = host(StepKind::Rollback(Rollback { hold, ..Rollback::default() }));
    let change = |name: &str| PackageChange { name: name.into(), from: Some("1".into()), to: Some("2".into()) };
    bench.undo.changes = vec![change("tool")];
    bench.file("toy/state", "tool 2\n");
    bench.file("toy/simulate", "+ tool 1 2\n");
    bench.file("toy/done", "tool 1\n");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str(), result.changed), (Verdict::Failed, "cannot-do", false));
    assert!(result.help.as_ref().is_some_and(|help| help.contains("--hold 0s")), "{result:?}");
    assert_eq!(file(&bench, "calls"), "");
    if let StepKind::Rollback(rollback) = &mut bench.spec.kind {
        rollback.hold = None;
    }
    bench.attempt = 2;
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, file(&bench, "calls").as_str()), (Verdict::Ok, "downgrade:tool=1\n"), "{result:?}");
    // Nobody asked for a hold, so the way back does not depend on it.
    let says = "not held (toy cannot hold packages: the next upgrade brings the new versions again)";
    assert!(result.summary.ends_with(says), "{result:?}");
}

#[tokio::test]
async fn versions_side_by_side_come_and_go_one_by_one() {
    let mut bench = host(upgrade(false));
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert_eq!(changes(&result), ["kern 1 -", "kern - 3", "tool 1 2"]);
    assert_eq!(file(&bench, "calls"), "upgrade:kern=3 upgrade:tool=2\n");
}

#[tokio::test]
async fn a_version_that_is_not_in_is_missing_whatever_stands_beside_it() {
    let mut bench = host(upgrade(false));
    bench.file("toy/done", "kern 2\nkern 3 broken\ntool 2\n");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "broken-packages"), "{result:?}");
    assert!(result.detail.contains(&"not installed: kern 3".to_owned()), "{result:?}");
}

#[tokio::test]
async fn every_command_of_a_repair_runs() {
    let mut bench = host(upgrade(true));
    bench.file("toy/pending", "tool 1 2\n");
    bench.file("toy/simulate", "+ tool 2 1\n");
    bench.file("toy/state", "kern 2\ntool 1 broken\n");
    bench.file("toy/fix", "printf 'kern 2\\ntool 1\\n' >\"$d/state\"\n");
    bench.file("toy/done", "kern 2\ntool 2\n");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, changes(&result)), (Verdict::Ok, vec!["tool 1 2".to_owned()]), "{result:?}");
    assert_eq!(file(&bench, "repairs"), "first\nsecond\nthird\n");

    // And after a transaction that was cut off, as jobs of their own.
    bench.attempt = 2;
    bench.file("toy/state", "kern 2\ntool 1\n");
    bench.file("toy/run", "printf 'kern 2\\ntool 1 broken\\n' >\"$d/state\"; exit 137\n");
    bench.file("toy/fix", "cp \"$d/done\" \"$d/state\"\n");
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Ok, "{result:?}");
    assert!(result.detail.iter().any(|line| line.contains("the repair completed it (toy repair)")), "{result:?}");
    assert_eq!(file(&bench, "repairs"), "first\nsecond\nthird\n".repeat(2));
    for job in ["job.first", "job.third", "job.first-again", "job.second-again", "job.third-again"] {
        assert!(bench.journal.notes.contains_key(job), "{job}: {:?}", bench.journal.notes.keys());
    }
}

#[tokio::test]
async fn one_old_kernel_of_several_versions_of_a_name_goes() {
    let cleanup = Cleanup { old_kernels: Some(1), package_cache: false, lock_timeout: Duration::from_secs(1) };
    let mut bench = host(StepKind::Cleanup(cleanup));
    bench.file("toy/state", "kern 1\nkern 2\nkern 3\n");
    bench.file("toy/simulate", "- kern=1\n");
    bench.file("toy/done", "kern 2\nkern 3\n");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.summary.as_str()), (Verdict::Ok, "purged kern=1"), "{result:?}");
    assert_eq!((changes(&result), file(&bench, "calls").as_str()), (vec!["kern 1 -".to_owned()], "remove:kern=1\n"));
    assert_eq!(bench.journal.notes["purge"], serde_json::json!(["kern=1"]));
    // More packages would be removed than planned.
    let cleanup = Cleanup { old_kernels: Some(1), package_cache: false, lock_timeout: Duration::from_secs(1) };
    let mut bench = host(StepKind::Cleanup(cleanup));
    bench.file("toy/simulate", "- kern=1\n- kern=3\n");
    let result = go(&mut bench).await;
    assert_eq!((result.verdict, result.class.as_str()), (Verdict::Failed, "refused"), "{result:?}");
}

#[tokio::test]
async fn who_holds_the_toys_lock_is_waited_for() {
    let mut bench = host(upgrade(false));
    bench.file("run/toy-lock", "lock /run/toy-lists 7 toy\n");
    bench.file("toy/pending", "");
    let result = go(&mut bench).await;
    assert_eq!(result.verdict, Verdict::Skipped, "a lock of the lists stops nothing: {result:?}");
    bench.attempt = 2;
    bench.file("run/toy-lock", "lock /run/toy-lock 7 toy\n");
    let result = go(&mut bench).await;
    assert_eq!((result.class.as_str(), result.summary.as_str()), ("lock", "lock held by toy (pid 7)"), "{result:?}");
}

/// Runs one step of a walk, over the connection of the steps before.
async fn then(bench: &mut Bench, kind: StepKind) -> StepResult {
    bench.spec = step::testing::spec(kind);
    go(bench).await
}

fn precheck() -> StepKind {
    let (disk_free, packages_healthy) = (std::collections::BTreeMap::new(), true);
    StepKind::Precheck(Precheck { disk_free, packages_healthy, load_below: None, services: None, command: None })
}

fn verify() -> StepKind {
    StepKind::Verify(Verify {
        services: None,
        kernel_newest: true,
        journal_no_new_errors: false,
        packages_healthy: true,
        http: vec![],
        ports: vec![],
        command: None,
    })
}

#[tokio::test]
async fn a_walk_asks_once_what_the_host_is_and_again_over_a_new_connection() {
    let cleanup = || Cleanup { old_kernels: Some(9), package_cache: false, lock_timeout: Duration::from_secs(1) };
    let mut bench = host(upgrade(false));
    for kind in [precheck(), upgrade(false), verify(), StepKind::Cleanup(cleanup())] {
        let result = then(&mut bench, kind).await;
        assert!(matches!(result.verdict, Verdict::Ok | Verdict::Skipped), "{result:?}");
    }
    // All four steps share one query.
    assert_eq!(bench.count("host-facts"), 1);
    bench.link.close().await;
    assert_eq!(then(&mut bench, verify()).await.verdict, Verdict::Ok);
    assert_eq!(bench.count("host-facts"), 2, "it may have rebooted");
    // A refusal is not remembered: the playbook may be about to change what was in the way.
    bench.link.close().await;
    bench.file("proc/mounts", "/dev/sda1 / ext4 ro 0 0\n");
    assert_eq!(then(&mut bench, precheck()).await.class, "unsupported");
    bench.file("proc/mounts", "/dev/sda1 / ext4 rw 0 0\n");
    assert_eq!(then(&mut bench, precheck()).await.verdict, Verdict::Ok);
}
