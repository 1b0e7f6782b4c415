//! Whether the file systems that packages are unpacked to have room at all: space, and inodes, which no package manager
//! counts. How much a transaction needs is the package manager's own question; a host below these floors does not get
//! far enough to ask it, and is left half installed.
//!
//! Command lines on the host, through `/bin/sh -c`: `df -P -k -- PATH`, `df -P -i -- PATH`.

use std::time::Duration;

use super::plan::Planned;
use crate::{
    command::{Command, Output, Query, Unreadable},
    event::StepResult,
    pkg::{BootFiles, Class, PackageManager},
    step::{
        StepCx,
        disk::{free_kib, size},
        packages,
    },
};

const ROOM: &str = r#"r=${PATCHWAVE_ROOT-}
for p in / /usr /var; do
  [ -d "$r$p" ] || continue
  echo "path $p"
  df -P -k -- "$r$p" 2>/dev/null | tail -n 1 | sed 's/^/space /'
  df -P -i -- "$r$p" 2>/dev/null | tail -n 1 | sed 's/^/inodes /'
done
echo end"#;

/// The package database is written again for each package, and logs and boot scripts write, too.
const LEAST_SPACE: u64 = 32 << 20;
const LEAST_INODES: u64 = 1000;
/// Headers of a kernel are so many files.
const INODES_OF_KERNEL: u64 = 20_000;

/// What is free on one path; `None`: not known, or the file system does not count inodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    path: String,
    space: Option<u64>,
    inodes: Option<u64>,
}

/// Asks for it.
pub(super) fn room() -> Query<Vec<Room>> {
    Query::new(Command::sh("room", ROOM, [""; 0]).timeout(Duration::from_secs(60)), read)
}

/// Refuses a transaction on a host without room. Nothing is changed.
///
/// # Errors
/// The step's result: class `disk`, or an unreachable host.
pub(super) async fn check(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    planned: &Planned,
) -> Result<(), Box<StepResult>> {
    let rooms = packages::ask(cx, room()).await?;
    let kernel = planned.changes.iter().any(|change| manager.boot_files(&change.name) == BootFiles::Kernel);
    let Some(short) = too_small(&rooms, kernel) else { return Ok(()) };
    let help = "make room on the host (a `cleanup: { package_cache: true }` step deletes downloaded archives, \
                `old_kernels: 1` old kernels), then run again with --limit @failed";
    Err(Box::new(packages::failed(Class::Disk, short).help(help)))
}

fn too_small(rooms: &[Room], kernel: bool) -> Option<String> {
    let inodes = if kernel { LEAST_INODES + INODES_OF_KERNEL } else { LEAST_INODES };
    rooms.iter().find_map(|room| {
        let Room { path, .. } = room;
        // Kernels and their headers go below /usr and /lib.
        let inodes = if path == "/var" { LEAST_INODES } else { inodes };
        match (room.space, room.inodes) {
            (Some(free), _) if free < LEAST_SPACE => {
                Some(format!("{path} has {} free, at least {} needed", size(free), size(LEAST_SPACE)))
            }
            (_, Some(free)) if free < inodes => {
                Some(format!("{path} has {free} inodes free, at least {inodes} needed"))
            }
            _ => None,
        }
    })
}

fn read(output: &Output) -> Result<Vec<Room>, Unreadable> {
    let text = output.text();
    let (mut rooms, mut ended) = (Vec::<Room>::new(), false);
    for line in text.lines() {
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (tag, rooms.last_mut()) {
            ("path", _) => rooms.push(Room { path: rest.to_owned(), ..Room::default() }),
            ("space", Some(room)) => room.space = free_kib(rest).map(|kib| kib.saturating_mul(1024)),
            ("inodes", Some(room)) => room.inodes = free_inodes(rest),
            ("end", _) => ended = true,
            _ => {}
        }
    }
    if ended {
        Ok(rooms)
    } else {
        Err(Unreadable::new(format!("cannot read the free space: {}", output.last_lines(1))))
    }
}

/// A file system without a fixed number of inodes (btrfs, vfat) has `0` or `-` in every column.
fn free_inodes(line: &str) -> Option<u64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let total = words.get(1)?.parse::<u64>().ok()?;
    free_kib(line).filter(|_| total > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Exit;

    fn check(text: &str, kernel: bool) -> Result<Option<String>, Unreadable> {
        let output = Output { exit: Exit::Code(0), stdout: text.into(), stderr: Vec::new(), dropped: 0 };
        read(&output).map(|rooms| too_small(&rooms, kernel))
    }

    #[test]
    fn space_and_inodes_have_floors() {
        let root = "path /\nspace /dev/sda1 100000 10 90000 1% /\ninodes /dev/sda1 50000 10 5000 1% /\n";
        let var = |space: u64, inodes: &str| {
            format!(
                "{root}path /var\nspace /dev/sdb1 100000 10 {space} 99% /var\ninodes /dev/sdb1 {inodes} /var\nend\n"
            )
        };
        let small = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(check(&var(32 << 10, "50000 10 1000 1%"), false), Ok(None));
        assert_eq!(
            check(&var((32 << 10) - 1, "50000 1 1000 1%"), false),
            small("/var has 31 MiB free, at least 32 MiB needed")
        );
        assert_eq!(
            check(&var(32 << 10, "50000 10 999 1%"), false),
            small("/var has 999 inodes free, at least 1000 needed")
        );
        assert_eq!(
            check(&var(32 << 10, "50000 1 1000 1%"), true),
            small("/ has 5000 inodes free, at least 21000 needed")
        );
        assert_eq!(check(&var(32 << 10, "0 0 0 -"), false), Ok(None), "btrfs");
        assert_eq!(check("path /\nspace df: no such option\nend\n", false), Ok(None), "not known");
        assert!(check(root, false).is_err(), "cut");
    }
}
