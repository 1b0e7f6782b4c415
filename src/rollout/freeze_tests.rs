//! Freezes and last starts: what begins or ends while a run goes on.

use super::*;
use crate::calendar::{Dates, Freeze, Frozen, LastStart};

#[test]
fn a_freeze_that_begins_during_a_soak_lets_nothing_start_and_a_resume_goes_on_after_it() {
    let mut s = stage("s", "a | b | c");
    s.waves[0].canary = true;
    s.soak = Duration::from_secs(600);
    for wave in &mut s.waves {
        wave.hosts[0].freezes = Some(Arc::new(vec!["closing".to_owned()]));
    }
    let mut run = Run::new(vec![s], None);
    let freeze = |from: &str, to: &str| {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let when = Frozen::Between { from, to, timezone: "UTC".to_owned() };
        Dates {
            freezes: [("closing".to_owned(), Freeze { when, reason: None, owner: None })].into(),
            ..Dates::default()
        }
    };
    Arc::make_mut(&mut run.state.started).plan.dates = freeze("2026-11-22T02:05", "2026-11-22T04:00");
    run.starts("a").end("a", Outcome::Ok);
    assert!(matches!(run.next(), Directive::Soak { .. }));
    run.passes(600);
    let Directive::Finished(Ending::Left { why }) = run.next() else { panic!("{:?}", run.next()) };
    assert_eq!(why, "b is frozen: freeze closing until 2026-11-22 04:00 UTC");
    // What a resume finds counts instead: the freeze was made longer meanwhile.
    let resumed =
        RunResumed { dates: Some(Box::new(freeze("2026-11-22T02:05", "2026-11-22T05:00"))), ..RunResumed::default() };
    run.passes(2 * 3600).push(Kind::RunResumed(Box::new(resumed)));
    assert!(matches!(run.next(), Directive::Finished(Ending::Left { .. })), "{:?}", run.next());
    let shorter = RunResumed::default();
    run.push(Kind::RunResumed(Box::new(shorter)));
    // No second canary.
    run.starts("b");
}

#[test]
fn a_freeze_that_ends_under_way_lets_hosts_start_after_the_soak_of_what_was_done_meanwhile() {
    let mut later = stage("later", "b | c");
    later.soak = Duration::from_secs(600);
    let mut s = stage("s", "a");
    s.waves[0].hosts[0].freezes = Some(Arc::new(vec!["closing".to_owned()]));
    let mut run = Run::new(vec![s, later], None);
    let (from, to) = ("2026-11-22T01:00".parse().unwrap(), "2026-11-22T02:05".parse().unwrap());
    let when = Frozen::Between { from, to, timezone: "UTC".to_owned() };
    let freeze = Freeze { when, reason: None, owner: None };
    Arc::make_mut(&mut run.state.started).plan.dates.freezes = [("closing".to_owned(), freeze)].into();
    run.starts("b").passes(300).end("b", Outcome::Ok);
    assert!(matches!(run.next(), Directive::Soak { .. }), "{:?}", run.next());
    run.passes(600).starts("a").end("a", Outcome::Ok);
    run.passes(600).starts("c").end("c", Outcome::Ok).says(OVER);
}

#[test]
fn no_host_is_started_that_would_not_be_done_before_its_window_closes() {
    let mut s = stage("s", "a | b | c");
    let mut window = Window::cron("0 2 * * *", Duration::from_secs(3600), "UTC");
    window.last_start = Some(LastStart::Auto);
    for wave in &mut s.waves {
        wave.hosts[0].window = Some(Arc::new(window.clone().into()));
    }
    let mut run = Run::new(vec![s], None);
    Arc::make_mut(&mut run.state.started).walks = [(host("b").name, 48 * 60), (host("c").name, 10 * 60)].into();
    // Nothing is known of a, so half an hour counts.
    run.starts("a").passes(12 * 60).end("a", Outcome::Ok);
    run.starts("b").passes(20 * 60).end("b", Outcome::Ok).starts("c").end("c", Outcome::Ok).says(OVER);

    let mut late = stage("s", "b");
    late.waves[0].hosts[0].window = Some(Arc::new(window.into()));
    let mut run = Run::new(vec![late], None);
    Arc::make_mut(&mut run.state.started).walks = [(host("b").name, 48 * 60)].into();
    run.passes(20 * 60);
    let Directive::Finished(Ending::Left { why }) = run.next() else { panic!("{:?}", run.next()) };
    assert_eq!(why, "it is too late to start b: its window closes at 2026-11-22 03:00 UTC, and `last_start` is 48m");
    let prospect = crate::rollout::prospect(&run.state, run.now);
    assert_eq!((prospect.free, prospect.closed), (0, 1));
}
