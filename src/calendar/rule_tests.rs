use super::*;

/// The first starts of a rule from a time on.
fn starts(rule: &str, first: &str, from: &str, most: usize) -> Vec<String> {
    let rule: Rule = rule.parse().unwrap_or_else(|why| panic!("{rule}: {why}"));
    let (first, from): (DateTime, DateTime) = (first.parse().unwrap(), from.parse().unwrap());
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let mut found = Vec::new();
    rule.starts(first, &zone, from, |start| {
        found.push(start.strftime("%Y-%m-%d").to_string());
        found.len() < most
    });
    found
}

/// Dates as the RFC's examples and other calendars give them.
#[test]
fn rules_give_their_dates() {
    for (rule, first, from, expected) in [
        ("FREQ=DAILY", "2026-11-01T02:00", "2026-11-27T03:00", "2026-11-28 2026-11-29"),
        ("FREQ=DAILY;INTERVAL=10;COUNT=3", "2026-11-01T02:00", "2026-11-02T00:00", "2026-11-11 2026-11-21"),
        ("FREQ=DAILY;BYDAY=MO,WE", "2026-11-02T02:00", "2026-11-05T00:00", "2026-11-09 2026-11-11"),
        ("FREQ=WEEKLY", "2026-11-01T02:00", "2026-11-27T00:00", "2026-11-29 2026-12-06"),
        ("FREQ=WEEKLY;BYDAY=TU,TH;INTERVAL=2", "2026-11-03T02:00", "2026-11-06T00:00", "2026-11-17 2026-11-19"),
        // The week of the RFC's example: with weeks from Sunday on, the second Sunday is in the next week.
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "1997-08-05T09:00",
            "1997-08-05T00:00",
            "1997-08-05 1997-08-10 1997-08-19 1997-08-24",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "1997-08-05T09:00",
            "1997-08-05T00:00",
            "1997-08-05 1997-08-17 1997-08-19 1997-08-31",
        ),
        ("FREQ=MONTHLY;BYDAY=2SU", "2026-11-08T02:00", "2026-12-01T00:00", "2026-12-13 2027-01-10"),
        ("FREQ=MONTHLY;BYDAY=SU;BYSETPOS=2", "2026-11-08T02:00", "2026-12-01T00:00", "2026-12-13 2027-01-10"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-11-27T02:00", "2026-12-01T00:00", "2026-12-25 2027-01-29"),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            "2026-11-30T02:00",
            "2026-12-01T00:00",
            "2026-12-31 2027-01-29",
        ),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-11-30T02:00", "2027-02-01T00:00", "2027-02-28 2027-03-31"),
        // A month without a 31st has none.
        ("FREQ=MONTHLY", "2026-10-31T02:00", "2026-11-01T00:00", "2026-12-31 2027-01-31"),
        (
            "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=13;BYDAY=FR",
            "2026-11-13T02:00",
            "2026-11-14T00:00",
            "2027-08-13 2032-02-13",
        ),
        ("FREQ=YEARLY", "2024-02-29T02:00", "2024-03-01T00:00", "2028-02-29 2032-02-29"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "2026-11-26T02:00", "2026-11-27T00:00", "2027-11-25 2028-11-23"),
        ("FREQ=YEARLY;BYMONTH=3,9;BYMONTHDAY=1", "2026-03-01T02:00", "2026-03-02T00:00", "2026-09-01 2027-03-01"),
        ("FREQ=WEEKLY;UNTIL=20261129", "2026-11-22T02:00", "2026-11-23T00:00", "2026-11-29"),
        ("FREQ=WEEKLY;UNTIL=20261129T010000Z", "2026-11-22T02:00", "2026-11-23T00:00", "2026-11-29"),
        ("FREQ=WEEKLY;UNTIL=20261129T005959Z", "2026-11-22T02:00", "2026-11-23T00:00", ""),
        ("FREQ=WEEKLY;UNTIL=20261129T015959", "2026-11-22T02:00", "2026-11-23T00:00", ""),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "2026-11-22T02:00", "2026-11-23T00:00", ""),
    ] {
        let most = expected.split_whitespace().count().max(1);
        assert_eq!(starts(rule, first, from, most).join(" "), expected, "{rule}");
    }
}

#[test]
fn what_is_not_supported_is_refused() {
    for (rule, why) in [
        ("", "FREQ is missing"),
        ("INTERVAL=2", "FREQ is missing"),
        ("FREQ=HOURLY", "FREQ=HOURLY is not supported"),
        ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=1", "BYSETPOS is supported with FREQ=MONTHLY and FREQ=YEARLY only"),
        ("FREQ=YEARLY;BYDAY=20MO", "BYDAY=20MO is not supported"),
        ("FREQ=YEARLY;BYDAY=2MO", "BYDAY with FREQ=YEARLY is supported with BYMONTH only"),
        ("FREQ=YEARLY;BYWEEKNO=20", "BYWEEKNO is not supported"),
        ("FREQ=DAILY;BYHOUR=9", "BYHOUR is not supported"),
        ("FREQ=WEEKLY;BYDAY=2MO", "numbers in BYDAY need FREQ=MONTHLY or FREQ=YEARLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=2", "BYMONTHDAY is not supported with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYDAY=1FR;BYMONTHDAY=13", "numbers in BYDAY are not supported together with BYMONTHDAY"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20261129", "COUNT and UNTIL exclude each other"),
        ("FREQ=DAILY;COUNT=10001", "COUNT=10001 is not supported"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is not supported"),
        ("FREQ=DAILY;INTERVAL=+2", "INTERVAL=+2 is not supported"),
        ("FREQ=DAILY;UNTIL=soon", "UNTIL=soon is not supported"),
        ("FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY=0 is not supported"),
        ("FREQ=DAILY;BYMONTH=", "BYMONTH= is not supported"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ is there twice"),
        ("FREQ=DAILY;RSCALE=GREGORIAN", "RSCALE is not supported"),
        ("FREQ", "`FREQ` is not NAME=VALUE"),
    ] {
        assert_eq!(rule.parse::<Rule>().err().as_deref(), Some(why), "{rule}");
    }
}

proptest::proptest! {
    /// A search that begins near a date finds what one from the beginning finds.
    #[test]
    fn where_the_search_begins_does_not_matter(
        rule in proptest::sample::select(vec![
            "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "FREQ=MONTHLY;BYDAY=2SU", "FREQ=YEARLY",
            "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=-1", "FREQ=YEARLY;BYMONTH=2,11;BYDAY=-1SU", "FREQ=DAILY;BYMONTH=3",
        ]),
        days in 0..4000_i64,
    ) {
        let parsed: Rule = rule.parse().unwrap();
        let zone = TimeZone::UTC;
        let begin: DateTime = "2020-01-01T02:00".parse().unwrap();
        let (mut first, mut all) = (None, Vec::new());
        // The first date must be one of the rule.
        parsed.starts(begin, &zone, begin, |start| { first = Some(start); false });
        let first = first.unwrap();
        let from = begin.checked_add(days.days()).unwrap();
        parsed.starts(first, &zone, first, |start| { all.push(start); start < from });
        let mut near = None;
        parsed.starts(first, &zone, from, |start| { near = Some(start); false });
        proptest::prop_assert_eq!(near, all.into_iter().find(|start| *start >= from), "{} {}", rule, from);
    }
}
