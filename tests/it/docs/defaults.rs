//! Tables of keys and defaults: a key with its documented default means the same as no key at all.

use std::{collections::BTreeSet, time::Duration};

use clap::CommandFactory as _;
use patchwave::{
    cli::args::Cli,
    inventory::{Inventory, NoRuns},
    plan::{self, Plan},
    playbook::{self, Playbook, Side, StepSpec},
    target::Target,
};
use regex::Regex;

use super::page::{self, root};

/// README's table of package managers has those of the program, in their order.
#[test]
fn every_package_manager_has_its_row() {
    let rows = page::table("README.md", "manager");
    let documented: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let known: Vec<&str> = patchwave::pkg::ALL.iter().map(|manager| manager.name()).collect();
    assert_eq!(documented, known);
}

fn book(text: &str) -> Playbook {
    playbook::load_text(&root().join("docs/sample.yml"), text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Twenty hosts with these keys in `patchwave`; one of them is behind a bastion.
fn inventory(keys: &str) -> Inventory {
    let text = format!(
        "all:\n  vars: {{ patchwave: {{ environment: production, {keys} }} }}\n  hosts:\n    h[01:19]:\n    inner: {{ \
         ansible_ssh_common_args: -J gate }}\n"
    );
    Inventory::from_text("sample.yml", &text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

fn planned(keys: &str) -> Plan {
    let inventory = inventory(keys);
    let hosts = inventory.select("all", &NoRuns).unwrap();
    let plan =
        plan::build(&inventory, &book("steps: [ pause: 1s ]"), &hosts).unwrap_or_else(|problems| panic!("{problems}"));
    // The key itself is a variable; only what it does is compared.
    Plan { vars_digest: String::new(), pinned: Default::default(), ..plan }
}

fn targets(keys: &str) -> Vec<Target> {
    let inventory = inventory(keys);
    let hosts = inventory.select("all", &NoRuns).unwrap();
    inventory.targets(&hosts).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_variable_patchwave() {
    let rows = page::table("docs/inventory.md", "key");
    let documented: BTreeSet<&str> = rows.iter().flat_map(|row| page::quoted(&row[0])).collect();
    // An unknown key lists those that there are.
    let listed =
        Inventory::from_text("i.yml", "all: { vars: { patchwave: { colour: red } } }").unwrap_err().to_string();
    let (_, keys) = listed.split_once("known keys: ").unwrap_or_else(|| panic!("{listed}"));
    let keys: BTreeSet<&str> = keys.trim().split(", ").collect();
    assert_eq!(documented, keys, "docs/inventory.md does not have the keys that there are");

    let low = planned("risk: low");
    for row in &rows {
        let default = row.last().unwrap().trim_matches('`');
        for key in page::quoted(&row[0]) {
            match key {
                "environment" | "risk" => {
                    assert_eq!(default, "required, unless the playbook names its stages");
                    let text = "all: { vars: { patchwave: { @ } }, hosts: { h: } }";
                    let other = if key == "risk" { "environment: production" } else { "risk: low" };
                    let inventory = Inventory::from_text("i.yml", &text.replace('@', other)).unwrap();
                    let hosts = inventory.select("all", &NoRuns).unwrap();
                    let built = |text: &str| plan::build(&inventory, &book(text), &hosts);
                    assert!(built("steps: [ pause: 1s ]").unwrap_err().to_string().contains(key));
                    built("steps: [ pause: 1s ]\nrollout: { stages: [ { hosts: all } ] }").unwrap();
                }
                "canary" => {
                    assert_eq!(default, "1 for risk `high`, `critical` or none, else 0");
                    for (risk, canary) in [("low", 0), ("medium", 0), ("high", 1), ("critical", 1)] {
                        let keys = format!("risk: {risk}");
                        assert_eq!(planned(&keys), planned(&format!("{keys}, canary: {canary}")), "{risk}");
                    }
                    let stages = book("steps: [ pause: 1s ]\nrollout: { stages: [ { hosts: all } ] }");
                    let inventory = Inventory::from_text("i.yml", "all: { hosts: { 'h[1:4]': } }").unwrap();
                    let hosts = inventory.select("all", &NoRuns).unwrap();
                    let waves = plan::build(&inventory, &stages, &hosts).unwrap().stages.remove(0).waves;
                    assert_eq!((waves[0].canary, waves[0].hosts.len()), (true, 1), "without a risk");
                }
                "soak" => assert!(default == "none" && low == planned("risk: low, soak: 0s")),
                "spread" => assert!(default == "none" && low.hosts().all(|(host, ..)| host.domain.is_none())),
                "window" => assert!(default == "always" && low.hosts().all(|(host, ..)| host.window.is_none())),
                "freezes" => assert!(default == "none" && low.hosts().all(|(host, ..)| host.freezes.is_none())),
                "eol" => {
                    assert_eq!(default, "the distributor's date, if it is known");
                    let host = low.hosts().next().unwrap().0.name.clone();
                    assert_eq!(inventory("risk: low").eol(&host), None);
                    assert!(inventory("risk: low, eol: 2028-06-30").eol(&host).is_some());
                }
                "host_key_checking" => {
                    assert_eq!(default, "the command line's");
                    assert!(targets("risk: low").iter().all(|target| target.host_keys.is_none()));
                }
                "bastion_connections" | "bastion_handshakes" => {
                    let caps = targets("risk: low").pop().unwrap().bastion;
                    assert!(caps.connections.is_none() && caps.handshakes.is_none());
                    let options = patchwave::transport::ssh::SshOptions::for_user("x", None, None);
                    match key {
                        "bastion_connections" => assert_eq!(default, options.bastion_connections.to_string()),
                        _ => assert_eq!(default, "64 per connection"),
                    }
                }
                key if key.ends_with("_timeout") => {
                    // One row has them all, in this order.
                    let keys = page::quoted(&row[0]);
                    let times: Vec<&str> = default.split(", ").collect();
                    assert_eq!(keys.len(), times.len(), "{row:?}");
                    let time = times[keys.iter().position(|one| *one == key).unwrap()];
                    let limits = |keys: &str| {
                        format!("{:?}", targets(keys)[0].limits).replace("own_handshake: true", "own_handshake: false")
                    };
                    let own = if key == "connect_timeout" { ", handshake_timeout: 15s" } else { "" };
                    assert_eq!(limits("risk: low"), limits(&format!("risk: low, {key}: {time}{own}")), "{key}");
                    assert_ne!(limits("risk: low"), limits(&format!("risk: low, {key}: 7s")), "{key}");
                }
                key => {
                    let default = page::quoted(row.last().unwrap()).first().copied().unwrap_or(default);
                    assert_eq!(low, planned(&format!("risk: low, {key}: {default}")), "{key}: {default}");
                }
            }
        }
    }
}

/// A step of each kind that loads, with all that it must have and no more.
const KINDS: [(&str, &str); 17] = [
    ("precheck", "{ packages: healthy }"),
    ("snapshot", "/bin/true"),
    ("snapshot_restore", "/bin/true"),
    ("upgrade", "{}"),
    ("reboot", "{}"),
    ("verify", "{ packages: healthy }"),
    ("command", "{ run: 'true' }"),
    ("script", "{ file: hooks/undrain }"),
    ("copy", "{ content: x, dest: /tmp/x }"),
    ("service", "{ name: ssh, state: restarted }"),
    ("wait_for", "{ port: 22 }"),
    ("pause", "5s"),
    ("notify", "{ command: 'true', message: m }"),
    ("drain", "/bin/true"),
    ("undrain", "/bin/true"),
    ("cleanup", "{ package_cache: true }"),
    ("rollback", "{}"),
];

fn step(kind: &str, value: &str, more: &str) -> StepSpec {
    // One of the two alone does not load.
    let (before, after) = match kind {
        "drain" => ("", "  - undrain: /bin/true\n"),
        "undrain" => ("  - drain: /bin/true\n", ""),
        _ => ("", ""),
    };
    if kind == "rollback" {
        let mut book = book(&format!("steps: [ pause: 1s ]\non_failure:\n  - {kind}: {value}\n{more}"));
        return book.on_failure.remove(0);
    }
    let mut steps = book(&format!("steps:\n{before}  - {kind}: {value}\n{more}{after}")).steps;
    steps.remove(usize::from(!before.is_empty()))
}

fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().unwrap_or_else(|_| panic!("{text:?} is not a time"));
    Duration::from_secs(
        number
            * match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => panic!("{text:?}"),
            },
    )
}

#[test]
fn time_limits_and_keys_of_each_step() {
    let default = Regex::new(r"`(?:\{)?([a-z_]+)`(?: \(with `[a-z]+`\))? \(([0-9]+[smhd]|yes|no)\)").unwrap();
    let (mut rows, mut keys) = (BTreeSet::new(), 0);
    for row in page::table("docs/playbook.md", "step") {
        for kind in page::quoted(&row[0]) {
            let (_, value) =
                KINDS.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("no sample: {kind}"));
            let plain = step(kind, value, "");
            rows.insert(kind.to_owned());
            match row.get(2).map_or("", String::as_str) {
                "" => assert_eq!(kind, "pause", "{row:?}"),
                "`warn` + `timeout` + `lock_timeout`" => {
                    let timed = step(kind, "{ warn: 1m, timeout: 2m, lock_timeout: 4m }", "");
                    assert_eq!(timed.limit(), Duration::from_secs(7 * 60));
                }
                time => assert_eq!(plain.limit(), duration(time), "{kind}"),
            }
            for found in default.captures_iter(&row[1]) {
                keys += 1;
                let inside = value.trim_matches(['{', '}', ' ']);
                let more = if inside.is_empty() { String::new() } else { format!("{inside}, ") };
                let said = step(kind, &format!("{{ {more}{}: {} }}", &found[1], &found[2]), "");
                assert_eq!(format!("{:?}", said.kind), format!("{:?}", plain.kind), "{kind}: {}", &found[0]);
            }
        }
    }
    assert!(rows.len() == KINDS.len() && keys >= 6, "{rows:?}, {keys} keys");
    let scope = step("upgrade", "{ scope: security }", "");
    assert_eq!(format!("{:?}", scope.kind), format!("{:?}", step("upgrade", "{}", "").kind));
}

#[test]
fn what_every_step_takes() {
    for row in page::table("docs/playbook.md", "key").into_iter().chain(second_table()) {
        let default = row.last().unwrap().as_str();
        let plain = step("command", "'true'", "");
        match row[0].as_str() {
            "`when`" => assert!(default == "always" && plain.when.is_none()),
            "`retries`, `retry_delay`" => {
                assert_eq!(default, format!("{}, {}s", plain.retries, plain.retry_delay.as_secs()));
            }
            "`become`" => {
                assert_eq!(default, "`ansible_become`; always for upgrade, rollback, reboot, service, cleanup");
                assert!(plain.privileged.is_none());
            }
            "`on`" => {
                assert_eq!(default, "by kind");
                let side = |kind: &str| step(kind, KINDS.iter().find(|(name, _)| *name == kind).unwrap().1, "").on;
                assert_eq!((side("command"), side("upgrade")), (Side::Host, Side::Host));
                assert_eq!(
                    (side("snapshot"), side("drain"), side("notify")),
                    (Side::Controller, Side::Controller, Side::Controller)
                );
            }
            "`guard`" => assert!(default == "none" && plain.guard.is_none()),
            "`max_failures`, `on_budget_spent` (`halt_run` or `continue`)" => {
                assert_eq!(default, "no limit besides the stages' own, `halt_run`");
                let said = book("steps: [ pause: 1s ]\nrollout: { on_budget_spent: halt_run }").rollout;
                let unsaid = book("steps: [ pause: 1s ]").rollout;
                assert_eq!(said.on_budget_spent.unwrap_or_default(), unsaid.on_budget_spent.unwrap_or_default());
                assert!(unsaid.max_failures.is_none());
            }
            "`order`" => {
                let said = book(&format!("steps: [ pause: 1s ]\nrollout: {{ order: {} }}", default.trim_matches('`')));
                let unsaid = book("steps: [ pause: 1s ]");
                assert_eq!(format!("{:?}", said.rollout.order), format!("{:?}", unsaid.rollout.order));
            }
            "`gate`" => assert!(default == "none" && book("steps: [ pause: 1s ]").rollout.gate.is_empty()),
            "`environments`" => {
                let words = page::quoted(default);
                let risks = words.iter().rev().map(|name| format!("{name}_: {{ vars: {{ patchwave: {{ environment: {name}, risk: low }} }}, hosts: {{ h{name}: }} }}"));
                let text = format!("all: {{ children: {{ {} }} }}", risks.collect::<Vec<_>>().join(", "));
                let inventory = Inventory::from_text("i.yml", &text).unwrap_or_else(|problems| panic!("{problems}"));
                let hosts = inventory.select("all", &NoRuns).unwrap();
                let plan = plan::build(&inventory, &book("steps: [ pause: 1s ]"), &hosts).unwrap();
                let names: Vec<&str> = plan.stages.iter().map(|stage| stage.name.split('/').next().unwrap()).collect();
                assert_eq!(names, words);
            }
            "`stages`" => assert_eq!(default, "environment × risk"),
            "`name`" => assert_eq!((default, plain.name.as_str()), ("made from the kind", "Command: true")),
            "`timeout`" => assert_eq!(default, "by kind"),
            "`register`" => assert!(plain.register.is_none()),
            row if row.starts_with("`canary`") => {}
            row => panic!("docs/playbook.md: {row} is not compared with the program"),
        }
    }
}

/// The table `Keys of every step`: the second one that begins with `key`.
fn second_table() -> Vec<Vec<String>> {
    let text = page::text(&root().join("docs/playbook.md"));
    let (_, section) = text.split_once("\n## Keys of every step\n").expect("the section is there");
    page::table_in(section, "key")
}

/// `--forks` … (256): a number behind an option is its default.
#[test]
fn defaults_of_options() {
    let program = Cli::command();
    let run = program.find_subcommand("run").unwrap();
    let mut seen = 0;
    let named = Regex::new(r"`--([a-z-]+)`[^`(.|]*\((\d+)\)").unwrap();
    for page in page::reference() {
        let text = page::text(&page).replace('\n', " ");
        for (option, default) in text.split('—').flat_map(|part| pairs(&named, part)) {
            seen += 1;
            let arg = run.get_arguments().find(|arg| arg.get_long() == Some(option.as_str()));
            let arg = arg.unwrap_or_else(|| panic!("{}: run has no --{option}", page.display()));
            let known: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
            assert_eq!(known, [default.as_str()], "{}: --{option}", page.display());
        }
    }
    assert!(seen >= 2, "{seen} defaults: where are the rest?");
}

fn pairs(named: &Regex, text: &str) -> Vec<(String, String)> {
    named.captures_iter(text).map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
}
