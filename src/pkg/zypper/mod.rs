//! zypper: SUSE Linux Enterprise Server and openSUSE Leap. Knows what zypper prints and means; decides nothing about
//! what may be upgraded. Start at the list below and at [`Zypper`]; `commands.rs` and `transaction.rs` have the scripts
//! in full, the other files read the answers. What rpm itself answers is in `../rpm/`.
//!
//! Patches are not installed as such: `zypper patch` leaves out, with exit code 0, every patch that wants a reboot.
//! What they are about is read from them, and the packages are installed in exact versions. openSUSE Tumbleweed is
//! refused: it is upgraded as a whole (`zypper dup`).
//!
//! All of them run with raised rights, except for checks that only read. Only the refresh and transactions fetch
//! (`--no-refresh`). Every source counts: what zypper skips with exit code 106 is an error here.
//!
//! | label | command |
//! |---|---|
//! | `zypper-refresh` | `zypper refresh` |
//! | `zypper-sources` | `zypper refresh ALIAS` for each source: which ones do not answer |
//! | `zypper-state` | script: `rpm -qa`; files `etc/zypp/locks`, `etc/**/*.rpmnew` (`.rpmsave`, `.rpmorig`), times of the sources' `repomd.xml` |
//! | `package-locks` | script: as for every manager, with rpm's `.rpm.lock` and the process id in `run/zypp.pid` |
//! | `zypper-pending` | script: `zypper update --dry-run`, `zypper list-updates --all`, `zypper list-patches`, `zypper info -t patch`, `zypper repos`, and which sources' `repomd.xml` lists patches |
//! | `zypper-known` | script: `rpm -q NAME...`, `zypper search --match-exact NAME...` |
//! | `zypper-simulate` | script, packages on standard input: as `zypper-transact` with `--dry-run` |
//! | `zypper-transact`, `zypper-download` | script: `zypper install --oldpackage NAME=VERSION... !NAME...` or `zypper remove NAME...`, after waiting for locks; patches that wanted a reboot and are installed by it are written to `run/patchwave-reboot`, and marks in `var/lib/zypp/AutoInstalled` stay (a detached job) |
//! | `zypper-finish` | script: `zypper install --force NAME=VERSION` of packages that an interrupted transaction left in two versions (a detached job) |
//! | `zypper-stage`, `zypper-staged` | script: `zypper download NAME=VERSION...` into a folder (a detached job); `rpm -K`, `rpm -qp` of each archive |
//! | `zypper-hold` | `zypper addlock NAME...`, `zypper removelock NAME...` |
//! | `zypper-boot` | script: kernels, boot loader and install times, see `../rpm/boot.rs`; files `run/reboot-needed` and `run/patchwave-reboot` |
//! | `zypper-upkeep` | script: `zypper repos`, the dates of the lists, timers that install updates, files of cron |
//! | `zypper-clean` | `zypper clean` |

mod advance;
mod commands;
mod manager;
mod patches;
mod pending;
mod resolved;
mod state;
mod transaction;
mod trouble;
mod xml;

pub use manager::Zypper;
