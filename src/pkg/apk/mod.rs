//! apk: Alpine Linux and its relatives. Knows what apk prints and means; decides nothing about what may be upgraded.
//! Start at the list below and at [`Apk`]; `commands.rs` and `transaction.rs` have the scripts in full, the other files
//! read the answers.
//!
//! What an administrator wants is in `etc/apk/world`, and apk installs what that needs and removes everything else. A
//! version that is named in a transaction becomes a pin there, which would hold the package for ever; so each
//! transaction keeps what it began with in a journal (`var/lib/patchwave/apk`) and takes its pins out again. If it is
//! cut off, the journal is left, and the repair does the same transaction again.
//!
//! The sources of a release have the newest version of a package only. Archives are fetched before a transaction, into
//! `var/cache/patchwave-apk`; those of the versions before stay there, as the way back. No source marks security fixes.
//!
//! All of them run with raised rights, except for checks that only read.
//!
//! | label | command |
//! |---|---|
//! | `apk-refresh` | `apk update --force-refresh` |
//! | `apk-sources` | script: `apk update` for each source by itself: which ones do not answer |
//! | `apk-state` | files `lib/apk/db/installed`, `etc/apk/world`, `etc/**/*.apk-new`, the journal; times of the lists |
//! | `package-locks` | script: as for every manager, with `lib/apk/db/lock` |
//! | `apk-pending` | script: `apk upgrade --simulate`, `apk version -l '<'`, `apk policy NAME...` |
//! | `apk-known` | script: `apk search --exact NAME...`, the installed packages |
//! | `apk-simulate` | script, packages on standard input: `apk add --simulate NAME=VERSION... !NAME...` |
//! | `apk-transact`, `apk-download` | script: `apk fetch` of what the simulation names, then `apk add`, then the world without pins (a detached job) |
//! | `apk-finish` | script: the transaction in the journal again, then `apk fix` (a detached job) |
//! | `apk-stage` | script: copies archives from the caches into a folder (a detached job) |
//! | `apk-staged` | script: `apk verify` of each archive in a folder |
//! | `apk-hold` | script: `apk add --virtual .patchwave-hold-NAME NAME=VERSION`, `apk del .patchwave-hold-NAME` |
//! | `apk-boot` | script: kernels, boot loader and times of files, from `usr/share/kernel`, `lib/modules` and `boot` |
//! | `apk-clean` | script: deletes archives of versions that are not installed; `apk cache clean`, if there is a cache |

mod advance;
mod boot;
mod commands;
mod kernel;
mod lines;
mod manager;
mod pending;
mod staged;
mod state;
mod transaction;
mod trouble;
mod version;

pub use manager::Apk;
