//! What a template can call: a few functions and what it defines itself. Values have no methods here, other than in
//! Python. Knows no variable and no value. Start at [`method`] and [`function`].

/// Functions of the engine.
const FUNCTIONS: [&str; 6] = ["range", "dict", "namespace", "super", "caller", "loop"];

/// Words that a bracket may follow.
const KEYWORDS: [&str; 22] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "for",
    "recursive",
    "set",
    "with",
    "call",
    "filter",
    "do",
    "include",
    "import",
    "from",
    "extends",
    "block",
    "macro",
    "autoescape",
];

/// Methods that people know from Ansible, with what to write here.
const METHODS: [(&str, &str); 19] = [
    ("split", "value | split(…)"),
    ("splitlines", "value | lines"),
    ("join", "list | join(…)"),
    ("strip", "value | trim"),
    ("lstrip", "value | trim"),
    ("rstrip", "value | trim"),
    ("upper", "value | upper"),
    ("lower", "value | lower"),
    ("title", "value | title"),
    ("replace", "value | replace(…)"),
    ("format", "text ~ value"),
    ("startswith", "value is startingwith(…)"),
    ("endswith", "value is endingwith(…)"),
    ("isdigit", "value is match('[0-9]+$')"),
    ("find", "'…' in value"),
    ("get", "value.key | default(…)"),
    ("keys", "value | list"),
    ("values", "value | items"),
    ("items", "value | items"),
];

/// Whether `.name(…)` may stand in this template.
///
/// # Errors
/// What to write instead.
pub(super) fn method(text: &str, name: &str) -> Result<(), String> {
    let of_loop = text.contains("loop") && matches!(name, "cycle" | "changed");
    if of_loop || text.contains(&format!("self.{name}")) {
        return Ok(());
    }
    let instead = match METHODS.iter().find(|(method, _)| *method == name) {
        Some((_, instead)) => format!("write `{instead}`"),
        None => "use a filter".to_owned(),
    };
    Err(format!("values have no methods here, and `.{name}()` is one; {instead}"))
}

/// Whether `name(…)` may stand in this template.
///
/// # Errors
/// What can be called.
pub(super) fn function(text: &str, name: &str) -> Result<(), String> {
    let of_its_own = ["macro ", "set ", "import ", "as "].iter().any(|word| text.contains(&format!("{word}{name}")));
    if of_its_own || FUNCTIONS.contains(&name) || KEYWORDS.contains(&name) {
        return Ok(());
    }
    let instead = match name {
        "lookup" | "query" | "q" => "give the value with `vars:`, the inventory or -e",
        _ => "filters and tests are applied with `|` and `is`",
    };
    Err(format!("function `{name}` is unknown; {instead}"))
}

/// Whether the first argument of this filter or test is a regular expression.
pub(super) fn takes_pattern(name: &str) -> bool {
    matches!(name, "regex_replace" | "regex_search" | "match" | "search" | "regex")
}
