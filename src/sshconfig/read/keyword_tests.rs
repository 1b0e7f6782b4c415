//! Every keyword is handled in exactly one way, and as `docs/design/ssh-config.md` says.

use std::{path::Path, sync::Arc};

use super::*;
use crate::sshconfig::{FileText, LocalMachine, Person, Query, Sources, SshConfig, keywords_in_markdown, read::table};

/// A machine with one configuration and nothing else.
struct One(String);

impl LocalMachine for One {
    fn read(&self, _: &Path) -> std::io::Result<FileText> {
        Ok(FileText { bytes: self.0.clone().into_bytes(), writable_by: None })
    }
    fn list(&self, _: &Path) -> Vec<String> {
        Vec::new()
    }
    fn exists(&self, _: &Path) -> bool {
        false
    }
    fn home_of(&self, _: &str) -> Option<std::path::PathBuf> {
        None
    }
    fn succeeds(&self, _: &str) -> Result<bool, String> {
        Ok(true)
    }
    fn addresses(&self) -> Vec<(String, std::net::IpAddr)> {
        Vec::new()
    }
}

/// What stops us from connecting with this one line.
fn refusal(line: &str) -> Option<String> {
    let sources = Sources::Only("/etc/one".into());
    let config = match SshConfig::load(&sources, Person::default(), Arc::new(One(line.to_owned()))) {
        Ok(config) => config,
        Err(error) => panic!("{line}: {error}"),
    };
    match config.resolve(&Query { host: "web".into(), ..Query::default() }) {
        Ok(found) => found.connectable().err().map(ToString::to_string),
        Err(error) => Some(error.to_string()),
    }
}

/// Arguments that differ from the default.
fn samples(keyword: &Keyword) -> Vec<String> {
    let words: &[&str] = match &keyword.kind {
        Kind::Choice(choices) => {
            let other = choices.iter().filter(|(_, canonical)| *canonical != keyword.default);
            return other.map(|(word, _)| (*word).to_owned()).collect();
        }
        Kind::Number | Kind::Time | Kind::Port => &["7"],
        Kind::Word | Kind::Command | Kind::KeyPath | Kind::Agent => &["/x/y"],
        Kind::List | Kind::SendEnv => &["abc"],
        Kind::Jump => &["gate"],
        Kind::Algorithms(Family::Kex) => &["curve25519-sha256"],
        Kind::Algorithms(Family::Cipher) => &["aes256-ctr"],
        Kind::Algorithms(Family::Mac) => &["hmac-sha2-256"],
        Kind::Algorithms(Family::Key | Family::Authority) => &["ssh-ed25519"],
        Kind::ForwardAgent => &["yes", "/x/y"],
        Kind::SetEnv => &["A=b"],
        Kind::Forward(Direction::Dynamic) => &["1024"],
        Kind::Forward(_) => &["1024 a:2"],
        Kind::Own(_) => match keyword.name {
            "streamlocalbindmask" => &["022"],
            "escapechar" => &["none"],
            _ => &["1"],
        },
        Kind::Owns(_) => match keyword.name {
            "ipqos" => &["af21"],
            _ => &["1024"],
        },
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn what_a_keyword_says_is_followed_or_refused_or_changes_nothing() {
    for keyword in table::KEYWORDS {
        for sample in samples(keyword) {
            let line = format!("\n  {} {sample}\n", keyword.name);
            let said = refusal(&line);
            match keyword.refusal() {
                Some(refusal) => {
                    let value = match &keyword.kind {
                        Kind::Choice(choices) => value::choice(&sample, choices).unwrap(),
                        _ => sample,
                    };
                    let fine = refusal.fine.contains(&value.as_str());
                    assert_eq!(said.is_none(), fine, "{line}: {said:?}");
                    if let Some(said) = said {
                        assert!(said.starts_with("/etc/one:2: ") && said.contains(keyword.name), "{said}");
                        assert!(said.contains(refusal.effect) && said.contains(refusal.help), "{said}");
                    }
                }
                // These need something from the machine, or a value of their own.
                None if matches!(keyword.name, "bindaddress" | "bindinterface" | "preferredauthentications") => {
                    assert!(said.is_some_and(|said| said.starts_with("/etc/one:2: ") && said.contains(keyword.name)));
                }
                None => assert_eq!(said, None, "{line}"),
            }
        }
    }
}

#[test]
fn names_are_lower_case_and_unique() {
    let mut seen = std::collections::BTreeSet::new();
    let aliases = table::ALIASES.iter().map(|(alias, _)| *alias);
    for name in table::KEYWORDS.iter().map(|keyword| keyword.name).chain(aliases).chain(table::NOTHING.iter().copied())
    {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{name}");
        assert!(seen.insert(name), "{name} is there twice");
    }
    for (alias, name) in table::ALIASES {
        assert!(table::KEYWORDS.iter().any(|keyword| keyword.name == *name), "{alias} means {name}");
    }
}

#[test]
fn the_documentation_matches_the_table() {
    let page = include_str!("../../../docs/design/ssh-config.md");
    let rows = keywords_in_markdown();
    assert!(page.contains(&rows), "docs/design/ssh-config.md must hold these rows:\n{rows}");
    let documented = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(documented, table::KEYWORDS.len(), "docs/design/ssh-config.md has additional rows");
}
