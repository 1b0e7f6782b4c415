//! A configuration as a flat list: each block with the condition under which its settings hold.

use super::{Place, facts::Fact, gather::Setting, matching::Condition};

/// Settings under one condition.
pub(super) struct Block {
    /// The block whose `Include` brought this one; it must hold too.
    pub(super) outer: Option<usize>,
    pub(super) condition: Condition,
    /// Where the condition stands.
    pub(super) place: Place,
    /// Whether it is of the person's own file, rather than the system's.
    pub(super) own: bool,
    pub(super) settings: Vec<Setting>,
    /// What of the settings later conditions look at, in order.
    pub(super) facts: Vec<Fact>,
}

impl Block {
    pub(super) fn new(outer: Option<usize>, condition: Condition, place: Place, own: bool) -> Self {
        Self { outer, condition, place, own, settings: Vec::new(), facts: Vec::new() }
    }

    /// Adds a setting, and the fact in it.
    pub(super) fn add(&mut self, setting: Setting) {
        self.facts.extend(fact(&setting));
        self.settings.push(setting);
    }
}

pub(super) fn fact(setting: &Setting) -> Option<Fact> {
    let super::gather::Value::Text(text) = &setting.value else { return None };
    let text = text.clone();
    Some(match setting.keyword.name {
        "hostname" => Fact::HostName(text),
        "user" => Fact::User(text),
        "port" => Fact::Port(text.parse().ok()?),
        "hostkeyalias" => Fact::HostKeyAlias(text),
        "tag" => Fact::Tag(text),
        "ignoreunknown" => Fact::IgnoreUnknown(text),
        _ => return None,
    })
}
