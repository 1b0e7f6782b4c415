//! How a host is reached when several sources say so: what ssh_config adds to a target ([`ssh_config`]), what of the
//! inventory's own options for ssh is refused ([`words`]), and which connection options of a run count when it is
//! resumed ([`options`]). Values in, values out; knows no command and no file.

pub mod options;
pub mod ssh_config;
pub mod words;
