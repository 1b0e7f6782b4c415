//! The JSON Schemas of the files that a person writes, for editors. Made from the tables by which the files are read.
//! Start at [`text`].

use super::{args::SchemaOf, settings::PROJECT};
use crate::{
    inventory::{GROUPS, VARIABLES},
    playbook::PLAYBOOK,
    yaml::{schema, shape::Shape},
};

/// The schema of a kind of file, as JSON.
pub fn text(of: SchemaOf) -> String {
    let schema = match of {
        SchemaOf::Playbook => schema("A playbook of patchwave", &Shape::Map(&PLAYBOOK)),
        SchemaOf::Inventory => schema("An Ansible inventory with the variable `patchwave`", &GROUPS),
        SchemaOf::Vars => schema("Variables of hosts, with `patchwave` among them", &VARIABLES),
        SchemaOf::Project => schema("The settings of a project", &Shape::Map(&PROJECT)),
    };
    format!("{schema:#}\n")
}

/// The name of the file in a folder of schemas.
pub fn file_name(of: SchemaOf) -> &'static str {
    match of {
        SchemaOf::Playbook => "playbook.json",
        SchemaOf::Inventory => "inventory.json",
        SchemaOf::Vars => "vars.json",
        SchemaOf::Project => "project.json",
    }
}
