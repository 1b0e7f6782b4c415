//! The commands, one file each: its arguments and the world in, an exit code out. No command uses another, except
//! `demo`, `retry` and `impact`, which do what an operator would type. Start at [`run`].

pub(super) mod advisories;
pub(super) mod ask;
pub(super) mod assets;
pub(super) mod cve;
pub(super) mod demo;
pub(super) mod exec;
pub(super) mod facts;
pub(super) mod impact;
pub(super) mod init;
pub(super) mod inventory;
pub(super) mod known_hosts;
pub(super) mod ledger;
pub(super) mod log;
pub(super) mod man;
pub(super) mod plan;
pub(super) mod rehearse;
pub(super) mod report;
pub(super) mod resume;
pub(super) mod retry;
pub(super) mod rollback;
pub(super) mod run;
pub(super) mod runs;
pub(super) mod scan;
pub(super) mod schema;
pub(super) mod show;
pub(super) mod ssh_config;
pub(super) mod status;
pub(super) mod windows;
