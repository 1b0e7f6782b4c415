use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    inventory::NoRuns,
    playbook::{Playbook, load_text},
    policy::OnBudgetSpent,
};

const FLEET: &str = "
all:
  children:
    production:
      vars: { patchwave: { environment: production } }
      children:
        edge:
          vars: { patchwave: { risk: low, batch: 50% } }
          hosts: { 'edge[01:10]': }
        databases:
          vars:
            patchwave: { risk: critical, canary: 1, batch: [1, 25%], soak: 10m, spread: { by: cluster, max_unavailable: 1 } }
          hosts:
            db1: { cluster: a }
            db2: { cluster: a }
            db3: { cluster: b }
            db4: { cluster: b }
    staging:
      vars: { patchwave: { environment: staging, risk: medium } }
      hosts: { 'stage[1:4]': }
    lab:
      vars: { patchwave: { environment: alab, risk: low } }
      hosts: { lab1: }
";

fn inventory(text: &str) -> Inventory {
    Inventory::from_text("inv.yml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn playbook(rollout: &str) -> Playbook {
    let text = format!("name: p\nsteps: [pause: 1s]\nrollout: {rollout}\n");
    load_text(Path::new("/nonexistent/p.yml"), &text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn plan(rollout: &str, pattern: &str) -> Result<Plan, String> {
    let inventory = inventory(FLEET);
    let selected = inventory.select(pattern, &NoRuns).unwrap();
    build(&inventory, &playbook(rollout), &selected).map_err(|problems| problems.to_string())
}

/// `stage: wave | wave; stage: …`, the canary in brackets.
fn shown(plan: &Plan) -> String {
    let wave = |wave: &Wave| {
        let names: Vec<HostName> = wave.hosts.iter().map(|host| host.name.clone()).collect();
        if wave.canary { format!("({})", names::fold(&names)) } else { names::fold(&names) }
    };
    let stage =
        |stage: &Stage| format!("{}: {}", stage.name, stage.waves.iter().map(wave).collect::<Vec<_>>().join(" | "));
    plan.stages.iter().map(stage).collect::<Vec<_>>().join("; ")
}

fn check(rollout: &str, pattern: &str, expected: &str) {
    assert_eq!(plan(rollout, pattern).map(|plan| shown(&plan)).as_deref(), Ok(expected), "{rollout} {pattern}");
}

/// Wave sizes of a stage of `total` hosts without failure domains; the canary, if there is one, comes first.
fn check_sizes(total: usize, canary: usize, batch: &str, expected: &[usize]) {
    let batch: Vec<_> = batch.split(',').map(|size| crate::amount::Amount::parse(size).unwrap()).collect();
    let policy = Policy { canary: Some(canary as u32), batch: Some(batch), ..Policy::default() };
    let hosts = (0..total)
        .map(|i| PlannedHost {
            name: HostName::new(&format!("h{i}")).unwrap(),
            domain: None,
            window: None,
            freezes: None,
            undo: None,
        })
        .collect();
    let waves = waves(hosts, &StageRules::of(std::slice::from_ref(&policy), total));
    let sizes: Vec<usize> = waves.iter().map(|wave| wave.hosts.len()).collect();
    assert_eq!(sizes, expected, "{total} hosts, {policy:?}");
    let canaries = waves.iter().filter(|wave| wave.canary).count();
    assert_eq!(canaries, usize::from(canary > 0 && total > 0));
    assert!(waves.iter().skip(1).all(|wave| !wave.canary));
}

#[test]
fn batches_at_every_boundary() {
    check_sizes(0, 0, "1", &[]);
    check_sizes(0, 3, "50%", &[]);
    check_sizes(1, 0, "1", &[1]);
    check_sizes(1, 1, "1", &[1]);
    check_sizes(1, 0, "25%", &[1]);
    check_sizes(3, 0, "1", &[1, 1, 1]);
    check_sizes(3, 0, "3", &[3]);
    check_sizes(3, 0, "4", &[3]);
    check_sizes(3, 0, "100%", &[3]);
    check_sizes(10, 1, "100%", &[1, 9]);
    check_sizes(10, 10, "1", &[10]);
    check_sizes(10, 99, "1", &[10]);
    check_sizes(10, 9, "5", &[9, 1]);
    check_sizes(10, 0, "25%", &[2, 2, 2, 2, 2]);
    check_sizes(10, 0, "33%", &[3, 3, 3, 1]);
    check_sizes(9, 0, "10%", &[1; 9]);
    check_sizes(10, 1, "1,25%", &[1, 1, 2, 2, 2, 2]);
    check_sizes(100, 0, "29%", &[29, 29, 29, 13]);
    check_sizes(20, 2, "10%,50%,3", &[2, 2, 10, 3, 3]);
    check_sizes(9, 0, "5,1", &[5, 1, 1, 1, 1]);
}

#[test]
fn stages_are_environment_and_risk_in_the_usual_order() {
    check(
        "{}",
        "all",
        "staging/medium: stage1 | stage2 | stage3 | stage4; \
         production/low: edge[01-05] | edge[06-10]; \
         production/critical: (db1) | db2 | db3 | db4; \
         alab/low: lab1",
    );
    check(
        "{order: critical_first}",
        "production",
        "production/critical: (db1) | db2 | db3 | db4; production/low: edge[01-05] | edge[06-10]",
    );
    check(
        "{environments: [alab, production, staging], canary: 0, batch: 100%}",
        "all:!databases",
        "alab/low: lab1; production/low: edge[01-10]; staging/medium: stage[1-4]",
    );
}

#[test]
fn a_selection_narrows_the_plan_and_percentages_follow() {
    check("{}", "edge[0:2]", "production/low: edge01 | edge02 | edge03");
    check("{batch: 67%}", "edge[0:2]", "production/low: edge[01-02] | edge03");
    check("{}", "db1,lab1", "production/critical: (db1); alab/low: lab1");
}

#[test]
fn spread_keeps_a_domain_out_of_one_wave() {
    check("{batch: 4}", "databases", "production/critical: (db1) | db[2-3] | db4");
    check("{canary: 4}", "databases", "production/critical: (db[1,3]) | db2 | db4");
    let plan = plan("{}", "databases").unwrap();
    let domain = plan.stages[0].waves[0].hosts[0].domain.clone().unwrap();
    assert_eq!((domain.spread.by.as_str(), &*domain.value, domain.spread.max_unavailable), ("cluster", "a", 1));
    assert_eq!(
        super::super::build(
            &inventory(FLEET),
            &playbook("{spread: {by: rack}}"),
            &inventory(FLEET).select("lab,staging", &NoRuns).unwrap(),
        )
        .unwrap_err()
        .0[0]
            .message,
        "`spread` uses the variable `rack`, which stage[1-4],lab1 do not have"
    );
}

#[test]
fn named_stages_take_each_host_once_and_win() {
    check(
        "{batch: 3, stages: [{hosts: 'edge[0:3]', batch: 2}, {name: rest, hosts: 'production:!databases'}, {hosts: databases, canary: 2}]}",
        "production",
        "edge[0:3]: edge[01-02] | edge[03-04]; rest: edge[05-07] | edge[08-10]; databases: (db[1,3]) | db[2,4]",
    );
    // A stage without a selected host is left out.
    check("{stages: [{hosts: staging}, {hosts: production}]}", "edge01", "production: edge01");
    assert_eq!(
        plan("{stages: [{hosts: staging}]}", "staging,edge,lab1").unwrap_err(),
        "edge[01-10],lab1 are selected but in no stage of the playbook\n  help: add a stage for them, or leave them out with `--limit`"
    );
    let wrong = plan("{stages: [{hosts: stagin}]}", "staging").unwrap_err();
    assert!(wrong.starts_with("/nonexistent/p.yml:3: stage `stagin`: "), "{wrong}");
}

#[test]
fn budgets_are_counted_in_hosts() {
    let plan = plan("{max_failures: 10%, on_budget_spent: continue, soak: 5s}", "production").unwrap();
    assert_eq!((plan.max_failures, plan.on_budget_spent), (Some(1), OnBudgetSpent::Continue));
    for stage in &plan.stages {
        let own = (stage.max_failures, stage.on_budget_spent);
        assert_eq!(own, (0, OnBudgetSpent::HaltRun), "what holds for the run loosens no stage");
    }
    let stage = &plan.stages[0];
    assert_eq!(stage.soak.as_secs(), 5, "the playbook wins over the inventory");
    let named = super::tests::plan("{stages: [{hosts: edge, max_failures: 25%}]}", "edge").unwrap();
    assert_eq!((named.max_failures, named.stages[0].max_failures), (None, 2));
    let named = super::tests::plan("{stages: [{hosts: edge, on_budget_spent: continue}, {hosts: lab}]}", "edge,lab1");
    let spent: Vec<OnBudgetSpent> = named.unwrap().stages.iter().map(|stage| stage.on_budget_spent).collect();
    assert_eq!(spent, [OnBudgetSpent::Continue, OnBudgetSpent::HaltRun]);
}

/// When a person must approve: for a stage of four databases in three waves, or of one host in one wave.
#[test]
fn an_approval_is_where_it_was_asked_for_and_yes_is_where_it_means_something() {
    let asks = |rollout: &str, pattern: &str| plan(rollout, pattern).unwrap().stages[0].approve;
    for (said, many, one) in [
        ("no", None, None),
        ("yes", Some(Moment::AfterCanary), Some(Moment::Before)),
        ("true", Some(Moment::AfterCanary), Some(Moment::Before)),
        ("before", Some(Moment::Before), Some(Moment::Before)),
        ("after_canary", Some(Moment::AfterCanary), Some(Moment::AfterCanary)),
    ] {
        let rollout = format!("{{approve: {said}}}");
        assert_eq!((asks(&rollout, "databases"), asks(&rollout, "db1")), (many, one), "{said}");
    }
    let window = "{approve: yes, mode: sliding, canary: 0}";
    assert_eq!(asks(window, "edge"), Some(Moment::Before), "a window over the whole stage is one wave");
    assert_eq!(asks("{approve: yes, mode: sliding, canary: 1}", "edge"), Some(Moment::AfterCanary));
    assert_eq!(asks("{soak: 1s}", "databases"), None);
}

#[test]
fn a_sliding_stage_is_a_canary_and_one_window() {
    let plan = plan("{mode: sliding, canary: 2, batch: [30%, 50%]}", "edge").unwrap();
    assert_eq!(shown(&plan), "production/low: (edge[01-02]) | edge[03-10]");
    assert_eq!((plan.stages[0].window_size, plan.stages[0].mode), (Some(3), Mode::Sliding));
}

#[test]
fn what_cannot_be_planned_says_why() {
    assert_eq!(
        plan("{environments: [production]}", "all").unwrap_err().lines().next().unwrap(),
        "environment `staging` (stage[1-4]) is not among the `environments` of the playbook"
    );
    let bare = inventory("all: { hosts: { a: , b: } }");
    let all = bare.select("all", &NoRuns).unwrap();
    let problems = build(&bare, &playbook("{}"), &all).unwrap_err();
    assert_eq!(problems.0[0].message, "2 hosts have neither `environment` nor `risk`: a,b");
    assert!(build(&bare, &playbook("{stages: [{hosts: all}]}"), &all).is_ok(), "named stages need no labels");
    assert_eq!(build(&bare, &playbook("{}"), &[]).unwrap_err().0[0].message, "no host is selected");
    let stranger = [HostName::new("zz").unwrap()];
    assert_eq!(build(&bare, &playbook("{}"), &stranger).unwrap_err().0[0].message, "the inventory does not have zz");
}

#[test]
fn the_digest_follows_what_is_done() {
    let one = plan("{}", "production").unwrap();
    assert_eq!(one.digest(), plan("{}", "production").unwrap().digest());
    assert_eq!((one.digest().len(), one.short_digest().len()), (64, 12));
    assert_ne!(one.digest(), plan("{batch: 1}", "production").unwrap().digest());
    assert_ne!(one.digest(), plan("{}", "edge").unwrap().digest());
    let changed = inventory(&FLEET.replace("cluster: a", "cluster: c"));
    let selected = changed.select("production", &NoRuns).unwrap();
    assert_ne!(one.vars_digest, build(&changed, &playbook("{}"), &selected).unwrap().vars_digest);
}

#[test]
fn the_digest_does_not_follow_where_something_is_written() {
    let digest = |steps: &str| {
        let text = format!("name: x\nhosts: production\n{steps}");
        let playbook = load_text(Path::new("x.yml"), &text).unwrap();
        let inventory = inventory(FLEET);
        let selected = inventory.select("production", &NoRuns).unwrap();
        build(&inventory, &playbook, &selected).unwrap().digest()
    };
    let one = digest("steps: [{name: a, command: x}]\n");
    assert_eq!(one, digest("# Why.\nsteps:\n  # And how.\n  - name: a\n\n    command: x\n"));
    assert_ne!(one, digest("steps: [{name: a, command: y}]\n"));
}

#[test]
fn a_plan_survives_the_ledger() {
    let plan = plan("{mode: sliding}", "all").unwrap();
    let back: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!((&back, back.digest()), (&plan, plan.digest()));
    // Older versions recorded the line of each step in its file.
    let mut old = serde_json::to_value(&plan).unwrap();
    old["steps"][0]["line"] = 7.into();
    assert_eq!(serde_json::from_value::<Plan>(old).unwrap(), plan);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_selected_host_is_in_exactly_one_wave(
        hosts in proptest::collection::vec((0..3_usize, 0..4_usize, 0..3_usize), 1..40),
        canary in 0..4_u32,
        batch in prop_oneof!["[1-9]", "[1-9][0-9]?%"],
        sliding in any::<bool>(),
    ) {
        let mut text = String::from("all:\n  hosts:\n");
        for (i, (environment, risk, cluster)) in hosts.iter().enumerate() {
            let environment = ["development", "production", "other"][*environment];
            let risk = crate::host::Risk::ALL[*risk];
            text += &format!("    h{i}: {{ cluster: {cluster}, patchwave: {{ environment: {environment}, risk: {risk} }} }}\n");
        }
        let inventory = inventory(&text);
        let mode = if sliding { "sliding" } else { "waves" };
        let playbook = playbook(&format!("{{canary: {canary}, batch: '{batch}', mode: {mode}, spread: {{by: cluster, max_unavailable: 2}}}}"));
        let plan = build(&inventory, &playbook, inventory.hosts()).unwrap();
        let mut planned: Vec<_> = plan.hosts().map(|(host, _, _)| host.name.clone()).collect();
        planned.sort();
        let mut all = inventory.hosts().to_vec();
        all.sort();
        prop_assert_eq!(planned, all);
        let amount = crate::amount::Amount::parse(&batch).unwrap();
        for stage in &plan.stages {
            let total = stage.waves.iter().map(|wave| wave.hosts.len()).sum();
            for wave in &stage.waves {
                prop_assert!(!wave.hosts.is_empty());
                let most = match (wave.canary, sliding) {
                    (true, _) => canary as usize,
                    (false, true) => total,
                    (false, false) => amount.of_at_least_one(total),
                };
                prop_assert!(wave.hosts.len() <= most);
            }
        }
    }
}

#[test]
fn every_shipped_playbook_plans_with_every_shipped_inventory() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder: &str| -> Vec<std::path::PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(root.join(folder))
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
        files.sort();
        files
    };
    for inventory_path in files("inventories") {
        let inventory = Inventory::load_files(std::slice::from_ref(&inventory_path)).unwrap_or_else(|p| panic!("{p}"));
        for path in files("playbooks") {
            let playbook = crate::playbook::load(&path, Vec::new(), &Default::default())
                .unwrap_or_else(|problems| panic!("{problems}"));
            let selected = inventory.select(&playbook.hosts, &NoRuns).unwrap();
            let plan = build(&inventory, &playbook, &selected)
                .unwrap_or_else(|p| panic!("{} with {}:\n{p}", path.display(), inventory_path.display()));
            assert_eq!(plan.hosts().count(), selected.len());
        }
    }
}
