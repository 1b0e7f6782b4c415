//! Whether `/boot` has room for a kernel. A package manager counts what it unpacks, but the boot image (the first root
//! file system) is built later by the packages' scripts, and a full `/boot` leaves them half configured.
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

/// What a transaction writes to `/boot`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Writes {
    kernels: u64,
    /// The boot image is built again.
    images: bool,
}

/// The sizes on the host, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    free: u64,
    /// The largest kernel.
    kernel: u64,
    /// The largest boot image.
    image: u64,
}

/// Refuses a transaction for which `/boot` has no room. Nothing is changed.
///
/// # Errors
/// The step's result: class `disk`, or an unreachable host.
pub(super) async fn check(
    cx: &mut StepCx<'_>,
    manager: &dyn PackageManager,
    planned: &Planned,
) -> Result<(), Box<StepResult>> {
    let writes = writes(manager, planned);
    if writes == Writes::default() {
        return Ok(());
    }
    // Often only root can read the boot images.
    let Some(room) = packages::ask(cx, room(manager)).await? else { return Ok(()) };
    let needed = needed(writes, room);
    if room.free >= needed {
        return Ok(());
    }
    let what = if writes.kernels > 0 { "for the new kernel" } else { "to rebuild the boot image" };
    let summary = format!("/boot has {} free, {} needed {what}", size(room.free), size(needed));
    let help = "remove old kernels on the host (a `cleanup: { old_kernels: 1 }` step does), then run again with \
                --limit @failed";
    Err(Box::new(packages::failed(Class::Disk, summary).help(help)))
}

/// Asks for it. `None`: the host has no `/boot`, so nothing is written there.
pub(super) fn room(manager: &dyn PackageManager) -> Query<Option<Room>> {
    let BootPatterns { kernels, images } = manager.boot_patterns();
    let script = format!("{ROOM}\nlargest \"$b\"/{kernels}\nlargest \"$b\"/{images}\necho end");
    Query::new(Command::sh("boot-room", &script, [""; 0]).timeout(Duration::from_secs(60)), read)
}

fn writes(manager: &dyn PackageManager, planned: &Planned) -> Writes {
    planned.changes.iter().fold(Writes::default(), |writes, change| match manager.boot_files(&change.name) {
        BootFiles::None => writes,
        BootFiles::Image => Writes { images: true, ..writes },
        BootFiles::Kernel => Writes { kernels: writes.kernels + 1, ..writes },
    })
}

/// A kernel, its boot image, and the image a second time: a new image is written beside the old one before it replaces
/// it.
fn needed(writes: Writes, room: Room) -> u64 {
    let kernels = writes.kernels.saturating_mul(room.kernel.saturating_add(room.image));
    kernels.saturating_add(room.image)
}

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
        let need = |kernels, images, room| needed(Writes { kernels, images }, room) / MIB;
        assert_eq!(need(1, true, room), 88);
        assert_eq!(need(2, false, room), 136);
        assert_eq!(need(0, true, room), 40);
        assert_eq!(need(1, true, Room { kernel: 0, image: 0, ..room }), 0, "a container's /boot is empty");
        assert_eq!(need(u64::MAX, true, room), u64::MAX / MIB);
    }
}
