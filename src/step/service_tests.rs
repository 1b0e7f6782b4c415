//! Units that are started or stopped, units that do not exist, and units that fail at once.

use super::*;

#[tokio::test]
async fn services_are_started_and_looked_at() {
    let state = "f=$PATCHWAVE_ROOT/state; case $1 in is-active) cat $f;; start) echo active >$f;; stop) echo inactive >$f;; \
                 restart) echo x >>$PATCHWAVE_ROOT/restarts; exit 0;; reload) echo broken; exit 1;; esac";
    let mut bench = Bench::new(StepKind::Service(ServiceSpec { names: list(&["ssh"]), state: ServiceState::Started }));
    bench.systemd(state);
    bench.file("state", "inactive\n");
    for (wanted, verdict, changed) in [
        (ServiceState::Started, Verdict::Ok, true),
        (ServiceState::Started, Verdict::Ok, false),
        (ServiceState::Restarted, Verdict::Ok, true),
        (ServiceState::Reloaded, Verdict::Failed, true),
        (ServiceState::Stopped, Verdict::Ok, true),
        (ServiceState::Stopped, Verdict::Ok, false),
    ] {
        bench.attempt += 1;
        bench.spec.kind = StepKind::Service(ServiceSpec { names: list(&["ssh"]), state: wanted });
        let result = bench.step().await;
        assert_eq!((result.verdict, result.changed), (verdict, changed), "{wanted:?} {result:?}");
    }
    bench.spec.kind = StepKind::Service(ServiceSpec { names: list(&["-x; rm"]), state: ServiceState::Started });
    ends(&bench.step().await, Verdict::Failed, "bad-service");
}

/// systemd reports a unit that does not exist as inactive.
#[tokio::test]
async fn a_unit_that_is_not_there_is_said_at_once_and_nothing_is_changed() {
    let systemd = "case $1 in is-active) shift 2; for u; do echo inactive; done;; show) echo not-found;; list-units) ;; \
                   list-unit-files) echo 'nginx.service enabled enabled'; echo 'ssh.service enabled enabled';; \
                   *) echo x >$PATCHWAVE_ROOT/changed;; esac";
    let said = "no unit ngnix on this host (similar: nginx)";
    let service = |state| StepKind::Service(ServiceSpec { names: list(&["ngnix"]), state });
    let verify = Verify { services: Some(list(&["ngnix"])), ..Verify::default() };
    let precheck = Precheck { services: Some(list(&["ngnix"])), ..Precheck::default() };
    for (kind, class) in [
        (service(ServiceState::Started), "no-unit"),
        (service(ServiceState::Stopped), "no-unit"),
        (service(ServiceState::Restarted), "no-unit"),
        (StepKind::Verify(verify), "service"),
        (StepKind::Precheck(precheck), "service"),
    ] {
        let mut bench = Bench::new(kind);
        bench.limit = Duration::from_secs(60);
        bench.systemd(systemd);
        let result = bench.step().await;
        ends(&result, Verdict::Failed, class);
        assert_eq!((result.summary.as_str(), result.changed), (said, false));
        assert_eq!(bench.count("service-states"), 1, "it is not waited for");
        assert!(!bench.path("changed").exists());
    }
    let mut bench = Bench::new(service(ServiceState::Started));
    bench.check = true;
    bench.systemd(systemd);
    assert_eq!(bench.step().await.summary, format!("would start ngnix; now there is {said}"));
}

#[tokio::test]
async fn a_service_that_dies_at_once_is_a_failure() {
    let mut bench =
        Bench::new(StepKind::Service(ServiceSpec { names: list(&["app"]), state: ServiceState::Restarted }));
    bench.limit = Duration::from_secs(60);
    bench.systemd("case $1 in is-active) echo failed; exit 3;; esac");
    let result = bench.step().await;
    ends(&result, Verdict::Failed, "service");
    assert_eq!(result.summary, "after restart: app is failed");
    assert_eq!(bench.count("service-states"), 2, "before, and once after: what is failed does not come by itself");
}
