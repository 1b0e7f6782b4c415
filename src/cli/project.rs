//! What a new project consists of: an inventory or a proposal for one, a playbook, hooks, settings, schemas for
//! editors. Knows the texts, and writes nothing. Start at [`files`].

use super::{args::SchemaOf, schemas};
use crate::inventory::Proposal;

/// A file of a new project.
#[derive(Debug)]
pub struct ProjectFile {
    /// Relative to the folder of the project.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Whether it is a program.
    pub is_program: bool,
}

/// The playbook.
pub const PLAYBOOK: &str = "playbooks/patch.yml";
/// The inventory of a project without one.
pub const INVENTORY: &str = "inventory.yml";
/// What is proposed for an inventory that was there.
pub const PROPOSAL: &str = "patchwave-labels.yml";
/// The settings.
pub const SETTINGS: &str = "patchwave.yml";

const HOOKS: [(&str, &str); 4] = [
    ("hooks/drain", include_str!("../../hooks/drain")),
    ("hooks/undrain", include_str!("../../hooks/undrain")),
    ("hooks/snapshot", include_str!("../../hooks/snapshot")),
    ("hooks/restore", include_str!("../../hooks/restore")),
];

/// The inventories of a project, and what is proposed for them.
#[derive(Debug)]
pub struct Existing {
    /// As they are written into the settings: relative to the project, or absolute.
    pub inventories: Vec<String>,
    /// What they lack; `None`: nothing.
    pub proposal: Option<Proposal>,
}

/// All files, in the order in which they are listed.
pub fn files(existing: Option<&Existing>) -> Vec<ProjectFile> {
    let file = |path: &str, text: String| ProjectFile { path: path.to_owned(), text, is_program: false };
    let mut files = vec![file(SETTINGS, settings(&inventories(existing)))];
    match existing {
        None => files.push(file(INVENTORY, include_str!("project/inventory.yml").to_owned())),
        Some(Existing { inventories, proposal: Some(proposal) }) => {
            files.push(file(PROPOSAL, labels(inventories, proposal)));
        }
        Some(Existing { proposal: None, .. }) => {}
    }
    files.push(file(PLAYBOOK, include_str!("project/patch.yml").to_owned()));
    files.extend(HOOKS.map(|(path, text)| ProjectFile {
        path: path.to_owned(),
        text: text.to_owned(),
        is_program: true,
    }));
    files.extend(SchemaOf::ALL.map(|of| file(&format!("schemas/{}", schemas::file_name(of)), schemas::text(of))));
    files
}

/// The inventories that the settings name, weakest first.
fn inventories(existing: Option<&Existing>) -> Vec<String> {
    match existing {
        None => vec![INVENTORY.to_owned()],
        Some(existing) => {
            let proposal = existing.proposal.as_ref().map(|_| PROPOSAL.to_owned());
            existing.inventories.iter().cloned().chain(proposal).collect()
        }
    }
}

fn settings(inventories: &[String]) -> String {
    let quoted = |path: &String| serde_json::Value::from(path.as_str()).to_string();
    let list: Vec<String> = inventories.iter().map(quoted).collect();
    include_str!("project/patchwave.yml").replace("INVENTORIES", &list.join(", "))
}

fn labels(inventories: &[String], proposal: &Proposal) -> String {
    let of = inventories.join(", ");
    include_str!("project/labels.yml").replace("INVENTORIES", &of) + &proposal.text()
}
