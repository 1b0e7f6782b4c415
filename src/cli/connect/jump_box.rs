//! The jump box of a playbook: where its files are found.

use crate::{
    cli::World,
    playbook::{self, Playbook},
    step::JumpBox,
};

/// The jump box of a playbook: files are searched beside the playbook, and above it up to the project's root. Programs
/// are recorded beside the run's logs.
pub(in crate::cli) fn jump_box(playbook: &Playbook, world: &World) -> JumpBox {
    let path = world.absolute(&playbook.path);
    let folder = path.parent().unwrap_or(&world.folder).to_path_buf();
    let root = playbook::root(&path);
    JumpBox::new(folder, root)
}
