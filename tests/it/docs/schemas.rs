//! The schemas for editors: `schemas/` is what the program prints, and every example names its schema and fits it.

use std::{fs, path::Path};

use clap::ValueEnum as _;
use patchwave::{
    cli::{args::SchemaOf, schema_text},
    yaml::{self, Node, Source, Value},
};
use serde_json::Value as Json;

use super::page::{self, root};

fn word(of: SchemaOf) -> String {
    of.to_possible_value().unwrap().get_name().to_owned()
}

#[test]
fn the_folder_has_what_the_program_prints() {
    for of in SchemaOf::ALL {
        let (word, path) = (word(of), root().join(format!("schemas/{}.json", word(of))));
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == schema_text(of), "type: cargo run -- schema {word} > schemas/{word}.json");
    }
}

fn validator(of: SchemaOf) -> jsonschema::Validator {
    let schema: Json = serde_json::from_str(&schema_text(of)).unwrap();
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{error}"))
}

/// As a parser of YAML 1.2 sees it, which is what editors have: `yes` is a text there.
fn modern(node: &Node) -> Json {
    match &node.value {
        Value::Bool(_) if !matches!(node.text(), Some("true" | "false")) => node.text().into(),
        Value::Seq(items) => items.iter().map(modern).collect(),
        Value::Map(entries) => entries.iter().map(|(key, item)| (key.text.clone(), modern(item))).collect(),
        _ => node.to_json(),
    }
}

#[track_caller]
fn fits(validator: &jsonschema::Validator, path: &Path, text: &str) {
    let node = yaml::parse(Source::new(path, text)).unwrap_or_else(|problems| panic!("{problems}"));
    for json in [node.to_json(), modern(&node)] {
        let wrong: Vec<String> =
            validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
    }
}

#[test]
fn every_example_names_its_schema_and_fits_it() {
    let mut seen = 0;
    for (folder, of) in [("playbooks", SchemaOf::Playbook), ("inventories", SchemaOf::Inventory)] {
        let validator = validator(of);
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = page::text(&path);
            let head = format!("# yaml-language-server: $schema=../schemas/{}.json", word(of));
            assert_eq!(text.lines().next(), Some(head.as_str()), "{}", path.display());
            fits(&validator, &path, &text);
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} examples: where are the rest?");
}

#[test]
fn every_example_of_the_pages_fits_its_schema() {
    let (playbooks, inventories) = (validator(SchemaOf::Playbook), validator(SchemaOf::Inventory));
    let mut seen = 0;
    for block in page::blocks("yaml") {
        let of = |folder: &str| block.text.starts_with(&format!("# {folder}/"));
        if of("playbooks") || of("inventories") {
            fits(if of("playbooks") { &playbooks } else { &inventories }, &block.page, &block.in_its_place());
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} examples: where are the rest?");
}

/// What an editor says about common mistakes.
#[test]
fn mistakes_are_seen() {
    let playbook = validator(SchemaOf::Playbook);
    for (text, right) in [
        ("steps: [ { upgrade: { scope: security } } ]", true),
        ("steps: [ { upgrade: { scope: secure } } ]", false),
        ("steps: [ { upgarde: security } ]", false),
        ("steps: [ { pause: 5m, when: [a, b], become: yes } ]", true),
        ("steps: [ { pause: 5 minutes } ]", false),
        ("steps: [ { pause: 5m, command: 'true' } ]", false),
        ("steps: [ { name: nothing } ]", false),
        ("steps: []", false),
        ("steps: [ { rollback: {} } ]", false),
        ("steps: [ { pause: 1s } ]\non_failure: [ { rollback: {} } ]", true),
        ("steps: [ { pause: 1s } ]\nrollout: { gate: [ { upgrade: all } ] }", false),
        ("steps: [ { pause: 1s } ]\nrollout: { batch: [1, 25%], window: { start: '0 2 * * SUN' } }", false),
        ("- hosts: all\n  tasks: []", false),
    ] {
        let node = yaml::parse(Source::new("p.yml", text)).unwrap();
        assert_eq!(playbook.is_valid(&modern(&node)), right, "{text}");
    }
    let vars = validator(SchemaOf::Vars);
    for (text, right) in [
        ("ansible_user: admin\npatchwave: { risk: low, environment: x }", true),
        ("patchwave: { risk: lowest }", false),
        ("patchwave: { rsik: low }", false),
    ] {
        assert_eq!(vars.is_valid(&modern(&yaml::parse(Source::new("v.yml", text)).unwrap())), right, "{text}");
    }
    let project = validator(SchemaOf::Project);
    for (text, right) in [
        ("inventory: a.yml\nforks: 5\naliases: { wave: run a.yml, web: [exec, web] }", true),
        ("inventory: []", false),
        ("forks: 0", false),
        ("inventroy: a.yml", false),
        ("aliases: { 'a b': run }", false),
    ] {
        assert_eq!(project.is_valid(&modern(&yaml::parse(Source::new("p.yml", text)).unwrap())), right, "{text}");
    }
}
