//! The examples of README.md and docs/ are true: each YAML block is loaded, as an inventory or as a playbook.

use std::{
    fs,
    path::{Path, PathBuf},
};

use patchwave::{inventory::Inventory, playbook};

/// One fenced block of a page.
struct Block {
    page: PathBuf,
    /// 1-based line of its first line.
    line: usize,
    text: String,
}

impl Block {
    /// Below as many empty lines as stand above it on the page, so that an error names the page's line.
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

/// The block without its first line, the language, if it is this one.
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
