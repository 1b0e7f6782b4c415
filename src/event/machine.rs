//! The machine that a host's walk began on, written and read as a note of a step (`step_noted`): the same name in the
//! inventory may lead to another machine later. Knows the note and the comparison, but does not ask the host.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What is known of a machine's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The fingerprint of the host key that its connection showed, as `ssh-keygen -l` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A hash of `/etc/machine-id`, since the id itself should stay on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The key of the note.
const KEY: &str = "machine";

impl Machine {
    /// Key and value of its note.
    pub fn note(&self) -> (&'static str, Value) {
        (KEY, serde_json::to_value(self).unwrap_or_default())
    }

    /// Reads a note into `known` if it is about the machine.
    pub(super) fn keep(known: &mut Option<Self>, key: &str, value: &Value) {
        if key == KEY
            && let Ok(machine) = serde_json::from_value(value.clone())
        {
            *known = Some(machine);
        }
    }

    /// The hash of a machine id as the host prints it; `None` if the text is not a machine id.
    pub fn id_of(text: &str) -> Option<String> {
        let text = text.trim();
        let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| base16ct::lower::encode_string(&Sha256::digest(format!("patchwave {text}"))[..16]))
    }

    /// Whether `other` may be this machine: nothing that is known of both differs. Copies of one image may share the
    /// key or the id, so one of them alone proves nothing.
    pub fn may_be(&self, other: &Self) -> bool {
        let agree = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        agree(&self.key, &other.key) && agree(&self.id, &other.id)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.key, &self.id) {
            (Some(key), Some(id)) => write!(f, "host key {key}, machine {}", id.get(..8).unwrap_or(id)),
            (Some(key), None) => write!(f, "host key {key}"),
            (None, Some(id)) => write!(f, "machine {}", id.get(..8).unwrap_or(id)),
            (None, None) => f.write_str("an unknown machine"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn machine(key: &str, id: &str) -> Machine {
        let some = |text: &str| (text != "-").then(|| text.to_owned());
        Machine { key: some(key), id: some(id) }
    }

    #[test]
    fn machines_are_one_unless_something_that_is_known_differs() {
        for (one, other, may_be) in [
            (("a", "1"), ("a", "1"), true),
            // Another key: reinstalled, another kind of key, or another machine. It is not known which.
            (("a", "1"), ("b", "1"), false),
            // Copies with the same key.
            (("a", "1"), ("a", "2"), false),
            (("a", "1"), ("a", "-"), true),
            (("a", "-"), ("b", "1"), false),
            (("-", "1"), ("b", "1"), true),
            (("-", "1"), ("a", "2"), false),
            (("-", "-"), ("a", "2"), true),
        ] {
            let (one, other) = (machine(one.0, one.1), machine(other.0, other.1));
            assert_eq!((one.may_be(&other), other.may_be(&one)), (may_be, may_be), "{one} {other}");
        }
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_another_is_none() {
        for machine in [machine("SHA256:x", "12"), machine("SHA256:x", "-"), machine("-", "-")] {
            let (key, value) = machine.note();
            let mut known = None;
            Machine::keep(&mut known, key, &value);
            assert_eq!(known.as_ref(), Some(&machine));
            Machine::keep(&mut known, "job.main", &json!({ "id": "x" }));
            Machine::keep(&mut known, key, &json!(7));
            assert_eq!(known, Some(machine));
        }
    }

    #[test]
    fn an_id_is_hashed_and_what_is_none_is_none() {
        let id = Machine::id_of("0123456789abcdef0123456789abcdef\n").unwrap();
        assert_eq!(id.len(), 32);
        assert_ne!(id, "0123456789abcdef0123456789abcdef");
        for text in ["", "uninitialized\n", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdeg"] {
            assert_eq!(Machine::id_of(text), None, "{text:?}");
        }
    }
}
