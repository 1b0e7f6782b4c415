//! Managers that hosts have and this program does not support: known by name only, so that a refusal can say what it
//! found. A manager that gets its own folder is removed here.

/// Their programs, in the order in which they are looked for.
pub(super) const FOREIGN: [&str; 4] = ["rpm-ostree", "yum", "transactional-update", "bootc"];

/// Tools that upgrade a system whose root cannot be changed in place, with what to type. A host may have several; the
/// first one counts.
pub(super) const IMAGE_TOOLS: [(&str, &str); 3] = [
    ("bootc", "bootc upgrade"),
    ("rpm-ostree", "rpm-ostree upgrade"),
    ("transactional-update", "transactional-update --non-interactive patch"),
];
