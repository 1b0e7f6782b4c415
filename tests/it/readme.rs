//! The examples are true: each YAML block of README.md and docs/ is loaded, and every file of inventories/ is planned
//! with every file of playbooks/.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{CommandFactory as _, Parser as _};
use patchwave::{
    cli::args::Cli,
    inventory::{Inventory, NoRuns},
    plan, playbook,
};

/// One fenced block of a page.
struct Block {
    page: PathBuf,
    /// 1-based line of its first line.
    line: usize,
    text: String,
}

impl Block {
    /// The block with empty lines above it, so that an error names the line of the page.
    fn in_its_place(&self) -> String {
        "\n".repeat(self.line - 1) + &self.text
    }
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name)).into();
    for folder in ["docs", "docs/design"] {
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    pages
}

fn blocks(language: &str) -> Vec<Block> {
    let mut found = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
        let mut open: Option<Block> = None;
        for (n, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(of)) => open = Some(Block { page: page.clone(), line: n + 2, text: of.to_owned() + "\n" }),
                (Some(_), Some(_)) => found.extend(open.take().and_then(|block| of_language(block, language))),
                (Some(block), None) => block.text += &(line.to_owned() + "\n"),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block is never closed", page.display());
    }
    found
}

/// The block without its first line, if that line names this language.
fn of_language(mut block: Block, language: &str) -> Option<Block> {
    let (of, text) = block.text.split_once('\n')?;
    if of != language {
        return None;
    }
    block.text = text.to_owned();
    Some(block)
}

#[test]
fn every_yaml_example_loads() {
    let (mut inventories, mut playbooks) = (0, 0);
    for block in blocks("yaml") {
        let text = block.in_its_place();
        if block.text.starts_with("# inventories/") {
            inventories += 1;
            let page = block.page.display().to_string();
            if let Err(problems) = Inventory::from_text(&page, &text) {
                panic!("{problems}");
            }
        } else if block.text.starts_with("# playbooks/") {
            playbooks += 1;
            if let Err(problems) = playbook::load_text(&block.page, &text) {
                panic!("{problems}");
            }
        } else {
            panic!("{}:{}: an example begins with the name of its file", block.page.display(), block.line);
        }
    }
    assert!(
        inventories >= 2 && playbooks >= 2,
        "{inventories} inventories, {playbooks} playbooks: where are the rest?"
    );
}

#[test]
fn the_first_screen_says_how_to_begin() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let screen: String = text.lines().take(24).collect::<Vec<_>>().join("\n");
    for needed in ["cargo run --release -- demo", "tests/run", "russh::keys", "serde-saphyr"] {
        assert!(screen.contains(needed), "the first screen of README.md has no {needed:?}");
    }
}

/// The YAML files in `folder`.
fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
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
    assert_eq!((plan.hosts().count(), placed.len()), (hosts.len(), hosts.len()), "each host stands in one wave");
}

#[test]
fn every_example_inventory_is_planned_with_every_example_playbook() {
    let (inventories, playbooks) = (yaml_files("inventories"), yaml_files("playbooks"));
    assert!(inventories.len() >= 3 && playbooks.len() >= 4, "{inventories:?} {playbooks:?}");
    for inventory in &inventories {
        let inventory = must(Inventory::load(std::slice::from_ref(inventory)));
        for path in &playbooks {
            check_plan(&inventory, &must(playbook::load(path)));
        }
    }
}

#[test]
fn the_quick_start_is_planned() {
    let readme = |start: &str| {
        let block = blocks("yaml").into_iter().find(|b| b.page.ends_with("README.md") && b.text.starts_with(start));
        block.unwrap_or_else(|| panic!("README.md has no example {start:?}"))
    };
    let inventory = readme("# inventories/");
    let inventory = must(Inventory::from_text("README.md", &inventory.in_its_place()));
    let playbook = readme("# playbooks/");
    check_plan(&inventory, &must(playbook::load_text(&playbook.page, &playbook.in_its_place())));
}

#[test]
fn every_link_leads_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#\s]+)(#[^)]*)?\)").unwrap();
    let mut links = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for found in link.captures_iter(&text).filter(|found| !found[1].contains("://")) {
            links += 1;
            let target = page.parent().unwrap().join(&found[1]);
            assert!(target.exists(), "{}: {} is not there", page.display(), &found[1]);
        }
    }
    assert!(links > 20, "{links} links: where are the rest?");
}

#[test]
fn the_playbook_page_has_every_step() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/playbook.md")).unwrap();
    // For a step without a kind the error lists all kinds.
    let problems = playbook::load_text(&root.join("p.yml"), "steps: [{name: nothing}]").unwrap_err().to_string();
    let (_, kinds) = problems.split_once("it needs one of: ").unwrap_or_else(|| panic!("{problems}"));
    let kinds: Vec<&str> = kinds.trim().split(", ").collect();
    assert!(kinds.len() >= 16, "{kinds:?}");
    for kind in kinds {
        let row = page
            .lines()
            .any(|line| line.starts_with("| `") && line.split('|').nth(1).unwrap().contains(&format!("`{kind}`")));
        assert!(row, "docs/playbook.md has no row for the step `{kind}`");
    }
}

/// Lines of the pages that begin with `patchwave `.
fn commands() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for block in blocks("sh") {
        for (n, line) in block.text.lines().enumerate().filter(|(_, line)| line.starts_with("patchwave ")) {
            let place = format!("{}:{}: {line}", block.page.display(), block.line + n);
            let words = shlex::split(line).unwrap_or_else(|| panic!("{place}: a quote is open"));
            found.push((place, words));
        }
    }
    found
}

#[test]
fn every_command_is_understood() {
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    for (place, words) in commands {
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{place}\n{error}");
        }
    }
}

#[test]
fn every_command_has_its_row() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, after) = readme.split_once("\n## Commands\n").expect("README.md has a section about commands");
    let section = after.split("\n## ").next().unwrap_or_default();
    for command in Cli::command().get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("`{}", command.get_name());
        assert!(section.contains(&name), "README.md says nothing about `patchwave {}`", command.get_name());
    }
}

#[test]
fn no_text_names_a_command_that_is_not_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = pages();
    for folder in ["src", "inventories", "playbooks"] {
        all_files(&root.join(folder), &mut files);
    }
    let named = regex::Regex::new(r"(?:`|: |\$ )patchwave ([a-z]+(?:-[a-z]+)*)").unwrap();
    let known: Vec<String> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut seen = 0;
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (n, line) in text.lines().enumerate() {
            for found in named.captures_iter(line) {
                seen += 1;
                let command = &found[1];
                assert!(
                    known.iter().any(|name| name == command),
                    "{}:{}: there is no command `patchwave {command}`",
                    path.display(),
                    n + 1
                );
            }
        }
    }
    assert!(seen > 20, "{seen} commands: where are the rest?");
}

fn all_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all_files(&path, found) } else { found.push(path) }
    }
}
