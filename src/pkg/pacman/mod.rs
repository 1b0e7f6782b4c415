//! pacman: Arch Linux and its relatives. Knows what the programs of pacman print and mean; decides nothing about what
//! may be upgraded. Start at the list below and at [`Pacman`]; `commands.rs` and `transaction.rs` have the scripts in
//! full, the other files read the answers.
//!
//! Arch supports full upgrades only, so all pending updates are taken or none. The package lists are fetched into a
//! folder of their own (`var/cache/patchwave-pacman`): lists that are newer than the installed packages would turn the
//! next `pacman -S NAME` of an administrator into a partial upgrade. They are moved to pacman's own place by the
//! transaction, when all archives are there. No source marks security fixes.
//!
//! All of them run with raised rights, except for checks that only read.
//!
//! | label | command |
//! |---|---|
//! | `pacman-refresh` | script: `pacman -Sy --dbpath var/cache/patchwave-pacman` |
//! | `pacman-sources` | script: `pacman -Sy` for each source by itself, into the same folder as `pacman-refresh`: which ones do not answer |
//! | `pacman-state` | script: `pacman -Q`, `pacman -Qdq`, `pacman-conf IgnorePkg`, `pacman-conf IgnoreGroup`, `pacman -Qgq GROUP`; files `local/*/desc` and `db.lck` of the database, the end of its log, `etc/**/*.pacnew` (`.pacsave`, `.pacorig`), times of the lists |
//! | `package-locks` | script: as for every manager, with the process that has `db.lck` open |
//! | `pacman-pending` | script: `pacman -Su --print`, `pacman -Qu`, `pacman -Si` |
//! | `pacman-known` | script: `pacman -Qq`, `pacman -Slq` |
//! | `pacman-simulate` | script, packages on standard input: `pacman -Su --print`; for older versions `pacman -U --print ARCHIVE...` from the cache, for removals `pacman -Rc --print` |
//! | `pacman-upgrade`, `pacman-download` | script: `pacman -Suw` into the cache, then `pacman -Su`, if that is exactly what was planned (a detached job) |
//! | `pacman-change` | script: `pacman -U ARCHIVE...` from the cache, `pacman -R` (a detached job) |
//! | `pacman-finish` | script: removes a lock that nobody holds and database entries that were begun, then `pacman -U` of what an interrupted transaction had brought (a detached job) |
//! | `pacman-stage`, `pacman-staged` | script: copies archives from the cache into a folder (a detached job); `pacman -Qp` of each |
//! | `pacman-asdeps` | `pacman -D --asdeps NAME...` |
//! | `pacman-boot` | script: kernels, boot loader and install times, from `usr/lib/modules` and the database |
//! | `pacman-upkeep` | script: `pacman-conf --repo-list`, the dates of the lists, files of cron |
//! | `pacman-clean` | `pacman -Sc --noconfirm`: archives of versions that are not installed |

mod advance;
mod boot;
mod commands;
mod kernel;
mod manager;
mod pending;
mod staged;
mod state;
mod transaction;
mod trouble;
mod version;

pub use manager::Pacman;
