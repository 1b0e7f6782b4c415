//! dnf: Fedora, Red Hat Enterprise Linux and its relatives, Amazon Linux 2023. Version 4 and dnf5 are one manager here:
//! the scripts ask the host which of the two its `dnf` is, and mark what only one of them prints.
//! Knows what these programs print and mean; decides nothing about what may be upgraded.
//! Start at the list below and at [`Dnf`]; `commands.rs` and `transaction.rs` have the scripts in full, the other files
//! read the answers. What rpm itself answers is in `../rpm/`.
//!
//! yum 3 (Red Hat Enterprise Linux 7) is not supported: it has neither exact simulations nor a database of its own that
//! says what was cut off. Hosts that have only `yum` are refused by name.
//!
//! All of them run with raised rights, except for checks that only read. None of the questions fetches anything (`-C`);
//! only the refresh and transactions do. Every source counts, whatever its file says about `skip_if_unavailable`.
//!
//! | label | command |
//! |---|---|
//! | `dnf-refresh` | `dnf makecache --refresh`, strict for every source |
//! | `dnf-state` | script: `rpm -qa`; `rpm -q --whatprovides 'installonlypkg(…)'`; `dnf history info last`; files `etc/dnf/plugins/versionlock.list`, `etc/dnf/versionlock.toml`, `etc/dnf/dnf.conf` (`exclude`), `etc/**/*.rpmnew` (`.rpmsave`, `.rpmorig`), times of the sources' `repomd.xml` |
//! | `package-locks` | script: as for every manager, with rpm's `.rpm.lock`, the lock of dnf5, and the process ids in the files of version 4 |
//! | `dnf-sources` | `dnf makecache --refresh`, strict, for each source by itself: which ones do not answer |
//! | `dnf-pending` | script: `dnf --assumeno upgrade`, `dnf repoquery --upgrades` without excludes, `dnf updateinfo list` and `info` (or `advisory`), `dnf repolist`, and which sources' `repomd.xml` lists advisories |
//! | `dnf-known` | script: `rpm -q NAME...`, `dnf repoquery NAME...` |
//! | `dnf-simulate` | script, packages on standard input: as `dnf-transact` with `--assumeno` |
//! | `dnf-transact`, `dnf-download` | script: `dnf -y upgrade NAME-VERSION-RELEASE.ARCH...` (or `install`, `downgrade`, `remove`; several of them in one transaction through `dnf shell` or `dnf5 do`), after waiting for locks (a detached job) |
//! | `dnf-finish` | script: `dnf remove --duplicates`, then `dnf reinstall` of what an interrupted transaction brought in (a detached job) |
//! | `dnf-stage`, `dnf-staged` | script: `dnf download NAME-VERSION.ARCH...` into a folder (a detached job); `rpm -K`, `rpm -qp` of each archive |
//! | `dnf-hold` | `dnf versionlock add NAME...`, `dnf versionlock delete NAME...` |
//! | `dnf-boot` | script: kernels, boot loader and install times; see `../rpm/boot.rs` |
//! | `dnf-upkeep` | script: `dnf repolist`, the dates of the lists, timers of `dnf-automatic`, files of cron |
//! | `dnf-clean` | `dnf clean packages` |

mod advance;
mod advisory;
mod commands;
mod excluded;
mod manager;
mod origins;
mod pending;
mod resolved;
mod state;
mod transaction;
mod trouble;

pub use manager::Dnf;
