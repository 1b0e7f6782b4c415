//! Messages that are delivered, and messages that are not.

use super::*;

#[tokio::test]
async fn messages_reach_programs_and_webhooks() {
    let mut bench = Bench::new(StepKind::Notify(Notify::Webhook {
        url: template("https://hooks.example.com/s3cret"),
        body: Some(json!({ "a": ["{{ message }}!"], "n": 1 })),
        message: template("{{ who }} is done"),
        required: true,
    }));
    bench.scope.set("who", "web1".into());
    let made = bench.with_jump_box(vec![Ok((204, vec![])), Ok((500, vec![]))]);
    ends(&bench.step().await, Verdict::Ok, "");
    assert_eq!(made.posted.lock().unwrap()[0], json!({ "a": ["web1 is done!"], "n": 1 }));
    let result = bench.step().await;
    ends(&result, Verdict::Failed, "notify");
    assert_eq!(result.summary, "https://hooks.example.com answered 500");

    let tell = |required| {
        StepKind::Notify(Notify::Command { run: template("tell"), message: template("hi {{ who }}"), required })
    };
    bench.spec.kind = tell(false);
    bench.spec.on = Side::Controller;
    bench.hook("tell", "{ cat; echo \" $PATCHWAVE_MESSAGE\"; } >told");
    ends(&bench.step().await, Verdict::Ok, "");
    assert_eq!(std::fs::read_to_string(bench.path("jump/told")).unwrap(), "hi web1 hi web1\n");
    // A message that is not delivered is reported, and fails its step only if the playbook asks for that.
    for (body, says) in [("echo no such room >&2; exit 3", "failed: exit code 3"), ("sleep 60", "was killed")] {
        bench.limit = Duration::from_secs(2);
        bench.attempt += 1;
        bench.hook("tell", body);
        bench.spec.kind = tell(false);
        let result = bench.step().await;
        ends(&result, Verdict::Ok, "not-sent");
        assert!(result.summary.starts_with("not sent: ") && result.summary.contains(says), "{}", result.summary);
        bench.attempt += 1;
        bench.spec.kind = tell(true);
        assert_eq!(bench.step().await.verdict, Verdict::Failed);
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_is_tried_again_and_then_said() {
    let mut bench = Bench::new(StepKind::Notify(Notify::Webhook {
        url: template("https://u:s3cret@hooks.example.com/s3cret"),
        body: None,
        message: template("done"),
        required: false,
    }));
    bench.spec.retries = 1;
    bench.with_jump_box(vec![Ok((500, vec![])), Err("no answer within 10 s".to_owned())]);
    // As long as there is another attempt, it is a failure.
    ends(&bench.step().await, Verdict::Failed, "notify");
    bench.attempt = 2;
    let result = bench.step().await;
    ends(&result, Verdict::Ok, "not-sent");
    assert_eq!(result.summary, "not sent: https://hooks.example.com: no answer within 10 s");
    // A mistake in the playbook is not the endpoint's fault.
    bench.spec.kind =
        StepKind::Notify(Notify::Command { run: template("hooks/none"), message: template("done"), required: false });
    bench.spec.on = Side::Controller;
    ends(&bench.step().await, Verdict::Failed, "missing-file");
}
