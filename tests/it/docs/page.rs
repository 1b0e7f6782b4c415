//! The pages of the documentation: fenced blocks, tables, and code between backquotes. Knows no meaning of any of it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use regex::Regex;

/// The folder of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page that people read.
pub fn pages() -> Vec<PathBuf> {
    let single =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "benches/README.md", "fuzz/README.md"];
    let mut pages: Vec<PathBuf> = single.map(|name| root().join(name)).into();
    for folder in ["docs", "docs/design"] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    pages
}

/// The pages that say what the program does; the others say why and how.
pub fn reference() -> Vec<PathBuf> {
    let pages = [
        "README",
        "docs/coming-from-ansible",
        "docs/inventory",
        "docs/ledger",
        "docs/playbook",
        "docs/rollout",
        "docs/security-updates",
        "docs/settings",
    ];
    pages.map(|name| root().join(format!("{name}.md"))).into()
}

pub fn text(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// A part of a page.
pub struct Part {
    pub page: PathBuf,
    /// 1-based line of its first line.
    pub line: usize,
    pub text: String,
}

impl Part {
    pub fn place(&self) -> String {
        format!("{}:{}", self.page.strip_prefix(root()).unwrap_or(&self.page).display(), self.line)
    }

    /// Below as many empty lines as are above it on the page, so that an error names the page's line.
    pub fn in_its_place(&self) -> String {
        "\n".repeat(self.line - 1) + &self.text
    }
}

/// A page cut into fenced blocks, with the language of each, and the text around them.
fn cut(page: &Path) -> (Vec<(String, Part)>, String) {
    let (mut blocks, mut around) = (Vec::new(), String::new());
    let mut open: Option<(String, Part)> = None;
    for (n, line) in text(page).lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some((language.to_owned(), Part { page: page.into(), line: n + 2, text: String::new() }));
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, part)), None) => part.text += &format!("{line}\n"),
            (None, None) => around += line,
        }
        around.push('\n');
    }
    assert!(open.is_none(), "{}: a block is never closed", page.display());
    (blocks, around)
}

/// The fenced blocks of a language, on all pages.
pub fn blocks(language: &str) -> Vec<Part> {
    let all = pages().into_iter().flat_map(|page| cut(&page).0);
    all.filter(|(of, _)| of == language).map(|(_, part)| part).collect()
}

/// Code between backquotes in the text of these pages. A line break in it is a space.
pub fn code(pages: &[PathBuf]) -> Vec<Part> {
    static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"`([^`\n]+(?:\n[^`\n]+)*)`").unwrap());
    let mut found = Vec::new();
    for page in pages {
        let around = cut(page).1;
        for one in CODE.captures_iter(&around) {
            let line = around[..one.get(0).unwrap().start()].matches('\n').count() + 1;
            let words: Vec<&str> = one[1].lines().map(str::trim).collect();
            found.push(Part { page: page.clone(), line, text: words.join(" ") });
        }
    }
    found
}

/// The rows of the first table of a page whose head begins with this cell.
pub fn table(page: &str, head: &str) -> Vec<Vec<String>> {
    table_in(&text(&root().join(page)), head)
}

/// The rows of the first table of a text whose head begins with this cell; each row as its cells.
pub fn table_in(text: &str, head: &str) -> Vec<Vec<String>> {
    let start = format!("| {head} |");
    let lines = text.lines().skip_while(|line| !line.starts_with(&start)).skip(2);
    let rows: Vec<Vec<String>> = lines.take_while(|line| line.starts_with('|')).map(cells).collect();
    assert!(!rows.is_empty(), "there is no table `{start}`");
    rows
}

/// A bar between backquotes belongs to its cell.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut code = false;
    for c in row.trim().trim_matches('|').chars() {
        code ^= c == '`';
        match cells.last_mut() {
            Some(cell) if c != '|' || code => cell.push(c),
            _ => cells.push(String::new()),
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// The words between backquotes in a cell.
pub fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}
