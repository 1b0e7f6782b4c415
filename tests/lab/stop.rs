//! Runs that are asked to stop, to wait, to continue; and two jump boxes that want the same host.

use rustix::process::Signal;

use crate::{
    events::begins,
    fleet::Lab,
    moments::Moment,
    patchwave::{Patchwave, run_id},
};

const ONE_BY_ONE: &str = "all: { vars: { patchwave: { environment: test, risk: low, batch: 1 } } }";
const PLAYBOOK: &str = "
name: Wave that is stopped
steps:
  - upgrade: security
  - verify: { services: [ssh, lab-svc], packages: healthy }
";
const INSTALLING: &str = "grep -q 'begin lab-slowsec' /var/log/lab-slow";

#[test]
fn ctrl_c_drains_and_resume_goes_on() {
    let Some(lab) = Lab::up(3, "") else { return };
    let before = ["h1", "h2", "h3"].map(|host| (host, lab.packages(host)));
    let jump = Patchwave::new(&lab, ONE_BY_ONE, PLAYBOOK);
    for host in ["h1", "h2"] {
        lab.hold(host, Moment::Install);
    }
    let mut running = jump.start_run(&[]);
    running.until_on("h1", INSTALLING);
    running.signal(Signal::INT);
    running.until(|event| event["event"] == "stop_requested");
    lab.let_go("h1");
    let ended = running.wait().must(4);
    let events = ended.events();
    assert_eq!((events.started(), events.outcome("h1"), events.steps("h1")), (vec!["h1".to_owned()], "ok", 2));
    assert!(ended.err.contains("resume"), "what is to be typed? {}", ended.err);

    // The next one by `stop RUN`, from another process.
    let mut resumed = jump.start_resume();
    resumed.until_on("h2", INSTALLING);
    jump.call(&["stop", &ended.run_id()]).must(0);
    resumed.until(|event| event["event"] == "stop_requested");
    lab.let_go("h2");
    let second = resumed.wait().must(4).events();
    assert_eq!((second.started(), second.outcome("h2")), (vec!["h2".to_owned()], "ok"));

    let last = jump.resume().must(0).events();
    assert_eq!(last.started(), ["h3"]);
    for (host, packages) in before {
        lab.is_patched(host, &packages, &[]);
    }
    jump.resume().must(0);
}

#[test]
fn sigterm_leaves_and_the_installation_goes_on() {
    let Some(lab) = Lab::up(2, "") else { return };
    lab.hold("h1", Moment::Install);
    let before = ["h1", "h2"].map(|host| (host, lab.packages(host)));
    let jump = Patchwave::new(&lab, ONE_BY_ONE, PLAYBOOK);
    let running = jump.start_run(&[]);
    running.until_on("h1", INSTALLING);
    running.signal(Signal::TERM);
    // It leaves although the installation has not ended.
    let left = running.wait();
    assert_eq!(lab.slow_installs("h1"), (1, 0));
    assert!(left.code == 7 || left.code == 4, "exit {}: {}", left.code, left.err);
    assert!(left.err.contains(&format!("resume {}", left.run_id())), "{}", left.err);
    lab.let_go("h1");
    lab.until("h1", "grep -q 'end lab-slowsec' /var/log/lab-slow");
    let events = jump.resume().must(0).events();
    assert_eq!(events.started(), ["h2"]);
    for (host, packages) in before {
        assert_eq!(events.outcome(host), "ok");
        lab.is_patched(host, &packages, &[]);
    }
}

/// When a login ends, nothing else ends with it: the terminal is gone, the run goes on.
#[test]
fn a_closed_terminal_ends_no_run() {
    let Some(lab) = Lab::up(1, "") else { return };
    lab.hold("h1", Moment::Install);
    let before = lab.packages("h1");
    let jump = Patchwave::new(&lab, ONE_BY_ONE, PLAYBOOK);
    let running = jump.start_run(&[]);
    running.until_on("h1", INSTALLING);
    running.signal(Signal::HUP);
    let run = run_id(&running.said());
    // No other controller may take it over meanwhile.
    let refused = jump.resume().must(3);
    assert!(refused.err.contains(&run) && refused.err.contains("another controller is running"), "{}", refused.err);
    lab.let_go("h1");
    let events = running.wait().must(0).events();
    assert_eq!(events.outcome("h1"), "ok");
    lab.is_patched("h1", &before, &[]);
}

/// Ctrl-C three times: drain, step border, leave.
#[test]
fn the_ladder_of_ctrl_c() {
    let Some(lab) = Lab::up(2, "") else { return };
    for host in ["h1", "h2"] {
        lab.hold(host, Moment::Install);
    }
    let jump =
        Patchwave::new(&lab, "all: { vars: { patchwave: { environment: test, risk: low, batch: 100% } } }", PLAYBOOK);
    let mut running = jump.start_run(&[]);
    running.until_on("h1", INSTALLING);
    for how in ["drain", "step_border"] {
        running.signal(Signal::INT);
        running.until(|event| event["event"] == "stop_requested" && event["how"] == how);
    }
    for host in ["h1", "h2"] {
        lab.until(host, INSTALLING);
        lab.let_go(host);
    }
    let ended = running.wait();
    let events = ended.events();
    for host in ["h1", "h2"] {
        assert_eq!((events.steps(host), events.outcome(host)), (1, ""), "{host} stops after the upgrade");
        assert_eq!(lab.slow_installs(host), (1, 1));
    }
    assert_eq!(ended.code, 4, "both are paused");
    let mut again = jump.start_resume();
    again.until(|event| begins(event, "h1", 1));
    again.wait().must(0);
}

#[test]
fn approval_comes_from_another_process() {
    let Some(lab) = Lab::up(2, "") else { return };
    let jump = Patchwave::new(
        &lab,
        "all: { vars: { patchwave: { environment: test, risk: low, canary: 1, approve: true } } }",
        "steps: [{ command: touch /root/was-here }]",
    );
    let mut running = jump.start_run(&[]);
    running.until(|event| event["event"] == "host_finished");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(lab.on("h2", "ls /root"), "", "it never assumes yes");
    let run = run_id(&running.said());
    let said = running.said();
    assert!(said.contains(&format!("approve {run}")), "{said}");
    jump.call(&["approve", &run]).must(0);
    let events = running.wait().must(0).events();
    assert!(events.0.iter().any(|event| event["event"] == "approved"));
    assert_eq!(lab.on("h2", "ls /root"), "was-here");
}

#[test]
fn a_second_jump_box_is_refused_by_name() {
    let Some(lab) = Lab::up(1, "") else { return };
    lab.hold("h1", Moment::Install);
    let before = lab.packages("h1");
    let one = Patchwave::named(&lab, "one", ONE_BY_ONE, PLAYBOOK);
    let two = Patchwave::named(&lab, "two", ONE_BY_ONE, PLAYBOOK);
    let running = one.start_run(&[]);
    running.until_on("h1", INSTALLING);
    let first = run_id(&running.said());
    let refused = two.run(&[]).must(6);
    let result = refused.events().result("h1", 0).clone();
    let summary = result["summary"].as_str().unwrap_or_default();
    assert!(result["class"] == "lease" && summary.contains(&first) && summary.contains('@'), "{result}");
    lab.let_go("h1");
    running.wait().must(0);
    lab.is_patched("h1", &before, &[]);
    let after = two.run(&["--limit", "@failed"]).must(0).events();
    assert_eq!(after.result("h1", 0)["verdict"], "skipped");
}
