//! Every package manager that this program supports, and what is asked of all of them at once.

use super::{ALL, foreign::FOREIGN};

/// Declares the folder of each manager and lists its type in `ALL`. A host is asked for them in this order.
macro_rules! managers {
    ($($(#[$meta:meta])* mod $folder:ident: $manager:ident;)*) => {
        $($(#[$meta])* pub mod $folder;)*

        /// Every package manager that this program supports, in the order in which they are looked for.
        pub const ALL: &[&dyn PackageManager] = &[$($(#[$meta])* &$folder::$manager,)*];
    };
}

/// The programs by which a host's manager is known, ours and foreign ones: what a host is asked for.
pub fn programs() -> Vec<&'static str> {
    let mut programs: Vec<&str> = ALL.iter().map(|manager| manager.program()).collect();
    programs.extend(FOREIGN.iter().filter(|program| !ALL.iter().any(|manager| manager.program() == **program)));
    programs
}

/// The names of Ansible's modules that install packages with these managers, and with foreign ones.
pub fn modules_of_ansible() -> Vec<&'static str> {
    ALL.iter().flat_map(|manager| manager.modules_of_ansible()).chain(&FOREIGN).copied().collect()
}

/// `a`, `a and b`, `a, b and c`: what this release patches, for people.
pub fn names() -> String {
    let names: Vec<&str> = ALL.iter().map(|manager| manager.name()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Whether a manager needs this unit while it works, so that stopping it may cut a transaction.
pub fn needs_unit(unit: &str) -> bool {
    ALL.iter().any(|manager| manager.needs_unit(unit))
}
