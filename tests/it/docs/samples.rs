//! Samples of YAML are true: each block and each key with a value in the text is loaded, and every file of inventories/
//! is planned with every file of playbooks/.

use std::{fs, path::PathBuf};

use patchwave::{
    inventory::{Inventory, NoRuns},
    plan, playbook,
};
use regex::Regex;

use super::page::{self, Part, root};

#[test]
fn every_yaml_example_loads() {
    let (mut inventories, mut playbooks) = (0, 0);
    for block in page::blocks("yaml") {
        let text = block.in_its_place();
        if block.text.starts_with("# inventories/") {
            inventories += 1;
            let page = block.page.display().to_string();
            if let Err(problems) = Inventory::from_text(&format!("{page}.yml"), &text) {
                panic!("{problems}");
            }
        } else if block.text.starts_with("# playbooks/") {
            playbooks += 1;
            if let Err(problems) = playbook::load_text(&block.page, &text) {
                panic!("{problems}");
            }
        } else if !block.text.starts_with("# patchwave.yml") {
            // Settings are loaded by a test of the command line, with the files that they name.
            panic!("{}: an example begins with the name of its file", block.place());
        }
    }
    assert!(
        inventories >= 2 && playbooks >= 2,
        "{inventories} inventories, {playbooks} playbooks: where are the rest?"
    );
}

/// Words of the pages for a value, and one of that kind.
const VALUES: [(&str, &str); 11] = [
    ("PATH", "/var"),
    ("SIZE", "1GiB"),
    ("HOOK", "hooks/undrain"),
    ("CRON", "'0 2 * * SUN'"),
    ("TIME", "4h"),
    ("ZONE", "Europe/Berlin"),
    ("VARIABLE", "rack"),
    ("N", "2"),
    ("NAME", "staging"),
    ("…", "x"),
    ("[...]", "[openssl]"),
];

/// Where a key with its value may be written. `@` is the sample.
const PLACES: [&str; 20] = [
    "steps: [ { pause: 1s } ]\n@",
    "steps:\n  - @",
    "steps:\n  - command: 'true'\n    @",
    "steps:\n  - command: 'true'\n    on: controller\n    @",
    "steps:\n  - drain: hooks/drain\n  - @",
    "steps:\n  - command: { run: 'true', @ }",
    "steps:\n  - command: 'true'\n    guard: { within: 2m, rollback: 'true' }\n    @",
    "steps:\n  - precheck: { @ }",
    "steps:\n  - verify: { @ }",
    "steps:\n  - upgrade: { @ }",
    "steps:\n  - upgrade: { scope: packages, @ }",
    "steps:\n  - upgrade: { packages: [openssl], @ }",
    "steps:\n  - upgrade: { cves: [CVE-2026-12345], @ }",
    "steps:\n  - upgrade: { advisories: [x], @ }",
    "steps:\n  - reboot: { @ }",
    "steps:\n  - cleanup: { @ }",
    "steps:\n  - notify: { command: 'true', message: m, @ }",
    "steps:\n  - service: { name: ssh, @ }",
    "steps:\n  - pause: 1s\nrollout: { @ }",
    "steps:\n  - pause: 1s\nrollout: { stages: [ { hosts: all, @ } ] }",
];

/// Whether it loads somewhere where it could be written: in a playbook, or as a variable of an inventory.
fn loads(sample: &str) -> Result<(), String> {
    let mut why = String::new();
    for place in PLACES {
        match playbook::load_text(&root().join("docs/sample.yml"), &place.replace('@', sample)) {
            Ok(_) => return Ok(()),
            Err(problems) => why = problems.to_string(),
        }
    }
    for place in ["all: { vars: { patchwave: { @ } } }", "all: { vars: { @ }, hosts: { h: } }"] {
        if place.starts_with("all: { vars: { @") && !sample.starts_with("ansible_") && !sample.starts_with("patchwave:")
        {
            continue;
        }
        let inventory = match Inventory::from_text("sample.yml", &place.replace('@', sample)) {
            Ok(inventory) => inventory,
            Err(problems) => {
                why = problems.to_string();
                continue;
            }
        };
        let hosts = inventory.select("all", &NoRuns).unwrap_or_default();
        match inventory.targets(&hosts) {
            Ok(_) => return Ok(()),
            Err(problems) => why = problems.to_string(),
        }
    }
    Err(why)
}

/// A key with its value in a sentence or a table: `batch: 1`, `undrain: {run: HOOK, when_failed: true}`.
fn inline() -> Vec<Part> {
    let sample = Regex::new(r"^[a-z_]+: \S").unwrap();
    let mut found = page::code(&page::reference());
    found.retain(|code| {
        let of_files = !code.page.ends_with("docs/ledger.md");
        of_files && sample.is_match(&code.text)
    });
    found
}

#[test]
fn every_key_with_a_value_in_the_text_loads() {
    let samples = inline();
    for sample in &samples {
        let text = VALUES.iter().fold(sample.text.clone(), |text, (word, value)| {
            let word = if word.starts_with(char::is_alphabetic) { format!(r"\b{word}\b") } else { regex::escape(word) };
            Regex::new(&word).unwrap().replace_all(&text, *value).into_owned()
        });
        if let Err(why) = loads(&text) {
            panic!("{}: `{}` loads nowhere: {why}", sample.place(), sample.text);
        }
    }
    assert!(samples.len() >= 22, "{} samples: where are the rest?", samples.len());
}

/// What `folder` holds in YAML.
fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "yml")).collect();
    files.sort();
    files
}

fn must<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|problems| panic!("{problems}"))
}

fn check_plan(inventory: &Inventory, playbook: &playbook::Playbook) {
    let hosts = must(inventory.select(&playbook.hosts, &NoRuns));
    must(inventory.targets(&hosts));
    let plan = must(plan::build(inventory, playbook, &hosts));
    let placed: std::collections::HashSet<_> = plan.hosts().map(|(host, _, _)| &host.name).collect();
    assert_eq!((plan.hosts().count(), placed.len()), (hosts.len(), hosts.len()), "each host is in one wave");
}

#[test]
fn every_example_inventory_is_planned_with_every_example_playbook() {
    let (inventories, playbooks) = (yaml_files("inventories"), yaml_files("playbooks"));
    assert!(inventories.len() >= 3 && playbooks.len() >= 4, "{inventories:?} {playbooks:?}");
    for inventory in &inventories {
        let inventory = must(Inventory::load_files(std::slice::from_ref(inventory)));
        for path in &playbooks {
            check_plan(&inventory, &must(playbook::load(path, Vec::new(), &Default::default())));
        }
    }
}

#[test]
fn the_quick_start_is_planned() {
    let readme = |start: &str| {
        let block =
            page::blocks("yaml").into_iter().find(|b| b.page.ends_with("README.md") && b.text.starts_with(start));
        block.unwrap_or_else(|| panic!("README.md has no example {start:?}"))
    };
    let inventory = readme("# inventories/");
    let inventory = must(Inventory::from_text("README.md.yml", &inventory.in_its_place()));
    let playbook = readme("# playbooks/");
    check_plan(&inventory, &must(playbook::load_text(&playbook.page, &playbook.in_its_place())));
}
