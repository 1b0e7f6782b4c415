//! What is said about connections outside inventories, for all hosts: in `ansible.cfg` and in the environment variables
//! of Ansible. As in Ansible it is weaker than every variable of an option, whatever its name, and no template sees it.
//! Knows no file. Start at [`Fallbacks`].

use std::fmt;

use serde_json::Value as Json;

use crate::{sensitive, yaml::Span};

/// One value.
#[derive(Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The variable that means the same: the weakest name of its option, or that of one method of raising rights.
    pub variable: &'static str,
    /// What it is called where it is written: `[privilege_escalation] become`, `ANSIBLE_BECOME`.
    pub name: &'static str,
    /// As it is written, without templates; may be empty, and may be secret.
    pub text: String,
    /// Where it is written.
    pub span: Span,
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback").field("name", &self.name).field("span", &self.span).finish_non_exhaustive()
    }
}

impl Fallback {
    /// Whether the text is not for people's eyes.
    pub fn is_secret(&self) -> bool {
        sensitive::name(self.variable)
    }

    /// The text, marked if it is secret.
    pub fn to_json(&self) -> Json {
        sensitive::mark(self.variable, self.text.as_str().into())
    }
}

/// The values of each place, the strongest place first.
#[derive(Clone, Debug, Default)]
pub struct Fallbacks(pub Vec<Vec<Fallback>>);

impl Fallbacks {
    /// The value of an option whose variables are `names`, weakest first. A place that has one decides.
    pub(super) fn of(&self, names: &[&str]) -> Option<&Fallback> {
        self.0
            .iter()
            .find_map(|place| names.iter().rev().find_map(|name| place.iter().find(|said| said.variable == *name)))
    }
}
