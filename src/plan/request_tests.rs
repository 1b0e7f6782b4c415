use super::*;
use crate::{
    calendar::{Freeze, Frozen},
    inventory::{NoPrograms, NoRuns, Sources},
    playbook::load_text,
};

const FLEET: &str = "
all:
  vars: { patchwave: { environment: production, risk: low } }
  children:
    web: { hosts: { 'web[1:3]': } }
    db:
      vars: { patchwave: { window: { start: 0 2 * * *, duration: 2h, timezone: UTC } } }
      hosts: { 'db[1:2]': }
";

/// The plan for `playbook` with these lines, or everything that is wrong.
fn plan(lines: &str, limit: Option<&str>, ignore_windows: bool) -> Result<Plan, String> {
    let inventory = Inventory::from_text("inv.yml", FLEET).unwrap_or_else(|problems| panic!("{problems}"));
    let text = format!("name: p\nsteps: [pause: 1s]\n{lines}");
    let playbook = load_text(Path::new("/nonexistent/p.yml"), &text).unwrap_or_else(|problems| panic!("{problems}"));
    let (inventory, playbook) = (&inventory, &playbook);
    let now = "2026-11-08T12:00:00Z".parse().unwrap();
    Request { playbook, inventory, limit, past: &NoRuns, ignore_windows, dates: &Dates::default(), now }
        .plan()
        .map_err(|problems| problems.to_string())
}

fn hosts(plan: &Plan) -> String {
    names::fold(&plan.hosts().map(|(host, ..)| host.name.clone()).collect::<Vec<_>>())
}

/// The windows of each host that has any.
fn windows(plan: &Plan) -> Vec<String> {
    let shown = |host: &HostName, windows: &Windows| {
        format!("{host}: {}", windows.iter().map(|window| window.to_string()).collect::<Vec<_>>().join(" & "))
    };
    plan.hosts().filter_map(|(host, ..)| Some(shown(&host.name, host.window.as_deref()?))).collect()
}

#[test]
fn a_limit_narrows_the_playbooks_hosts_and_leaves_some() {
    for (of_playbook, limit, expected) in [
        ("all", None, Ok("web[1-3],db[1-2]")),
        ("web", None, Ok("web[1-3]")),
        ("all", Some("db"), Ok("db[1-2]")),
        ("web", Some("web2,db"), Ok("web2")),
        ("all:!web1", Some("all"), Ok("web[2-3],db[1-2]")),
        ("web", Some("db"), Err("--limit \"db\" and `hosts: web` of the playbook have no host in common")),
        ("web", Some("dbb"), Err("dbb")),
        ("nobody", Some("db"), Err("nobody")),
        ("web", Some(""), Err("this host pattern is empty")),
        ("web", Some("@failed"), Err("there is no earlier run")),
    ] {
        let plan = plan(&format!("hosts: {of_playbook}\n"), limit, false);
        match (plan, expected) {
            (Ok(plan), Ok(expected)) => assert_eq!(hosts(&plan), expected, "{of_playbook} {limit:?}"),
            (Err(wrong), Err(part)) => assert!(wrong.contains(part), "{wrong}"),
            (plan, expected) => {
                panic!("{of_playbook} {limit:?}: {expected:?}, and found {:?}", plan.map(|p| hosts(&p)))
            }
        }
    }
}

#[test]
fn a_limit_keeps_the_order_of_the_hosts_and_says_why_there_is_none() {
    let inventory = Inventory::from_text("inv.yml", FLEET).unwrap_or_else(|problems| panic!("{problems}"));
    let names = |text: &str| text.split(' ').map(|name| HostName::new(name).unwrap()).collect::<Vec<_>>();
    let within = |hosts: &str, limit: &str| within(&names(hosts), limit, &inventory, &NoRuns);
    assert_eq!(within("db1 web2 web1", "web"), Ok(names("web2 web1")));
    assert_eq!(within("db1", "web"), Err(OutsideLimit::None));
    assert!(matches!(within("db1", "nobody"), Err(OutsideLimit::Pattern(_))));
}

#[test]
fn what_is_ignored_is_in_the_plan_and_in_its_digest() {
    let (kept, ignored) = (plan("", None, false).unwrap(), plan("", None, true).unwrap());
    assert_eq!(windows(&kept), ["db1: 0 2 * * * for 2h UTC", "db2: 0 2 * * * for 2h UTC"]);
    assert_eq!(windows(&ignored), [""; 0]);
    assert!(ignored.ignores_windows && !kept.ignores_windows);
    assert_ne!(kept.digest(), ignored.digest());
    // Also if there was no window to ignore: the person agrees to something different.
    let (kept, ignored) = (plan("", Some("web"), false).unwrap(), plan("", Some("web"), true).unwrap());
    assert_ne!(kept.digest(), ignored.digest());
    let json = serde_json::to_value(&kept).unwrap();
    assert!(json.get("ignores_windows").is_none(), "a plan that keeps to them is written as ever");
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), kept);
}

#[test]
fn a_playbooks_window_narrows_the_inventorys() {
    let rollout = |window: &str| format!("rollout: {{ window: {{ {window} }} }}\n");
    let sundays = rollout("start: '0 0 * * SUN', duration: 1d, timezone: UTC");
    assert_eq!(
        windows(&plan(&sundays, Some("web1,db1"), false).unwrap()),
        ["web1: 0 0 * * SUN for 24h UTC", "db1: 0 2 * * * for 2h UTC & 0 0 * * SUN for 24h UTC"]
    );
    let stage = "rollout:\n  window: { start: '0 0 * * SUN', duration: 1d, timezone: UTC }\n  stages:\n    - { hosts: web }\n    \
                 - { hosts: db, window: { start: '0 3 * * *', duration: 3h, timezone: UTC } }\n";
    assert_eq!(
        windows(&plan(stage, Some("web1,db1"), false).unwrap()),
        ["web1: 0 0 * * SUN for 24h UTC", "db1: 0 2 * * * for 2h UTC & 0 3 * * * for 3h UTC"],
        "a stage's own window counts in place of the rollout's, within the inventory's"
    );
    let touching = rollout("start: '0 4 * * *', duration: 1h, timezone: UTC");
    assert_eq!(
        plan(&touching, None, false).unwrap_err(),
        "db[1-2] can never be started: the window in the inventory (`0 2 * * * for 2h UTC`) and the one in the \
         playbook (`0 4 * * * for 1h UTC`) are not open at the same time within a year\n  help: a playbook's `window` narrows the inventory's: \
         choose one that lies within it, or remove it"
    );
    plan(&touching, Some("web"), false).unwrap();
    plan(&touching, None, true).unwrap();
}

#[test]
fn freezes_add_up_and_the_plan_has_those_that_it_uses() {
    let when = || Frozen::Between {
        from: "2026-12-18T18:00".parse().unwrap(),
        to: "2027-01-07T06:00".parse().unwrap(),
        timezone: "UTC".to_owned(),
    };
    let freeze = || Freeze { when: when(), reason: None, owner: None };
    let dates = Dates {
        freezes: ["year-end", "sales", "other"].map(|name| (name.to_owned(), freeze())).into(),
        ..Dates::default()
    };
    let fleet = "all:\n  vars: { patchwave: { environment: p, risk: low, freezes: year-end } }\n  children:\n    web: { hosts: { a: } \
                 }\n    db: { vars: { patchwave: { freezes: [sales] } }, hosts: { b: } }\n";
    let inventory = Inventory::from_text("inv.yml", fleet).unwrap();
    let plan = |rollout: &str, dates: &Dates, ignore_windows: bool| {
        let text = format!("steps: [ pause: 1s ]\n{rollout}");
        let playbook = playbook::load_text(Path::new("p.yml"), &text).unwrap_or_else(|problems| panic!("{problems}"));
        let now = Timestamp::UNIX_EPOCH;
        let (inventory, playbook) = (&inventory, &playbook);
        let request = Request { playbook, inventory, limit: None, past: &NoRuns, ignore_windows, dates, now };
        request.plan().map_err(|problems| problems.to_string())
    };
    let freezes = |plan: &Plan| -> Vec<String> {
        plan.hosts().map(|(host, ..)| host.freezes.as_deref().map(|all| all.join(" ")).unwrap_or_default()).collect()
    };
    let made = plan("", &dates, true).unwrap();
    assert_eq!(freezes(&made), ["year-end", "year-end sales"], "--ignore-window is about windows");
    assert_eq!(made.dates.freezes.keys().collect::<Vec<_>>(), ["sales", "year-end"]);
    assert_eq!(serde_json::from_value::<Plan>(serde_json::to_value(&made).unwrap()).unwrap(), made);
    // A playbook cannot take one away.
    let more = plan("rollout: { freezes: [other] }\n", &dates, false).unwrap();
    assert_eq!(freezes(&more), ["year-end other", "year-end sales other"]);
    assert_eq!(
        plan("rollout: { freezes: [sale] }\n", &dates, false).unwrap_err(),
        "a,b use the freeze `sale`, which no patchwave.yml defines; did you mean `sales`?\n  help: write it under `freezes` in \
         the patchwave.yml of this folder or of one above"
    );
    let calendar = plan("rollout: { window: { calendar: patching } }\n", &dates, false).unwrap_err();
    assert!(calendar.contains("a,b use the calendar `patching`, which no patchwave.yml defines"), "{calendar}");
}

#[test]
fn all_that_is_wrong_with_both_files_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let load = |playbook: &Path, inventory: &Path, extra| {
        let inventories = [inventory.to_owned()];
        let sources = Sources {
            inventories: &inventories,
            beside: None,
            lenient: false,
            programs: &NoPrograms,
            vault: Default::default(),
        };
        load(playbook, &sources, extra)
    };
    let (inventory, playbook) = (write("i.yml", "web: { hots: }\n"), write("p.yml", "step: []\n"));
    let wrong = load(&playbook, &inventory, Map::new()).unwrap_err().to_string();
    assert!(wrong.contains("unknown key `hots`") && wrong.contains("unknown key `step`"), "{wrong}");
    let (inventory, bad) = (write("i.yml", FLEET), Map::from_iter([("patchwave".to_owned(), "x".into())]));
    let wrong = load(&playbook, &inventory, bad).unwrap_err().to_string();
    assert!(wrong.contains("-e:1:") && wrong.contains("unknown key `step`"), "{wrong}");
    let playbook = write("p.yml", "vars: { a: 1 }\nsteps: [pause: 1s]\n");
    let extra = Map::from_iter([("a".to_owned(), 2.into())]);
    let (inventory, playbook) = load(&playbook, &inventory, extra).unwrap_or_else(|problems| panic!("{problems}"));
    let host = HostName::new("web1").unwrap();
    assert_eq!((&inventory.vars(&host)["a"], &playbook.vars["a"]), (&2.into(), &2.into()));
}
