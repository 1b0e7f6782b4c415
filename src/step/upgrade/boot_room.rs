//! Room in `/boot` before a kernel comes. A package manager counts what it unpacks; the image of the first root file
//! system is made by the packages' scripts afterwards, and a full `/boot` leaves them half configured.
//!
//! Command line on the host, through `/bin/sh -c`: `df -P -k -- /boot` and the sizes of the kernels and images there.

use std::time::Duration;

use super::plan::Planned;
use crate::{
    command::{Command, Output, Query, Unreadable},
    event::StepResult,
    pkg::{BootFiles, BootPatterns, Class, PackageManager},
    step::{
        StepCx,
        disk::{free_kib, size},
        packages,
    },
};

const ROOM: &str = r#"b=${PATCHWAVE_ROOT-}/boot
[ -d "$b" ] || { echo absent; exit 0; }
largest() {
  most=0
  for f; do
    if [ -f "$f" ] && [ ! -L "$f" ]; then n=$(wc -c <"$f") || n=0; [ "$n" -le "$most" ] || most=$((n)); fi
  done
  echo "$most"
}
df -P -k -- "$b" 2>/dev/null | tail -n 1"#;

/// What a transaction brings to `/boot`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Comes {
    kernels: u64,
    /// The image of the first root file system is made again.
    images: bool,
}

/// What is there, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    free: u64,
    /// The largest kernel.
    kernel: u64,
    /// The largest image of a first root file system.
    image: u64,
}

/// Refuses a transaction for which `/boot` has no room. Nothing was changed.
///
/// # Errors
/// The step's result: class `disk`, or an unreachable host.
pub(super) async fn check(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    planned: &Planned,
) -> Result<(), Box<StepResult>> {
    let comes = comes(manager, planned);
    if comes == Comes::default() {
        return Ok(());
    }
    // Images of the first root file system are often for root's eyes only.
    let Some(room) = packages::ask(cx, Query::new(command(manager), read)).await? else { return Ok(()) };
    let needed = needed(comes, room);
    if room.free >= needed {
        return Ok(());
    }
    let what = if comes.kernels > 0 { "for the new kernel" } else { "to rebuild the boot image" };
    let summary = format!("/boot has {} free, {} needed {what}", size(room.free), size(needed));
    let help = "remove old kernels on the host (a `cleanup: { old_kernels: 1 }` step does), then run again with \
                --limit @failed";
    Err(Box::new(packages::failed(Class::Disk, summary).help(help)))
}

fn command(manager: &dyn PackageManager) -> Command {
    let BootPatterns { kernels, images } = manager.boot_patterns();
    let script = format!("{ROOM}\nlargest \"$b\"/{kernels}\nlargest \"$b\"/{images}\necho end");
    Command::sh("boot-room", &script, [""; 0]).timeout(Duration::from_secs(60))
}

fn comes(manager: &dyn PackageManager, planned: &Planned) -> Comes {
    planned.changes.iter().fold(Comes::default(), |comes, change| match manager.boot_files(&change.name) {
        BootFiles::None => comes,
        BootFiles::Image => Comes { images: true, ..comes },
        BootFiles::Kernel => Comes { kernels: comes.kernels + 1, ..comes },
    })
}

/// A kernel, its image, and the image once more: it is written beside the old one before it takes its place.
fn needed(comes: Comes, room: Room) -> u64 {
    let kernels = comes.kernels.saturating_mul(room.kernel.saturating_add(room.image));
    kernels.saturating_add(room.image)
}

/// `None`: the host has no `/boot`, so nothing is written there.
fn read(output: &Output) -> Result<Option<Room>, Unreadable> {
    let text = output.text();
    let lines: Vec<&str> = text.lines().collect();
    let bytes = |line: &str| line.trim().parse::<u64>().ok();
    let room = match lines[..] {
        ["absent"] => return Ok(None),
        [df, kernel, image, "end"] => free_kib(df).zip(bytes(kernel)).zip(bytes(image)),
        _ => None,
    };
    let unreadable = || Unreadable::new(format!("cannot read the free space in /boot: {}", output.last_lines(1)));
    let ((free, kernel), image) = room.ok_or_else(unreadable)?;
    Ok(Some(Room { free: free.saturating_mul(1024), kernel, image }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_needs_itself_and_its_image_twice() {
        const MIB: u64 = 1 << 20;
        let room = Room { free: 0, kernel: 8 * MIB, image: 40 * MIB };
        let need = |kernels, images, room| needed(Comes { kernels, images }, room) / MIB;
        assert_eq!(need(1, true, room), 88);
        assert_eq!(need(2, false, room), 136);
        assert_eq!(need(0, true, room), 40);
        assert_eq!(need(1, true, Room { kernel: 0, image: 0, ..room }), 0, "a container's /boot is empty");
        assert_eq!(need(u64::MAX, true, room), u64::MAX / MIB);
    }
}
