//! Names that a playbook cannot give to a variable of its own: later steps would find another value than they expect.
//! Knows no value. Start at [`why`].

/// What every host has of its own.
pub const OF_HOSTS: [&str; 5] = ["inventory_hostname", "inventory_hostname_short", "group_names", "groups", "hostvars"];

/// What steps leave behind for later ones.
pub const OF_STEPS: [&str; 4] = ["baseline", "guard", "snapshot", "upgrade"];

/// Words of templates.
const OF_TEMPLATES: [&str; 23] = [
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "elif",
    "else",
    "for",
    "set",
    "loop",
    "range",
    "dict",
    "namespace",
    "self",
    "super",
    "caller",
];

/// Why no step may register a variable of this name.
pub(super) fn why(name: &str) -> Option<&'static str> {
    if OF_HOSTS.contains(&name) {
        Some("each host has a variable of this name")
    } else if OF_STEPS.contains(&name) {
        Some("steps set it themselves")
    } else if OF_TEMPLATES.contains(&name) {
        Some("it is a word of the template language")
    } else if name == "patchwave" || name.starts_with("ansible_") {
        Some("such names belong to the inventory")
    } else {
        None
    }
}
