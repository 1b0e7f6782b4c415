use serde_json::{Map, Value, json};

use super::split;
use crate::playbook::{Template, TemplateScope};

fn scope() -> TemplateScope {
    let mut vars = Map::new();
    vars.insert("a".into(), json!("x y; $(rm -rf /) 'q\" `b` {{ c }}"));
    vars.insert("b".into(), json!("B"));
    vars.insert("empty".into(), json!(""));
    let mut scope = TemplateScope::default();
    vars.into_iter().for_each(|(name, value): (String, Value)| scope.set(&name, value));
    scope
}

const HOSTILE: &str = "x y; $(rm -rf /) 'q\" `b` {{ c }}";

#[test]
fn a_line_splits_as_a_shell_splits_it() {
    for (line, expected) in [
        ("hooks/snapshot web", vec!["hooks/snapshot", "web"]),
        ("  a\t'b c'  \"d e\"f\\ g \n", vec!["a", "b c", "d ef g"]),
        ("a '' \"\"", vec!["a", "", ""]),
        ("a \"b\\\"c\\\\d\\e\"", vec!["a", "b\"c\\d\\e"]),
        ("a 'b\"c' \"d'e\"", vec!["a", "b\"c", "d'e"]),
        ("a b\\\nc", vec!["a", "bc"]),
        ("a {b} '{{ b }}'", vec!["a", "{b}", "B"]),
        ("a '$HOME | x' 5$ ü", vec!["a", "$HOME | x", "5$", "ü"]),
        ("a x#y", vec!["a", "x#y"]),
        ("run {{ a }}", vec!["run", HOSTILE]),
        ("run '{{ a }}'", vec!["run", HOSTILE]),
        ("run \"{{ a }}\"x", vec!["run", &format!("{HOSTILE}x")]),
        ("run --x={{a}}{{ b }}", vec!["run", &format!("--x={HOSTILE}B")]),
        ("run {{ m | default('x y') }} {{ m | default(\"it's\") }}", vec!["run", "x y", "it's"]),
        ("run {{ {'k': 'v w'}['k'] }} z", vec!["run", "v w", "z"]),
        ("run {% if b == 'B' %}yes{% else %}no{% endif %} {# a note #}t", vec!["run", "yes", "t"]),
        ("run {{ empty }} z", vec!["run", "", "z"]),
        ("run '{'{{ b }}'}' \"{\"'{ b }}'", vec!["run", "{B}", "{{ b }}"]),
    ] {
        assert_eq!(scope().render_words(&Template(line.into())).unwrap(), expected, "{line}");
    }
}

#[test]
fn what_only_a_shell_would_do_is_refused() {
    for (line, at) in [
        ("a | b", 2..3),
        ("a && b", 2..3),
        ("a; b", 1..2),
        ("a >x", 2..3),
        ("a $HOME", 2..3),
        ("a \"$HOME\"", 3..4),
        ("a `id`", 2..3),
        ("a $(id)", 2..3),
        ("a # note", 2..3),
    ] {
        let error = split(line).unwrap_err();
        assert!(error.message.contains("is for a shell, and this line does not run in a shell"), "{line}: {error}");
        assert_eq!(error.at, Some(at), "{line}");
    }
}

#[test]
fn broken_lines_say_where() {
    for (line, message, at) in [
        ("", "the command line is empty", 0..0),
        ("  ", "the command line is empty", 0..2),
        ("a 'b", "this quote is never closed", 2..3),
        ("a \"b", "this quote is never closed", 2..3),
        ("a \\", "nothing follows this backslash", 2..3),
        ("a {{ b", "template syntax: this tag is never closed", 2..4),
        ("a {% set x = 1 %} b", "a tag that gives no text cannot be a word of a command line", 2..18),
        ("a {% if b %}c d{% endif %}", "a template block must begin and end inside one word of a command line", 2..14),
        ("a {% raw %}x{% endraw %}", "a raw block is not allowed in a command line; use single quotes", 2..11),
    ] {
        let error = split(line).unwrap_err();
        assert_eq!((error.message.as_str(), error.at), (message, Some(at)), "{line}");
    }
    assert_eq!(
        scope().render_words(&Template("{{ empty }} x".into())).unwrap_err().message,
        "the command line names no program"
    );
}

proptest::proptest! {
    #[test]
    fn no_value_leaves_its_word(value in "\\PC*", line in "[a-z '\"]{0,8}") {
        let mut scope = TemplateScope::default();
        scope.set("v", json!(value));
        let words = scope.render_words(&Template("run {{ v }} end".to_owned())).unwrap();
        proptest::prop_assert_eq!(words, vec!["run".to_owned(), value, "end".to_owned()]);
        let _ = split(&line);
    }

    #[test]
    fn arbitrary_lines_never_panic(line in "[ -~äß\\n{}%#'\"\\\\]{0,40}") {
        let _ = scope().render_words(&Template(line.clone()));
        let _ = crate::playbook::template::check::command_line(&Template(line.clone()));
        let _ = crate::playbook::template::check::expression(&line);
    }

    #[test]
    fn words_without_templates_split_as_shlex_does(line in "[a-c '\"\\\\]{0,20}") {
        if let (Some(expected), Ok(words)) = (shlex::split(&line), split(&line)) {
            let words: Vec<String> = words.into_iter().map(|word| word.0).collect();
            proptest::prop_assert_eq!(words, expected);
        }
    }
}
