use super::*;
use crate::event::Machine;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + 86_400 * day).unwrap()
}

fn update(name: &str, security: Security) -> Update {
    Update { security, ..Update::new(name, Some("1".to_owned()), "2") }
}

fn fix() -> Security {
    Security::Fix("2".to_owned())
}

fn pending(updates: Vec<Update>) -> Arc<Pending> {
    Arc::new(Pending { updates, ..Pending::default() })
}

fn host(name: &str, pending: Option<Arc<Pending>>, reboot: Option<bool>) -> HostScan {
    let reboot = reboot.map(|yes| if yes { vec!["a reason".to_owned()] } else { Vec::new() });
    let machine = Machine { key: None, id: Some(name.to_owned()) };
    let facts = Arc::new(HostDocument { machine, reboot, lists_at: Some(at(0)), ..HostDocument::default() });
    let mut since = Since::default();
    if let Some(pending) = &pending {
        let [all, security] = Since::names(pending);
        since.update(at(1), &all, &security);
    }
    let answer = ScanAnswer { facts, pending, before: None, unknown: BTreeMap::new() };
    HostScan { host: HostName::new(name).unwrap(), at: at(2), answer: Ok(answer), since }
}

fn silent(name: &str, class: &str, unreachable: bool) -> HostScan {
    let host = HostName::new(name).unwrap();
    let (class, why) = (class.to_owned(), format!("{name} is silent"));
    let not = HostNotScanned { host: host.clone(), scan: String::new(), by: String::new(), class, why, unreachable };
    HostScan { host, at: at(2), answer: Err(not), since: Since::default() }
}

fn code(scans: &[HostScan], filter: &UpdateFilter) -> u8 {
    FleetView { scans, filter }.exit_code()
}

#[test]
fn hosts_with_the_same_updates_share_a_row_and_others_do_not() {
    let one = || pending(vec![update("a", fix()), update("b", Security::No)]);
    let scans = [
        host("h1", Some(one()), Some(false)),
        host("h2", Some(one()), Some(false)),
        host("h3", Some(one()), Some(true)),
        host("h4", Some(pending(vec![update("b", Security::No), update("c", Security::Unknown)])), Some(false)),
        host("h5", None, None),
        silent("h6", "refused", true),
        silent("h7", "refused", true),
    ];
    let all = UpdateFilter::default();
    let view = FleetView { scans: &scans, filter: &all };
    let rows = view.rows();
    let names = |row: &FleetRow<'_>| row.hosts.iter().map(|scan| scan.host.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(rows.iter().map(names).collect::<Vec<_>>(), ["h5", "h3", "h1 h2", "h4"]);
    let UpdateCounts { security, other, unknown, .. } = rows[2].counts;
    assert_eq!((security, other, unknown, rows[2].oldest), (1, 1, 0, Some(at(1))));
    assert_eq!((rows[3].counts.unknown, rows[0].updates.is_none(), rows[0].reboot), (1, true, None));
    assert_eq!((view.silent().len(), view.silent()[0].1.len(), view.hosts_with_updates()), (1, 2, 4));
    // What is left of h3 and h1 is the same, but one of them needs a reboot.
    let security = UpdateFilter { security: true, ..UpdateFilter::default() };
    let rows = FleetView { scans: &scans[..4], filter: &security }.rows();
    assert_eq!(rows.iter().map(names).collect::<Vec<_>>(), ["h3", "h1 h2", "h4"]);
}

#[test]
fn filters_take_what_may_be_meant_and_nothing_else() {
    let kernel = Update { kernel: true, ..update("linux-image:amd64", Security::No) };
    let advisory = |cve: &str| crate::pkg::Advisory {
        id: "X-1".to_owned(),
        security: true,
        severity: String::new(),
        cves: vec![cve.to_owned()],
    };
    let told = Update { advisories: vec![advisory("CVE-2026-0001")], ..update("told", fix()) };
    let all = [update("fix", fix()), update("no", Security::No), update("maybe", Security::Unknown), kernel, told];
    let taken = |filter: UpdateFilter| -> Vec<&str> {
        all.iter().filter(|update| filter.takes(update)).map(|update| update.name.as_str()).collect()
    };
    let any = UpdateFilter::default;
    assert_eq!(taken(any()).len(), 5);
    // An update of which it is not known may be a fix.
    assert_eq!(taken(UpdateFilter { security: true, ..any() }), ["fix", "maybe", "told"]);
    assert_eq!(taken(UpdateFilter { kernel: true, ..any() }), ["linux-image:amd64"]);
    assert_eq!(taken(UpdateFilter { packages: vec!["linux-image".to_owned()], ..any() }), ["linux-image:amd64"]);
    let cve = |id: &str| taken(UpdateFilter { cve: Some(id.to_owned()), ..any() });
    assert_eq!((cve("CVE-2026-0001"), cve("CVE-2026-0002")), (vec!["told"], vec![]));
}

#[test]
fn the_worst_decides_the_exit_code() {
    let (any, security) = (UpdateFilter::default(), UpdateFilter { security: true, ..UpdateFilter::default() });
    let nothing = host("h1", Some(pending(vec![])), Some(false));
    let plain = host("h2", Some(pending(vec![update("a", Security::No)])), Some(false));
    let cut = silent("h3", FleetView::INTERRUPTED, false);
    let (lost, odd) = (silent("h4", "refused", true), silent("h5", "escalation", false));
    let unknown = host("h6", None, None);
    let all = [nothing, plain, cut, lost, odd, unknown];
    for (until, expected) in [(1, 0), (2, 8), (3, 4), (4, 5), (5, 6), (6, 7)] {
        assert_eq!(code(&all[..until], &any), expected, "{until} hosts");
    }
    assert_eq!(code(&all[..2], &security), 0);
    // More may be pending than a host says if one of its sources has no list; a broken database takes no update.
    for part in [HostScanned::REFRESH, HostScanned::SOURCES] {
        let mut partial = all[1].clone();
        partial.answer.as_mut().unwrap().unknown.insert(part.to_owned(), "no answer".to_owned());
        let scans = [all[0].clone(), partial];
        let view = FleetView { scans: &scans, filter: &any };
        assert_eq!((view.exit_code(), view.hosts_not_known(), view.hosts_with_updates()), (7, 1, 1), "{part}");
    }
    let mut broken = all[0].clone();
    let answer = broken.answer.as_mut().unwrap();
    answer.facts = Arc::new(HostDocument { broken: Some("a is half-installed".to_owned()), ..HostDocument::default() });
    let scans = [all[1].clone(), broken];
    let view = FleetView { scans: &scans, filter: &security };
    assert_eq!((view.exit_code(), view.broken()), (6, vec![("a is half-installed", vec![&scans[1].host])]));
    assert_eq!(code(&[], &any), 0);
}

#[test]
fn changes_between_two_scans_are_by_name() {
    let before = pending(vec![update("gone", fix()), update("same", fix()), update("class", Security::No)]);
    let newer = Update { to: "3".to_owned(), ..update("class", Security::No) };
    let now = pending(vec![update("same", fix()), newer, update("new", fix())]);
    let found: Vec<String> = update_changes(&before, &now, |_| true)
        .iter()
        .map(|change| match change {
            UpdateChange::New(update) => format!("+{}", update.name),
            UpdateChange::Gone(update) => format!("-{}", update.name),
            UpdateChange::Changed(old, new) => format!("~{} {} {}", new.name, old.to, new.to),
        })
        .collect();
    assert_eq!(found, ["~class 2 3", "-gone", "+new"]);
    assert_eq!(update_changes(&before, &now, |update| update.name == "same"), []);
}
