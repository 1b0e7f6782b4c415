//! Which dependencies are allowed, by `deny.toml`, so that it is checked where cargo-deny is not installed: licences,
//! banned packages, two versions of one, sources. It checks what is built on this machine, as `cargo metadata` lists
//! it.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    process::Command,
};

use serde_json::Value;

/// One package of the tree.
#[derive(Clone, Debug, Default)]
struct Package {
    name: String,
    version: String,
    licence: String,
    /// `None`: our own.
    source: Option<String>,
    /// Names of the packages that use it.
    used_by: Vec<String>,
}

/// The content of `deny.toml`.
#[derive(Debug)]
struct Rules {
    licences: Vec<String>,
    registries: Vec<String>,
    /// Name, and the packages that may use it anyway.
    banned: Vec<(String, Vec<String>)>,
    /// `name@version`, or its beginning: versions that may exist beside another one.
    doubled: Vec<String>,
}

impl Rules {
    fn read(text: &str) -> Self {
        let entries = |section: &str, key: &str| -> Vec<String> {
            let body =
                text.split(&format!("\n[{section}]\n")).nth(1).unwrap_or_else(|| panic!("deny.toml: no {section}"));
            let body = body.split("\n[").next().unwrap_or_default();
            let lines = body.lines().map(str::trim).filter(|line| !line.starts_with('#'));
            let mut lines = lines.skip_while(|line| !line.starts_with(&format!("{key} = [")));
            let first = lines.next().unwrap_or_else(|| panic!("deny.toml: no {key} in {section}"));
            if first.ends_with(']') {
                return vec![first.split_once('[').map_or(first, |(_, list)| list).to_owned()];
            }
            lines.take_while(|line| *line != "]").map(str::to_owned).collect()
        };
        let first = |line: &String| quoted(line).next().unwrap_or_default().to_owned();
        let wrappers = |line: &String| -> Vec<String> {
            let list = line.split_once("wrappers = [").and_then(|(_, rest)| rest.split(']').next());
            quoted(list.unwrap_or_default()).map(str::to_owned).collect()
        };
        Self {
            licences: entries("licenses", "allow").iter().map(first).collect(),
            registries: entries("sources", "allow-registry").iter().map(first).collect(),
            banned: entries("bans", "deny").iter().map(|line| (first(line), wrappers(line))).collect(),
            doubled: entries("bans", "skip").iter().map(first).collect(),
        }
    }

    fn findings(&self, tree: &[Package]) -> Vec<String> {
        let mut found = Vec::new();
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in tree {
            let who = format!("{} {}", package.name, package.version);
            if !allowed(&package.licence, &self.licences) {
                found.push(format!("{who}: the licence `{}` is not allowed", package.licence));
            }
            let registry =
                |source: &String| self.registries.iter().any(|r| source.strip_prefix("registry+") == Some(r));
            if let Some(source) = package.source.as_ref().filter(|source| !registry(source)) {
                found.push(format!("{who}: comes from {source}"));
            }
            if let Some((_, may)) = self.banned.iter().find(|(name, _)| *name == package.name)
                && let Some(user) = package.used_by.iter().find(|user| !may.contains(user))
            {
                found.push(format!("{who}: is banned, and {user} uses it"));
            }
            let spec = format!("{}@{}", package.name, package.version);
            if !self.doubled.iter().any(|skip| spec == *skip || spec.starts_with(&format!("{skip}."))) {
                versions.entry(&package.name).or_default().push(&package.version);
            }
        }
        let doubled = versions.iter().filter(|(_, versions)| versions.len() > 1);
        found.extend(doubled.map(|(name, versions)| format!("{name}: is in the tree as {}", versions.join(" and "))));
        found
    }
}

fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// Whether `licences` satisfy an SPDX expression. The old `MIT/Apache-2.0` means either.
fn allowed(expression: &str, licences: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let holds = either(&mut words, licences);
    holds && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>, licences: &[String]) -> bool {
    let mut holds = both(words, licences);
    while words.next_if_eq(&"OR").is_some() {
        holds |= both(words, licences);
    }
    holds
}

fn both(words: &mut Words<'_>, licences: &[String]) -> bool {
    let mut holds = one(words, licences);
    while words.next_if_eq(&"AND").is_some() {
        holds &= one(words, licences);
    }
    holds
}

fn one(words: &mut Words<'_>, licences: &[String]) -> bool {
    match words.next() {
        Some("(") => either(words, licences) & (words.next() == Some(")")),
        Some(name) => {
            let with = words.next_if_eq(&"WITH").and_then(|_| words.next());
            let name = with.map_or(name.to_owned(), |exception| format!("{name} WITH {exception}"));
            licences.contains(&name)
        }
        None => false,
    }
}

/// What is built here, from the lock file and the packages fetched for it.
fn tree() -> Vec<Package> {
    let cargo = || {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo
    };
    let version = cargo().arg("-vV").output().expect("cargo runs the tests, so it is there");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("`cargo -vV` names its host");
    let args = ["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", host];
    let output = cargo().args(args).output().expect("cargo can be started twice");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let data: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&data["packages"]);
    let names: HashMap<String, String> = packages.iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
    let mut users: HashMap<String, Vec<String>> = HashMap::new();
    for node in list(&data["resolve"]["nodes"]) {
        for used in list(&node["dependencies"]) {
            users.entry(text(&used)).or_default().push(names[&text(&node["id"])].clone());
        }
    }
    let package = |p: &Value| Package {
        name: text(&p["name"]),
        version: text(&p["version"]),
        licence: text(&p["license"]),
        source: p["source"].as_str().map(str::to_owned),
        used_by: users.get(&text(&p["id"])).cloned().unwrap_or_default(),
    };
    packages.iter().map(package).collect()
}

fn rules() -> Rules {
    Rules::read(&std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).unwrap())
}

#[test]
fn the_tree_is_what_deny_toml_allows() {
    let (rules, tree) = (rules(), tree());
    assert!(tree.len() > 100 && rules.licences.len() > 5 && rules.banned.len() > 5, "the test does not see the tree");
    let findings = rules.findings(&tree);
    assert!(findings.is_empty(), "by deny.toml:\n{}\n", findings.join("\n"));
    let backends = ["ring", "aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "boring", "mbedtls"];
    let backends: Vec<&str> = tree.iter().map(|p| p.name.as_str()).filter(|name| backends.contains(name)).collect();
    assert_eq!(backends, ["ring"], "one crypto backend: docs/design/one-crypto-backend.md");
}

#[test]
fn what_it_does_not_allow_is_found() {
    let fine = || Package {
        name: "a".to_owned(),
        version: "1.0.0".to_owned(),
        licence: "MIT OR Apache-2.0".to_owned(),
        source: Some("registry+https://github.com/rust-lang/crates.io-index".to_owned()),
        used_by: vec!["patchwave".to_owned()],
    };
    assert_eq!(rules().findings(&[fine()]), [""; 0]);
    let older = |name: &str| Package { name: name.to_owned(), version: "0.2.1".to_owned(), ..fine() };
    for (package, finding) in [
        (Package { licence: "GPL-3.0".to_owned(), ..older("b") }, "the licence `GPL-3.0` is not allowed"),
        (Package { licence: String::new(), ..older("b") }, "the licence `` is not allowed"),
        (Package { source: Some("git+https://x".to_owned()), ..older("b") }, "comes from git+https://x"),
        (older("openssl-sys"), "is banned, and patchwave uses it"),
        (older("chrono"), "is banned, and patchwave uses it"),
        (older("a"), "is in the tree as 1.0.0 and 0.2.1"),
    ] {
        let findings = rules().findings(&[fine(), package]);
        assert!(findings.len() == 1 && findings[0].contains(finding), "{finding}: {findings:?}");
    }
    let wrapped = Package { used_by: vec!["debversion".to_owned()], ..older("chrono") };
    assert_eq!(rules().findings(&[wrapped]), [""; 0]);
}

#[test]
fn licence_expressions_are_read() {
    let mine = ["MIT".to_owned(), "BSD-3-Clause".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    for (expression, expected) in [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND BSD-3-Clause", true),
        ("MIT AND (GPL-3.0 OR BSD-3-Clause)", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("Apache-2.0", false),
        ("MIT MIT", false),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(allowed(expression, &mine), expected, "{expression}");
    }
}
