//! Which names have values that are never shown, and the mark that such a value carries afterwards. This is the only
//! list: excerpts of files, `inventory list`, digests, templates and environments all use it. Knows no file format and
//! no host. Start at [`name`] and [`mark`].

use serde_json::{Map, Value};

/// A name that holds one of these has a secret value.
const PARTS: [&str; 10] = [
    "passw",
    "passphrase",
    "secret",
    "token",
    "credential",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    // The path of such an address is its password.
    "webhook",
];
/// The path of a key, not the key itself.
const SHOWN: &str = "private_key_file";
/// The only key of a marked value.
const MARK: &str = "__patchwave_secret";

/// Whether a value with this name is a secret: `db_password`, `API-TOKEN`, `ansible_become_pass`. For a longer text:
/// whether any word in it is such a name.
pub fn name(text: &str) -> bool {
    let text = text.to_ascii_lowercase().replace(['-', ' '], "_").replace(SHOWN, "");
    if PARTS.iter().any(|part| text.contains(part)) {
        return true;
    }
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    // Alone, `PWD` is the shell's variable for the current folder.
    words().any(|word| word == "pass") || (words().count() > 1 && words().any(|word| word == "pwd"))
}

/// A value that is secret whatever its name.
pub fn marked(value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        value => Value::Object(Map::from_iter([(MARK.to_owned(), value)])),
    }
}

/// The value of a variable with this name, with its secrets marked: the value itself, or the ones inside it, at every
/// depth. Booleans and null are not secrets, whatever the name.
#[must_use]
pub fn mark(variable: &str, value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        marked if secret(&marked).is_some() => marked,
        value if name(variable) => Value::Object(Map::from_iter([(MARK.to_owned(), value)])),
        Value::Object(map) => Value::Object(mark_all(map)),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| mark("", item)).collect()),
        other => other,
    }
}

/// [`mark`], for each of several variables.
#[must_use]
pub fn mark_all(vars: Map<String, Value>) -> Map<String, Value> {
    vars.into_iter()
        .map(|(name, value)| {
            let value = mark(&name, value);
            (name, value)
        })
        .collect()
}

/// The value inside a mark; `None` if there is no mark.
pub fn secret(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(map) if map.len() == 1 => map.get(MARK),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_say_what_is_secret() {
        for (text, secret) in [
            ("password", true),
            ("DB_PASSWORD", true),
            ("PGPASSWORD", true),
            ("MYSQL_PWD", true),
            ("API_TOKEN", true),
            ("api-key", true),
            ("AWS_SECRET_ACCESS_KEY", true),
            ("RESTIC_PASS", true),
            ("pass", true),
            ("db_pass_old", true),
            ("ansible_private_key", true),
            ("slack_webhook", true),
            ("- { host: x, db_password", true),
            ("\"pass\"", true),
            ("ansible_ssh_private_key_file", false),
            ("PRIVATE_KEY_FILE", false),
            ("private_key_file: ~/.ssh/id, ansible_password", true),
            ("PATH", false),
            ("BYPASS", false),
            ("passive", false),
            ("PWD", false),
            ("OLDPWD", false),
            ("DEBIAN_FRONTEND", false),
            ("", false),
        ] {
            assert_eq!(name(text), secret, "{text}");
        }
    }

    #[test]
    fn secrets_are_marked_at_every_depth_and_once() {
        let vars = json!({
            "db": { "host": "h", "password": "x", "ports": [1, { "token": 2 }] },
            "secrets": { "a": "b" },
            "token_auth": true,
            "ansible_password": null,
            "list": ["x"],
        });
        let Value::Object(vars) = vars else { unreachable!("an object was written") };
        let marked = mark_all(vars);
        let expected = json!({
            "db": { "host": "h", "password": { MARK: "x" }, "ports": [1, { "token": { MARK: 2 } }] },
            "secrets": { MARK: { "a": "b" } },
            "token_auth": true,
            "ansible_password": null,
            "list": ["x"],
        });
        assert_eq!(Value::Object(marked.clone()), expected);
        assert_eq!(Value::Object(mark_all(marked.clone())), expected);
        assert_eq!(secret(&marked["secrets"]), Some(&json!({ "a": "b" })));
        assert_eq!(secret(&marked["db"]), None);
    }
}
