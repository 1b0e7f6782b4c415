use serde_json::json;

use super::*;
use crate::playbook::template::check;

fn scope() -> Scope {
    let Json::Object(vars) = json!({
        "name": "web01", "n": 3, "yes": true, "no_text": "no", "password": "hunter2", "empty": "",
        "services": ["ssh", "cron"], "nested": {"a": {"b": "deep"}}, "nothing": null,
        "url": "https://{{ name }}/", "all_services": "{{ services + ['nginx'] }}",
        "loop_a": "{{ loop_b }}", "loop_b": "{{ loop_a }}", "broken": "{{ missing_one }}",
        "list_of": ["{{ name }}", "x"], "sealed": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256"},
    }) else {
        unreachable!("an object was written")
    };
    let mut scope = Scope::new(vars);
    scope.set("answer", json!({"stdout": "{{ password }}", "rc": 0}));
    scope.set("left_out", json!({"skipped": true, "changed": false, "failed": false}));
    scope
}

fn render(text: &str) -> Result<String, String> {
    scope().render(&Template(text.into())).map_err(|error| error.message)
}

#[test]
fn templates_render() {
    for (text, expected) in [
        ("plain {x} text", "plain {x} text"),
        ("{{ name }}-{{ n + 1 }}", "web01-4"),
        ("{{ nested.a.b }}", "deep"),
        ("{% for s in services %}{{ s }},{% endfor %}", "ssh,cron,"),
        ("{{ missing | default('x') }}", "x"),
        ("{{ empty | default('x', true) }}", "x"),
        ("{{ nested.zip | default('x') }}", "x"),
        ("a {{ name }}\n", "a web01\n"),
        ("{{ '<&>' }}", "<&>"),
        ("{{ url }}", "https://web01/"),
        ("{{ list_of | join('+') }}", "web01+x"),
        ("{{ answer.stdout }}", "{{ password }}"),
        ("{{ '/a/b.c' | basename }} {{ '/a/b.c' | dirname }}", "b.c /a"),
        ("{{ \"it's\" | quote }}", "\"it's\""),
        ("{{ 'web01' | regex_replace('(\\d+)', 'n\\\\1') }}", "webn01"),
        (
            "{{ {'a': 1, 'b': {'x': 1}} | combine({'b': {'y': 2}}, recursive=true) | tojson }}",
            r#"{"a": 1, "b": {"x": 1, "y": 2}}"#,
        ),
        ("{{ {'a': 1} | combine({'a': 2}) | tojson }}", r#"{"a": 2}"#),
        ("{{ 'x' if yes else 'y' }}{{ yes | ternary('1', '2') }}", "x1"),
        ("{{ '42' | int + 1 }}", "43"),
        ("{{ 'no' | bool }}", "False"),
        (r"{{ 'kernel-6.1.0' | regex_search('[0-9.]+') }}", "6.1.0"),
        (r"{{ 'kernel-6.1.0' | regex_search('(\d+)\.(?P<minor>\d+)', '\\g<minor>', '\\1') | join('/') }}", "1/6"),
        (r"{{ 'KERNEL' | regex_search('(k)(x)?', '\\1', '\\2', ignorecase=true) }}", "['K', None]"),
        (r"{{ 'x' | regex_search('(y)', '\\1') is none }}", "True"),
    ] {
        assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn errors_name_the_variable_and_no_value() {
    for (text, expected) in [
        ("{{ missing }}", "`missing` is undefined"),
        ("{{ servces }}", "`servces` is undefined; did you mean `services`?"),
        ("{{ nested.zip }}", "`nested.zip` is undefined"),
        ("{{ nested.zip.zap }}", "`nested.zip.zap` is undefined"),
        ("{{ missing.attr }}", "`missing.attr` is undefined"),
        ("{{ services[7] }}", "`services[7]` is undefined"),
        ("{% if missing %}x{% endif %}", "`missing` is undefined"),
        ("{% for x in missing %}x{% endfor %}", "`missing` is undefined"),
        ("{{ missing | upper }}", "`missing` is undefined"),
        ("{{ missing | quote }}", "`missing` is undefined"),
        ("{{ missing | bool }}", "`missing` is undefined"),
        ("{{ missing ~ 'x' }}", "`missing` is undefined"),
        ("{{ broken }}", "`missing_one` is undefined (in the variable `broken`)"),
        ("{{ loop_a }}", "the variable `loop_a` refers to itself, or to others more than 16 deep"),
        ("{{ sealed }}", "the variable `sealed` is encrypted (!vault), and patchwave cannot decrypt it"),
        ("{{ password + 1 }}", "`password + 1` cannot be computed: invalid operation"),
        ("{{ password | int }}", "`int` cannot be computed: invalid operation"),
        ("{{ 'x' | regex_replace('(', '') }}", "a regular expression is not valid (or compiles to more than 1 MiB)"),
        ("{{ debug() }}", "debug is unknown"),
        (r"{{ 'x' | regex_search('(x)', '\\2') }}", "the regular expression of `regex_search` has no group 2"),
        ("{{ 'x' | regex_search('(x)', '1') }}", r"a group of `regex_search` is '\\1' or '\\g<name>'"),
        ("{{ missing is skipped }}", "`missing` is undefined"),
        ("{{ name is failed }}", "`is failed` asks about a variable that `register` made, and this is not one"),
        ("{% include 'x' %}", "a template cannot include another one"),
        ("{{ password | bool }}", "a text that means neither true nor false was given to `bool`"),
        (
            "{% for a in range(9000) %}{% for b in range(9000) %}{% set c = 1 %}{% endfor %}{% endfor %}",
            "the template does too much work and was stopped",
        ),
        ("{{ 'a' * 2000000 }}", "the rendered text is longer than 1 MiB"),
        ("{% for a in range(9000) %}{{ 'a' * 200 }}{% endfor %}", "the rendered text is longer than 1 MiB"),
    ] {
        let message = render(text).unwrap_err();
        assert_eq!(message, expected, "{text}");
        assert!(!message.contains("hunter2"));
    }
    assert!(!format!("{:?}", scope()).contains("hunter2"));
}

#[test]
fn a_list_variable_stays_a_list() {
    let list = |text: &str| scope().render_list(&TemplateList::Whole(Template(text.into()))).map_err(|e| e.message);
    for (text, expected) in [
        ("{{ services }}", vec!["ssh", "cron"]),
        ("{{ all_services }}", vec!["ssh", "cron", "nginx"]),
        ("{{ list_of }}", vec!["web01", "x"]),
        ("{{ services | select('eq', 'ssh') }}", vec!["ssh"]),
        ("{{ name }}", vec!["web01"]),
        ("ssh", vec!["ssh"]),
        ("{{ name }}.service", vec!["web01.service"]),
        ("{{ [] }}", vec![]),
    ] {
        assert_eq!(list(text).unwrap(), expected, "{text}");
    }
    assert_eq!(list("{{ nested }}").unwrap_err(), "`nested` is neither a list of texts nor a text");
    assert_eq!(list("{{ [services] }}").unwrap_err(), "`[services]` is neither a list of texts nor a text");
    assert_eq!(list("{{ missing }}").unwrap_err(), "`missing` is undefined");
    assert_eq!(list("{{ broken }}").unwrap_err(), "`missing_one` is undefined (in the variable `broken`)");
    let items = TemplateList::Items(vec![Template("{{ name }}".into()), Template("b".into())]);
    assert_eq!(scope().render_list(&items).unwrap(), ["web01", "b"]);
}

#[test]
fn conditions_are_true_or_false_or_an_error() {
    let truth = |text: &str| scope().truth(text).map_err(|error| error.message);
    for (text, expected) in [
        ("yes", true),
        ("n > 2 and name == 'web01'", true),
        ("missing is defined", false),
        ("nested.x is not defined or nested.x == 1", true),
        ("services", true),
        ("nothing", false),
        ("no_text | bool", false),
        ("name is match('web')", true),
        ("name is match('eb')", false),
        ("name is search('eb')", true),
        ("'1.10' is version('1.9', '>')", true),
        ("'ssh' in services", true),
        ("answer.rc == 0", true),
        ("left_out is skipped and not left_out.changed", true),
        ("left_out is failed or left_out is changed", false),
    ] {
        assert_eq!(truth(text), Ok(expected), "{text}");
    }
    assert_eq!(truth("missing").unwrap_err(), "`missing` is undefined");
    assert_eq!(truth("missing == 1").unwrap_err(), "`missing` is undefined");
    assert_eq!(truth("broken").unwrap_err(), "`missing_one` is undefined (in the variable `broken`)");
    assert_eq!(
        truth("no_text").unwrap_err(),
        "`no_text` is a text, not true or false; write `(no_text) | bool`, or compare it with =="
    );
}

#[test]
fn what_is_wrong_is_found_before_any_host_is_known() {
    for (text, message, at) in [
        ("ab {{ a | uper }}", "filter `uper` is unknown", 10..14),
        ("{{ a is not defind }}", "test `defind` is unknown", 12..18),
        ("{% if a %}", "template syntax: unexpected end of input, expected end of block", 8..10),
        ("a {{ b", "template syntax: this tag is never closed", 2..4),
        ("{{ a.b.upper() }}", "values have no methods here, and `.upper()` is one; write `value | upper`", 7..12),
        ("{{ a.nosuch ( 1 ) }}", "values have no methods here, and `.nosuch()` is one; use a filter", 5..11),
        ("{{ now() }}", "function `now` is unknown; filters and tests are applied with `|` and `is`", 3..6),
        (
            "{{ a | regex_replace( '(x', 'y') }}",
            "a regular expression is not valid (or compiles to more than 1 MiB)",
            22..26,
        ),
        (
            "{% if a is not match(\"a(?=b)\") %}{% endif %}",
            "a regular expression cannot look ahead or behind here (`(?=`, `(?!`, `(?<=`, `(?<!`)",
            21..29,
        ),
    ] {
        let error = check::template(&Template(text.into())).unwrap_err();
        assert_eq!(error.message, message, "{text}");
        assert_eq!(error.at.clone().unwrap_or(0..0), at, "{text}");
    }
    for good in [
        "a | b",
        "{{ '| nope is nope' }}",
        "{{ a | default('|x') | upper }}",
        "{# a | nope #}",
        "{{ a is not none }}",
        "{{ '.split(' }}.split()",
        "{{ (a) if (b) and not (c) else (d or (e)) }}",
        "{% for a in range(3) %}{{ loop.cycle('a', 'b') }}{{ 1.5 }}{% endfor %}",
        "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(a) }}",
        "{{ a | regex_search(b ~ '(') }}{{ a | split('.') | first }}{{ a is startingwith('x') or a is endingwith('y') }}",
    ] {
        check::template(&Template(good.into())).unwrap();
    }
    assert_eq!(check::expression("{{ a }}").unwrap_err().message, "an expression has no braces: write `when: a == b`");
    assert_eq!(
        check::expression("a ==").unwrap_err().message,
        "template syntax: unexpected end of input, expected expression"
    );
    assert_eq!(check::expression("a = 1").unwrap_err().message, "template syntax: unexpected input after expression");
    check::expression("a is defined and b not in ['x']").unwrap();
}

#[test]
fn a_value_from_a_host_is_never_a_template() {
    let mut scope = scope();
    scope.set("motd", json!("{{ password }}"));
    scope.set("name", json!("{{ password }}"));
    assert_eq!(scope.render(&Template("{{ motd }}{{ url }}".into())).unwrap(), "{{ password }}https://{{ password }}/");
    assert_eq!(scope.render_json(&json!({"a": ["{{ n }}", 1]})).unwrap(), json!({"a": ["3", 1]}));
}

fn with_secrets() -> (Scope, Secrets) {
    let Json::Object(vars) = json!({
        "api_token": "s3cr3t-T0k", "name": "web01", "dsn": "pg://u:{{ api_token }}@h/", "pin_secret": 4711,
        "db": { "host": "dbhost", "password": "hunter22" }, "note_secret": "first line\nsecond: {{ name }}",
        "dots_secret": "--....--",
    }) else {
        unreachable!("an object was written")
    };
    let secrets = Secrets::default();
    (Scope::new(sensitive::mark_all(vars)).recording_secrets(&secrets), secrets)
}

#[test]
fn what_a_template_makes_of_a_secret_is_hidden_and_nothing_else() {
    for (text, rendered, shown) in [
        ("{{ api_token }} on {{ name }}", "s3cr3t-T0k on web01", "******** on web01"),
        ("{{ name }} {{ api_token | upper }}!", "web01 S3CR3T-T0K!", "web01 ********!"),
        ("{{ 'x' ~ api_token ~ 'y' }}", "xs3cr3t-T0ky", "********"),
        ("{{ api_token | b64encode }}", "czNjcjN0LVQwaw==", "********"),
        ("{{ api_token | b64encode | b64decode }}", "s3cr3t-T0k", "********"),
        (
            "{% set t = api_token | replace('-', '+') %}{{ name }} {{ t }} {{ name }}",
            "web01 s3cr3t+T0k web01",
            "web01 ******** web01",
        ),
        ("{{ dsn }} {{ name }}", "pg://u:s3cr3t-T0k@h/ web01", "******** web01"),
        ("{% for c in [api_token, name] %}{{ c }},{% endfor %}", "s3cr3t-T0k,web01,", "********,web01,"),
        ("{{ [name, api_token] | join('+') }}", "web01+s3cr3t-T0k", "********"),
        ("{{ db | tojson }}", r#"{"host": "dbhost", "password": "hunter22"}"#, "********"),
        ("{{ db.host }} {{ db.password | quote }}", "dbhost hunter22", "dbhost ********"),
        (
            "{% for k, v in db | items %}{{ k }}={{ v }} {% endfor %}",
            "host=dbhost password=hunter22 ",
            "host=dbhost password=******** ",
        ),
        ("{{ api_token[:4] }}", "s3cr", "********"),
        ("{{ api_token[:3] }}", "s3c", "s3c"),
        ("{{ 'a choice' if api_token else 'another' }}", "a choice", "a choice"),
        ("{{ api_token | length }} {{ api_token == name }}", "10 False", "10 False"),
        ("{{ pin_secret + 1 }} {{ pin_secret }}", "4712 4711", "******** ********"),
        (
            "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(api_token) }} {{ name }}",
            "<s3cr3t-T0k> web01",
            "******** web01",
        ),
        ("{{ note_secret }}", "first line\nsecond: web01", "********\n********"),
        ("{{ dots_secret }}", "--....--", "********"),
        ("{{ name }}", "web01", "web01"),
    ] {
        let (scope, secrets) = with_secrets();
        let text = scope.render(&Template(text.to_owned())).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((text.as_str(), secrets.hide(&text).as_ref()), (rendered, shown));
    }
}

#[test]
fn expressions_lists_and_errors_make_secrets_known_too() {
    let known = |with: &dyn Fn(&Scope), text: &str| {
        let (scope, secrets) = with_secrets();
        with(&scope);
        secrets.hide(text).into_owned()
    };
    let whole = |text: &str| TemplateList::Whole(Template(text.to_owned()));
    let run = |scope: &Scope| assert_eq!(scope.truth("api_token == 's3cr3t-T0k'"), Ok(true));
    assert_eq!(known(&run, "s3cr3t-T0k"), "********");
    let run =
        |scope: &Scope| assert_eq!(scope.render_list(&whole("{{ [api_token | upper, name] }}")).unwrap().len(), 2);
    assert_eq!(known(&run, "S3CR3T-T0K web01"), "******** web01");
    let run = |scope: &Scope| {
        for text in ["{{ api_token + 1 }}", "{{ missing[api_token] }}", "{{ api_token | bool }}", "{{ api_token.x.y }}"]
        {
            let message = scope.render(&Template(text.to_owned())).unwrap_err().message;
            assert!(!message.contains("s3cr3t"), "{message}");
        }
    };
    assert_eq!(known(&run, "s3cr3t-T0k"), "********");
    let run =
        |scope: &Scope| scope.record_secrets(&json!({ "a": ["{{ missing }}", { "b": "{{ api_token | upper }}" }] }));
    assert_eq!(known(&run, "S3CR3T-T0K"), "********");
    // What a host answers is taken as it is, whatever it looks like.
    let run = |scope: &Scope| {
        let mut scope = scope.clone();
        scope.set("answer", sensitive::mark("token", json!("{{ name }}")));
        assert!(scope.render(&Template("{{ answer }}".to_owned())).unwrap().contains("{{ name }}"));
    };
    assert_eq!(known(&run, "{{ name }}"), "{{ name }}");
}
