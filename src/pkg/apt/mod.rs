//! apt and dpkg: Debian, Ubuntu and derivatives.
//! Knows what these programs print and mean; decides nothing about what may be upgraded.
//! Start at the list below and at [`Apt`]; `commands.rs` has each line in full, the other files read the answers.
//!
//! All that a host of this kind must be able to do, and so all that the embedded fleet imitates. Answers of scripts end
//! with a line `end`, which tells a short answer from a cut one.
//!
//! All of them run with raised rights, except for checks that only read.
//!
//! | label | command |
//! |---|---|
//! | `host-facts` | script: `uname -r`, `id -u`, `command -v apt-get`, files `etc/os-release`, `proc/sys/kernel/random/boot_id`, `run/systemd/system/`, `run/systemd/container`, `run/ostree-booted`, `proc/mounts` |
//! | `apt-state` | script: `dpkg --print-architecture`; `dpkg-query -W -f 'pkg\t${Package}\t${Version}\t${Architecture}\t${db:Status-Want}\t${db:Status-Status}\t${db:Status-Eflag}\n'`; `apt-mark showauto`; files `var/lib/dpkg/updates/[0-9]*`, `etc/**/*.dpkg-dist` (`.dpkg-new`, `.ucf-dist`), times of `var/lib/apt/{lists,lists/partial,periodic/update-success-stamp}` |
//! | `package-locks` | script: files `proc/locks`, `proc/PID/cmdline`, `proc/PID/fd/*`, `proc/PID/cgroup`; the four lock files (`var/lib/dpkg/lock-frontend`, …), matched by inode number |
//! | `apt-refresh` | `apt-get -o APT::Update::Error-Mode=any -o Acquire::Retries=3 update` |
//! | `apt-refresh-apart` | script: `find var/tmp -maxdepth 1 -name 'patchwave-lists-*'`; `apt-config shell`; `du`, `df`; `mkdir` and `cp` in `var/tmp/patchwave-lists-*`; `apt-get` as `apt-refresh`, with `APT_CONFIG` |
//! | `apt-remove-apart` | `rm -rf var/tmp/patchwave-lists-*` |
//! | `apt-sources` | `apt-get indextargets --format '$(REPO_URI)\|$(RELEASE)\|$(LABEL)\|$(SUITE)\|$(CODENAME)' 'Created-By: Packages'`, after a refresh that failed |
//! | `apt-pending` | script: `apt-get -s -q -V -y -o APT::Get::Show-User-Simulation-Note=false [-o APT::Get::Always-Include-Phased-Updates=true] --with-new-pkgs upgrade [NAME=VERSION...]` (or `dist-upgrade`), where it refuses the same with `--allow-downgrades`; `apt-get indextargets --format '$(DESCRIPTION)\|$(ORIGIN)\|$(LABEL)\|$(SUITE)\|$(CODENAME)' 'Created-By: Packages'`; `apt-cache policy NAME...` |
//! | `apt-known` | `apt-cache policy NAME...` |
//! | `apt-simulate` | script, names on standard input: `apt-get -s -q -V -y -o APT::Get::Show-User-Simulation-Note=false install --only-upgrade NAME=VERSION...` |
//! | `apt-upgrade` | `apt-get -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=SECONDS --no-remove install --only-upgrade NAME=VERSION...` (a detached job) |
//! | `apt-download` | the same with `-d` before `install` |
//! | `apt-install` | as `apt-upgrade`, without `--only-upgrade`; nothing asks for it yet |
//! | `apt-stage` | script, a detached job: `apt-cache show NAME=VERSION...`; `dpkg-query -W -f '${Installed-Size}' NAME`; `df -P -k -- FOLDER`; `apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Retries=3 download NAME=VERSION...`; files `var/cache/apt/archives/*.deb`; `dpkg-repack NAME`; `dpkg-deb -W --showformat='${Package} ${Version} ${Architecture}\n' FILE` |
//! | `apt-staged` | script: `dpkg-deb -W --showformat='deb ${Package} ${Version} ${Architecture}\n' FILE` for each archive in a folder |
//! | `apt-simulate-restore` | as `apt-simulate`, with `install --allow-downgrades NAME=VERSION... NAME-...`; from folders with archives: their paths in place of `NAME=VERSION`, and `-o APT::Sandbox::User=root` |
//! | `apt-restore` | `apt-get` with the options of `apt-upgrade`, then `install --allow-downgrades NAME=VERSION... NAME-...`, with paths as in `apt-simulate-restore` (a detached job) |
//! | `apt-mark-hold` | `apt-mark hold NAME...`; also `apt-mark unhold NAME...` (`apt-mark-unhold`) |
//! | `apt-mark-auto` | `apt-mark auto NAME...` |
//! | `dpkg-configure` | `dpkg --force-confdef --force-confold --configure -a` (a detached job) |
//! | `apt-fix` | `apt-get` with the options of `apt-upgrade`, then `--no-remove -f install` (a detached job) |
//! | `apt-boot` | script: `uname -r`; files `boot/{vmlinuz,vmlinux,kernel}-*`, `usr/lib/modules/*/vmlinuz`; `dpkg-query -S IMAGE...`; `dpkg-query -W -f 'pkg\t${Package}\t${Version}\t${db:Status-Status}\n' 'linux-headers-*' '*-RELEASE' '*-RELEASE-signed'...`; files `run/reboot-required`, `run/reboot-required.pkgs`, `lib/modules/RELEASE/` (and the time of `lib/modules`), `proc/stat` (`btime`), `proc/1/stat`, `var/lib/dpkg/info/{libc6,systemd,dbus,dbus-daemon}.list` (mtime); what the boot loader starts: `../loader.sh` |
//! | `apt-simulate-purge` | script, names on standard input: `apt-get -s -q -V -y -o APT::Get::Show-User-Simulation-Note=false purge NAME...` |
//! | `apt-purge` | `apt-get` with the options of `apt-upgrade`, then `purge NAME...` (a detached job) |
//! | `apt-upkeep` | script: `dpkg --print-architecture`; files `var/lib/apt/lists/*Release`; `apt-config dump APT::Periodic::Unattended-Upgrade`; file `usr/bin/unattended-upgrade`; files of cron; `dpkg-query -W -f '${Package}\t${Architecture}\t${source:Package}\t${source:Version}\t${Version}\t${db:Status-Status}\n'` |
//! | `apt-clean` | `apt-get clean` |

mod advance;
mod apart;
mod boot;
mod commands;
mod hints;
mod kernel;
mod lines;
mod locks;
mod manager;
mod origins;
mod pending;
mod policy;
mod refresh;
mod simulation;
mod staged;
mod state;
mod transaction;
mod trouble;
mod upkeep;
mod version;

pub use manager::Apt;
