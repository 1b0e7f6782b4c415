//! How the end of the old boot is seen, and over how many logins.

use super::*;
use crate::transport::Stream;

impl Machine {
    /// Says twice a second that it is up, as its script does. `None`: the connection was lost.
    pub(super) async fn watched(&self, command: &Command, sink: &mut dyn Sink) -> Option<(String, u32)> {
        let looks: u64 = command.argv.last().unwrap().parse().unwrap();
        for _ in 0..looks {
            if self.since() >= Some(self.down) {
                let silence = if self.closed { Duration::ZERO } else { Duration::from_secs(60) };
                tokio::time::sleep(silence).await;
                return None;
            }
            sink.write(Stream::Stdout, b"up\n");
            if !self.refuses.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Some((String::new(), 0))
    }
}

/// The old boot's own connection shows that it is still there. One login finds the new boot, one comes after `stable`.
#[tokio::test(start_paused = true)]
async fn a_host_that_goes_down_slowly_is_not_logged_in_to() {
    for closed in [true, false] {
        for (down, up) in [(0, 3), (1, 2), (5, 40), (75, 200)] {
            let machine = Machine { down, up, closed, starting: 3, ..Default::default() };
            let result = reboots(machine.clone()).await;
            assert_eq!(result.verdict, Verdict::Ok, "{down} {up}: {result:?}");
            let seen = machine.seen.lock().unwrap();
            let logins = &seen.logins;
            assert!(matches!(logins[..], [first, second] if first >= up && second >= up + 3 + 10), "{up}: {logins:?}");
        }
    }
}

/// Only a login proves anything, so there is one before the verdict.
#[tokio::test(start_paused = true)]
async fn a_host_that_stays_up_is_logged_in_to_before_it_counts_as_such() {
    let machine = Machine { down: 9999, up: 9999, ..Default::default() };
    assert_eq!(reboots(machine.clone()).await.class, "never-went-down");
    let logins = machine.seen.lock().unwrap().logins.len();
    assert!((1..=10).contains(&logins), "{logins}");
}

/// Most virtual machines and containers are back within seconds: the wait must not be longer than the boot.
#[tokio::test(start_paused = true)]
async fn a_host_that_is_soon_back_is_soon_seen() {
    for up in [1, 2, 5, 20, 50] {
        for seed in 0..20 {
            fastrand::seed(seed);
            let machine = Machine { down: 1.min(up - 1), up, closed: true, starting: 1, ..Default::default() };
            let began = Instant::now();
            assert_eq!(reboots(machine.clone()).await.verdict, Verdict::Ok);
            let seen = machine.seen.lock().unwrap();
            let met = seen.met.unwrap() - seen.asked.unwrap();
            assert!(met <= Duration::from_secs(up + 1), "up after {up} s, seen after {met:?}");
            // Settled a second later, and then stable.
            assert!(began.elapsed() <= Duration::from_secs(up + 1 + 1 + 1 + 10), "{up}: {:?}", began.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_refuses_is_not_waited_for_long() {
    let began = Instant::now();
    let result = reboots(Machine { says: Some(("not allowed", 1)), down: 9999, up: 9999, ..Default::default() }).await;
    assert_eq!(result.class, "never-went-down");
    assert_eq!(result.detail, ["the host said: exit code 1 not allowed"]);
    assert!(began.elapsed() < Duration::from_secs(70));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_seen_at_once_and_said_with_who_it_was() {
    let began = Instant::now();
    let refuses = "said Call to Reboot failed: Access denied\ninhibited by backup 0 root 99 systemd-inhibit shutdown dump block\n";
    let machine = Machine { refuses, down: 9999, up: 9999, ..Default::default() };
    let mut bench = bench(&machine);
    let result = run(&mut bench.cx()).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(
        result.summary,
        "the host refused to reboot, nothing was changed: Call to Reboot failed: Access denied; inhibited by backup 0 \
         root 99 systemd-inhibit shutdown dump block"
    );
    assert!(!result.changed && !result.rebooted, "{result:?}");
    // Once it lets go, a further attempt asks again: no reboot was under way.
    let willing = Machine { seen: Arc::default(), ..Default::default() };
    bench.link = Link::new(Arc::new(willing.clone()), Arc::new(Target::plain(bench.host.clone(), "x")));
    bench.attempt = 2;
    assert_eq!(run(&mut bench.cx()).await.verdict, Verdict::Ok);
    assert_eq!(willing.count("reboot-ask"), 1);
}
