use super::*;

static POLICY: Table = Table::new("`patchwave`", &[&KEYS, &LABELS]);
use crate::yaml::{Source, parse};

fn policy(text: &str) -> (Policy, String) {
    let node = parse(Source::new("p.yml", text)).unwrap();
    let mut problems = Problems::default();
    let mut map = MapReader::new(&node, &POLICY, &mut problems).unwrap();
    let mut policy = Policy::read(&mut map);
    policy.read_labels(&mut map);
    map.finish();
    (policy, problems.to_string())
}

#[test]
fn every_key_is_read() {
    let (policy, problems) = policy(
        "environment: production\nrisk: high\ncanary: 1\nbatch: [1, 25%]\nmax_failures: 10%\nsoak: 10m\n\
         approve: yes\nmode: sliding\nspread: {by: cluster}\non_budget_spent: halt_stage\n\
         window: {start: '0 2 * * SUN#2', duration: 4h, timezone: Europe/Berlin}\n\
         freezes: [year-end, holidays, year-end]\n",
    );
    assert_eq!(problems, "");
    let minute = Duration::from_secs(60);
    assert_eq!(
        policy,
        Policy {
            environment: Some(Environment::new("production")),
            risk: Some(Risk::High),
            canary: Some(1),
            batch: Some(vec![Amount::Count(1), Amount::Percent(25)]),
            max_failures: Some(Amount::Percent(10)),
            soak: Some(10 * minute),
            approve: Some(Approve::Yes),
            mode: Some(Mode::Sliding),
            spread: Some(Spread { by: "cluster".into(), max_unavailable: 1 }),
            on_budget_spent: Some(OnBudgetSpent::HaltStage),
            window: Some(Window::cron("0 2 * * SUN#2", 240 * minute, "Europe/Berlin")),
            freezes: Some(vec!["year-end".into(), "holidays".into()]),
        }
    );
}

#[test]
fn bad_batches_are_load_time_errors() {
    for (text, expected) in [
        ("batch: 0", "p.yml:1:8: a batch needs at least one host"),
        ("batch: 0%", "p.yml:1:8: a batch needs at least one host"),
        ("batch: [1, 0]", "p.yml:1:12: a batch needs at least one host"),
        ("batch: -1", "p.yml:1:8: \"-1\" is neither a number nor a percentage from 0% to 100%"),
        ("batch: 101%", "p.yml:1:8: \"101%\" is neither a number nor a percentage from 0% to 100%"),
        ("batch: 1.5", "p.yml:1:8: \"1.5\" is neither"),
        ("batch: []", "p.yml:1:8: `batch` is empty"),
        ("batch:", "`batch` is empty"),
        ("batch: {a: 1}", "p.yml:1:8: expected a number, a percentage or a list of them, found a mapping"),
        ("canary: -1", "p.yml:1:9: -1 is not between 0 and 4294967295"),
        ("risk: hgih", "p.yml:1:7: `hgih` is not a valid value; did you mean `high`?"),
        ("spread: {max_unavailable: 1}", "`spread` needs the key `by`"),
        ("spread: {by: rack, max_unavailable: 0}", "0 is not between 1 and 4294967295"),
        ("soak: 5x", "expected a length of time like 90s, 5m, 1h30m or 2d"),
        ("environment: ''", "this must not be empty"),
        ("approve: befor", "p.yml:1:10: `befor` is not a valid value; did you mean `before`?"),
        ("approve: 'yes'", "p.yml:1:10: `yes` is not a valid value"),
        ("approve: 1", "help: use one of: before, after_canary, yes, no"),
        ("window: {start: 0 2 30 2 *, duration: 1h, timezone: UTC}", "p.yml:1:17: this window never opens"),
        (
            "window: SUN 02:00-04:00",
            "found a text\n  |\n1 | window: SUN 02:00-04:00\n  |         ^^^^^^^^^^^^^^^\n  help: like `window: { start: \"0 2",
        ),
        ("window: {start: 0 2 * * *, duration: 1h}", "needs the key `timezone`"),
        ("window: {start: 0 2 * * *, duration: 1h}", "help: like `window: { start: \"0 2 * * SUN#2\", duration: 4h,"),
        ("window: {start: 0 25 * * *, duration: 1h, timezone: UTC}", "this is not a valid cron expression"),
    ] {
        let (_, problems) = policy(text);
        assert!(problems.contains(expected), "{text}: {problems}");
    }
}

#[test]
fn a_bad_window_is_reported_as_a_whole() {
    let (_, problems) = policy("window:\n  start: 0 2 * SUN#2\n  duration: 0\n  timezone: Europe/Berln\n  zone: x\n");
    assert_eq!(
        problems,
        "\
p.yml:2:10: `start` needs five cron fields (minute hour day month weekday), found 4
  |
2 |   start: 0 2 * SUN#2
  |          ^^^^^^^^^^^
  help: \"0 2 * * SUN#2\" is 02:00 on the second Sunday of the month

p.yml:3:13: a deadline must not be zero
  |
3 |   duration: 0
  |             ^

p.yml:4:13: there is no time zone `Europe/Berln`; did you mean `Europe/Berlin`?
  |
4 |   timezone: Europe/Berln
  |             ^^^^^^^^^^^^
  help: names look like Europe/Berlin or UTC

p.yml:5:3: unknown key `zone` in `window`
  |
5 |   zone: x
  |   ^^^^
  help: known keys: start, duration, timezone, last_start

4 problems"
    );
}

#[test]
fn a_window_has_one_of_two_forms_or_is_a_list() {
    for (text, shown) in [
        ("{days: MON-FRI, hours: '09:00-17:00', timezone: UTC}", "MON-FRI 09:00-17:00 UTC"),
        ("{days: [sat, SUN], hours: '22:00-6:00', timezone: UTC}", "SAT,SUN 22:00-06:00 UTC"),
        ("{hours: '00:00-24:00', timezone: UTC}", "MON-SUN 00:00-24:00 UTC"),
        (
            "[{hours: '01:00-02:00', timezone: UTC}, {start: 0 2 * * *, duration: 90m, timezone: UTC}]",
            "MON-SUN 01:00-02:00 UTC or 0 2 * * * for 1h30m UTC",
        ),
        ("[{start: 0 2 * * *, duration: 1h, timezone: UTC}]", "0 2 * * * for 1h UTC"),
        ("{calendar: patching}", "calendar patching"),
        ("{start: 0 2 * * *, duration: 1h, timezone: UTC, last_start: auto}", "0 2 * * * for 1h UTC, last start auto"),
        (
            "{hours: '22:00-6:00', timezone: UTC, last_start: 45m}",
            "MON-SUN 22:00-06:00 UTC, last start 45m before its end",
        ),
        ("{calendar: patching, summary: Production}", "calendar patching (Production)"),
    ] {
        let (policy, problems) = policy(&format!("window: {text}\n"));
        assert_eq!((policy.window.map(|window| window.to_string()).as_deref(), problems.as_str()), (Some(shown), ""));
    }
    for (text, expected) in [
        ("{days: MON-FRI, timezone: UTC}", "needs the key `hours`"),
        ("{days: MON-FRI, timezone: UTC}", "help: like `window: { days: MON-FRI, hours:"),
        ("{day: MON, hours: '1:00-2:00', timezone: UTC}", "unknown key `day` in `window`; did you mean `days`?"),
        ("{start: 0 2 * * *, duration: 1h, timezone: UTC, last_start: 1h}", "no host could ever be started"),
        ("{hours: '22:00-6:00', timezone: UTC, last_start: 8h}", "no host could ever be started"),
        ("{calendar: x, last_start: soon}", "expected a length of time"),
        ("{calender: x}", "unknown key `calender` in `window`; did you mean `calendar`?"),
        ("{calendar: x, timezone: UTC}", "help: a window has either `start` and"),
        ("{summary: x}", "help: like `window: { calendar: patching"),
        ("{hour: '1:00-2:00', timezone: UTC}", "did you mean `hours`?"),
        ("{days: MON, hours: '1:00-2:00', duration: 1h, timezone: UTC}", "unknown key `duration` in `window`"),
        ("{days: MON, hours: '1:00-2:00', duration: 1h, timezone: UTC}", "a window has either `start` and"),
        ("{start: 0 2 * * *, duration: 1h, days: MON, timezone: UTC}", "help: a window has either `start` and"),
        ("{days: MOM, hours: '1:00-2:00', timezone: UTC}", "p.yml:1:16: `MOM` is not a day of the week"),
        ("{days: [], hours: '1:00-2:00', timezone: UTC}", "expected days of the week"),
        ("{hours: 9-17, timezone: UTC}", "hours are written as HH:MM-HH:MM"),
        ("{hours: '02:00-02:00', timezone: UTC}", "\"00:00-24:00\" is a whole day"),
        ("[]", "expected a window, or a list of windows"),
        ("[[]]", "expected a mapping (`window`), found a list"),
    ] {
        let (_, problems) = policy(&format!("window: {text}\n"));
        assert!(problems.contains(expected), "{text}: {problems}");
    }
}
