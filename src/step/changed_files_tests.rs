//! The files and the machine that a run uses are the ones that it started with.

use super::*;
use crate::step::sources;

#[tokio::test]
async fn the_machine_is_noted_before_the_first_change_and_no_other_is_changed_after_it() {
    let mut bench = Bench::new(StepKind::Command(shell("echo x >>$PATCHWAVE_ROOT/count", true)));
    bench.file("host-key", "SHA256:one");
    bench.file("etc/machine-id", "11111111111111111111111111111111\n");
    bench.journal.closed = true;
    ends(&bench.step().await, Verdict::Unknown, "interrupted");
    assert!(!bench.path("count").exists(), "nothing begins without the note");
    bench.journal.closed = false;
    bench.link = crate::transport::Link::new(
        std::sync::Arc::new(bench.transport.clone()),
        std::sync::Arc::new(crate::target::Target::plain(bench.host.clone(), "127.0.0.1")),
    );
    ends(&bench.step().await, Verdict::Ok, "");
    let noted: crate::event::Machine = serde_json::from_value(bench.journal.notes["machine"].clone()).unwrap();
    assert_eq!(noted.key.as_deref(), Some("SHA256:one"));
    assert_eq!(noted.id, crate::event::Machine::id_of("11111111111111111111111111111111"));
    assert_eq!(bench.count("machine-id"), 0, "it comes with the lease");
    // The name now leads somewhere else, in the same walk and for a resumed run.
    bench.file("host-key", "SHA256:two");
    bench.link.close().await;
    let lost = bench.step().await;
    ends(&lost, Verdict::Unknown, "other-machine");
    assert!(lost.help.unwrap_or_default().contains("nothing was sent to it"));
    bench.link = crate::transport::Link::new(
        std::sync::Arc::new(bench.transport.clone()),
        std::sync::Arc::new(crate::target::Target::plain(bench.host.clone(), "127.0.0.1")),
    );
    bench.link.stay_on(noted);
    bench.resumed = true;
    let lost = bench.step().await;
    ends(&lost, Verdict::Unknown, "other-machine");
    assert!(lost.changed, "its job may run on the other one");
    assert_eq!(std::fs::read_to_string(bench.path("count")).unwrap(), "x\n");
}

#[tokio::test]
async fn a_program_of_the_jump_box_with_another_text_does_not_start() {
    let mut bench = Bench::new(StepKind::Drain(Hook { run: template("hook") }));
    bench.spec.on = Side::Controller;
    bench.hook("hook", "echo ran >>ran");
    bench.hook("lib.sh", "echo ran >>ran");
    let folder = bench.path("jump");
    let sums = ["hook", "lib.sh"].map(|name| (name.to_owned(), sources::sum(&folder.join(name)).unwrap()));
    let jump_box = JumpBox::new(folder.clone(), folder.clone()).agreed_with(&sums.into());
    assert_eq!(jump_box.changed(None).await, None);
    bench.controller = Box::new(jump_box);
    ends(&bench.step().await, Verdict::Ok, "");
    bench.hook("hook", "echo changed >>ran");
    let refused = bench.step().await;
    ends(&refused, Verdict::Failed, "file-changed");
    assert!(!refused.changed && refused.summary.starts_with("hook has changed since the run started"), "{refused:#?}");
    // The script after an interpreter, and any file for a host that is about to begin.
    bench.spec.kind = StepKind::Drain(Hook { run: template("sh lib.sh") });
    ends(&bench.step().await, Verdict::Ok, "");
    bench.hook("lib.sh", "echo changed >>ran");
    ends(&bench.step().await, Verdict::Failed, "file-changed");
    assert_eq!(std::fs::read_to_string(folder.join("ran")).unwrap(), "ran\nran\n");
}

#[tokio::test]
async fn another_runs_lease_stops_a_change_before_it_begins() {
    let mut bench = Bench::new(StepKind::Command(shell("echo x >\"$PATCHWAVE_ROOT/changed\"", true)));
    bench.file("var/lib/patchwave/lease", "other-run\nbob@jump2\n1\n");
    let result = bench.step().await;
    ends(&result, Verdict::Failed, "lease");
    assert!(result.summary.contains("bob@jump2, run other-run"), "{}", result.summary);
    assert!(!bench.path("changed").exists());
}
