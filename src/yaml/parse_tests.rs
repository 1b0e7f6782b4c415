use serde_json::json;

use super::*;

fn read(text: &str) -> Result<Node, Problems> {
    parse(Source::new("t.yml", text))
}

fn json(text: &str) -> serde_json::Value {
    read(text).unwrap_or_else(|problems| panic!("{problems}")).to_json()
}

fn error(text: &str) -> String {
    read(text).expect_err("this must not load").to_string()
}

#[test]
fn documents_become_trees_in_order() {
    assert_eq!(json(""), json!(null));
    assert_eq!(json("# nothing\n"), json!(null));
    assert_eq!(json("---\na: 1\n"), json!({"a": 1}));
    assert_eq!(
        json("z: [yes, 0644, '0644', ~, 1.5]\na: {b: }\n"),
        json!({"z": [true, 420, "0644", null, 1.5], "a": {"b": null}})
    );
    assert_eq!(json("22: a\nyes: b\n"), json!({"22": "a", "yes": "b"}));
    assert_eq!(json("\u{feff}a: 1\r\nb: |\r\n  x\r\n"), json!({"a": 1, "b": "x\n"}));
    let node = read("z: 1\na: 2\n").unwrap();
    let Value::Map(entries) = node.value else { panic!("a mapping") };
    assert_eq!(entries.iter().map(|(k, _)| k.text.as_str()).collect::<Vec<_>>(), ["z", "a"]);
}

#[test]
fn scalars_keep_their_text_and_place() {
    let node = read("version: 1.10\nä: on\nlist:\n  - 0644\n").unwrap();
    let version = node.get("version").unwrap();
    assert_eq!((version.text(), version.span.line, version.span.column), (Some("1.10"), 1, 10));
    let on = node.get("ä").unwrap();
    assert_eq!((on.text(), &on.value, on.span.line, on.span.column), (Some("on"), &Value::Bool(true), 2, 4));
    let Value::Seq(items) = &node.get("list").unwrap().value else { panic!("a list") };
    assert_eq!((items[0].text(), items[0].span.line, items[0].span.column), (Some("0644"), 4, 5));
}

#[test]
fn core_tags_decide_and_other_tags_stay() {
    assert_eq!(
        json("a: !!str 5\nb: !!int '7'\nc: !!float 1\nd: !!str\n"),
        json!({"a": "5", "b": 7, "c": 1.0, "d": ""})
    );
    assert!(error("a: !!int x\n").contains("t.yml:1:10: this does not match its tag `!!int`"));
    let node = read("a:\n  - !vault |\n    $ANSIBLE_VAULT;1.1\n    6133\n  - !unsafe '{{ x }}'\n").unwrap();
    let Value::Seq(items) = &node.get("a").unwrap().value else { panic!("a list") };
    assert!(items[0].is_vault());
    assert_eq!(items[1].tag.as_deref(), Some("!unsafe"));
    assert_eq!(
        node.to_json(),
        json!({"a": [{"__ansible_vault": "$ANSIBLE_VAULT;1.1\n6133\n"}, {"__ansible_unsafe": "{{ x }}"}]})
    );
    assert_eq!(items[1].unsafe_text(), Some("{{ x }}"));
    let passed_on = read(&node.to_json().to_string()).unwrap();
    assert_eq!(passed_on.get("a").unwrap().to_json(), node.get("a").unwrap().to_json(), "through `-e`");
    assert_eq!(read("a: !unsafe plain").unwrap().to_json(), json!({"a": "plain"}), "nothing to protect");
}

#[test]
fn merge_keys_and_aliases() {
    let text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {<<: *b, y: 9}\ntwo: {<<: [*b, *m]}\nthree: [*b]\n";
    let value = json(text);
    assert_eq!(value["one"], json!({"x": 1, "y": 9}));
    assert_eq!(value["two"], json!({"x": 1, "y": 2, "z": 4}));
    assert_eq!(value["three"], json!([{"x": 1, "y": 2}]));
    assert_eq!(json("a: {'<<': 1}\n"), json!({"a": {"<<": 1}}));
    assert_eq!(json("a: &k b\n*k : 1\n"), json!({"a": "b", "b": 1}));
    assert!(error("a: {<<: 1}\n").contains("`<<` takes a mapping or a list of mappings"));
    assert!(error("a: *nobody\n").starts_with("t.yml:1:4: this is not YAML:"));
    assert!(error("a: &a [*a]\n").contains("this alias is inside its own anchor"));
}

#[test]
fn every_duplicate_key_is_found() {
    assert_eq!(
        error("a:\n  b: 1\n  b: 2\nc: 1\na: 3\n"),
        "\
t.yml:3:3: duplicate key `b`
  |
3 |   b: 2
  |   ^
  help: it is already on line 2: remove one of the two

t.yml:5:1: duplicate key `a`
  |
5 | a: 3
  | ^
  help: it is already on line 1: remove one of the two

2 problems"
    );
}

#[test]
fn what_is_no_yaml_points_at_its_place() {
    assert_eq!(
        error("a: [1, 2\nb: 3\n"),
        "t.yml:2:2: this is not YAML: illegal placement of ':' indicator\n  |\n2 | b: 3\n  |  ^"
    );
}

#[test]
fn other_bad_documents() {
    for (text, expected) in [
        ("a: {{ x }}\n", "a key must be a single word"),
        ("a: {{ x }}\n", "a value that begins with a template needs quotes: \"{{ name }}\""),
        ("[1]: 2\n", "a key must be a single word"),
        (": 2\n", "a key is missing here"),
        ("a: 1\n---\nb: 2\n", "t.yml:2:1: a second document starts here; a file may have only one"),
        ("a: 1\n b: 2\n", "t.yml:2:"),
        ("a:\n\t- 1\n", "t.yml:2:"),
        ("a: 'x\n", "t.yml:"),
        ("a: \"\\q\"\n", "t.yml:1:"),
        ("%YAML 9.9\n--- a\n", "t.yml:1:"),
        ("a: \u{1}\n", "t.yml:1:"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text:?} gave {error}");
    }
}

#[test]
fn hostile_documents_are_refused_quickly() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    assert!(error(&bomb).contains("aliases copy more than 1000000 values in this file"));
    error(&"[".repeat(100_000));
    error(&"{a: ".repeat(100_000));
    error(&"- ".repeat(100_000));
    error(&format!("{}1", "? ".repeat(10_000)));
    let mut tower = String::from("a0: &a0 [x]\n");
    for n in 1..200 {
        tower.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    assert!(error(&tower).contains("nested more than 100 levels deep"));
    let long = format!("a: {}\nb: [\n", "x".repeat(1_000_000));
    assert!(error(&long).len() < 2000);
    let long = format!("a: {}, ]\n", "[x], ".repeat(10_000));
    assert!(error(&long).len() < 2000);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[-a-z0-9:{}\\[\\],&*!|>'\"#%@`~<?. \n\t\u{e4}]{0,80}") {
        if let Err(problems) = read(&text) {
            proptest::prop_assert!(!problems.to_string().is_empty());
        }
    }

    #[test]
    fn what_is_written_as_json_is_read_as_json(words in proptest::collection::vec("\\PC{0,12}", 0..8)) {
        let value = json!({"words": words, "n": words.len()});
        proptest::prop_assert_eq!(json(&value.to_string()), value);
    }
}

/// As Ansible, which tries JSON first.
#[test]
fn json_is_read_as_json() {
    let text = "{\n\t\"a\": 1e3, \"b\": \"x\\/y \\ud83d\\ude00 \\u00e9\", \"c\": [-1, 2.50, true, null, \"yes\", \"0644\"],\n\t\"d\": {}}\n";
    let node = parse(Source::new("a.json", text)).unwrap_or_else(|problems| panic!("{problems}"));
    let expected = serde_json::json!({"a": 1000.0, "b": "x/y \u{1f600} \u{e9}", "c": [-1, 2.5, true, null, "yes", "0644"], "d": {}});
    assert_eq!(node.to_json(), expected);
    assert_eq!(node.get("a").map(|node| (node.span.line, node.span.column, node.text())), Some((2, 7, Some("1e3"))));
}
