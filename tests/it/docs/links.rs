//! Links lead somewhere, and what must have its place on a page has it.

use std::{collections::HashSet, fs, path::Path};

use clap::CommandFactory as _;
use patchwave::{cli::args::Cli, playbook};
use regex::Regex;

use super::page::{self, root};

/// The anchors of a page, as they are made from its headings.
fn anchors(page: &Path) -> HashSet<String> {
    let text = page::text(page);
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let heading = heading.to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#\s]*)(?:#([^)]*))?\)").unwrap();
    let (mut links, mut inside) = (0, 0);
    for page in page::pages() {
        let text = page::text(&page);
        for found in link.captures_iter(&text).filter(|found| !found[1].contains("://")) {
            links += 1;
            let target = if found[1].is_empty() { page.clone() } else { page.parent().unwrap().join(&found[1]) };
            assert!(target.exists(), "{}: {} is not there", page.display(), &found[1]);
            if let Some(anchor) = found.get(2) {
                inside += 1;
                let known = anchors(&target);
                assert!(known.contains(anchor.as_str()), "{}: no heading {}: {known:?}", page.display(), &found[0]);
            }
        }
    }
    assert!(links > 40 && inside > 8, "{links} links, {inside} to headings: where are the rest?");
}

#[test]
fn the_first_screen_says_how_to_begin() {
    let text = page::text(&root().join("README.md"));
    let screen: String = text.lines().take(32).collect::<Vec<_>>().join("\n");
    for needed in [
        "](docs/halt.svg)",
        "cargo run --release -- demo",
        "tests/run",
        "Debian",
        "Fedora",
        "SUSE",
        "Arch",
        "Alpine",
        "cargo install",
    ] {
        assert!(screen.contains(needed), "the first screen of README.md has no {needed:?}");
    }
    let install = text.find("## Install").expect("how to install");
    let own = text.find("## Sixty seconds to your own hosts").expect("one's own hosts");
    assert!(install < own && own < text.find("## A larger fleet").unwrap(), "first a host, then a fleet");
    for crates in ["russh::keys", "serde-saphyr"] {
        assert!(text.contains(crates), "README.md has no {crates}");
    }
}

#[test]
fn the_playbook_page_has_every_step() {
    // For a step without a kind the error lists all kinds.
    let problems = playbook::load_text(&root().join("p.yml"), "steps: [{name: nothing}]").unwrap_err().to_string();
    let (_, kinds) = problems.split_once("it needs one of: ").unwrap_or_else(|| panic!("{problems}"));
    let kinds: Vec<&str> = kinds.trim().split(", ").collect();
    assert!(kinds.len() >= 16, "{kinds:?}");
    let rows = page::table("docs/playbook.md", "step");
    for kind in kinds {
        let row = rows.iter().any(|row| page::quoted(&row[0]).contains(&kind));
        assert!(row, "docs/playbook.md has no row for the step `{kind}`");
    }
}

#[test]
fn every_command_has_its_row() {
    let rows = page::table("README.md", "command");
    for command in Cli::command().get_subcommands().filter(|command| command.get_name() != "help") {
        let name = command.get_name();
        let row = rows.iter().any(|row| page::quoted(&row[0]).iter().any(|code| code.split(' ').next() == Some(name)));
        assert!(row, "README.md says nothing about `patchwave {name}`");
    }
}

#[test]
fn every_environment_variable_is_read_somewhere() {
    let name = Regex::new(r"PATCHWAVE_[A-Z_]+[A-Z]").unwrap();
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz", "hooks", "examples"] {
        super::commands::all_files(&root().join(folder), &mut files);
    }
    let sources: Vec<String> =
        files.iter().filter(|path| path.extension().is_none_or(|e| e != "md")).flat_map(fs::read_to_string).collect();
    let mut seen = HashSet::new();
    for page in page::pages() {
        for found in name.find_iter(&page::text(&page)) {
            if seen.insert(found.as_str().to_owned()) {
                let read = sources.iter().any(|text| text.contains(found.as_str()));
                assert!(read, "{}: nothing knows {}", page.display(), found.as_str());
            }
        }
    }
    assert!(seen.len() >= 8, "{seen:?}");
}
