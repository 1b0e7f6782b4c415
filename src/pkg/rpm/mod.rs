//! What all managers of RPM packages share: versions, names, the installed packages, kernels and the next boot. It is
//! not a manager: it has the parts of scripts that ask rpm itself, and their readers. Knows no repository and no
//! resolver. Start at [`state::SCRIPT`] and [`boot::script`].

pub(super) mod boot;
pub(super) mod kernel;
pub(super) mod lists;
pub(super) mod locks;
pub(super) mod names;
pub(super) mod newest;
pub(super) mod origins;
pub(super) mod present;
pub(super) mod scripts;
pub(super) mod staged;
pub(super) mod state;
pub(super) mod version;
