//! The script and the reader of `apk-boot`: kernels, what the boot loader starts, and reasons for a reboot. apk does
//! not record when it installed a package; the times at which files got their content tell.

use super::{
    commands::FIND,
    kernel::{flavour, order},
    lines::is_name,
};
use crate::{
    command::{Output, Unreadable},
    pkg::{
        Boot,
        loader::{self, Releases},
        traces, unnumbered,
    },
};

const RELEASES: Releases = Releases { order, leftovers: &[".apk-new"] };

/// What is used by every process or by process 1.
pub(super) const CORE: [&str; 4] = ["musl", "libcrypto3", "openrc", "busybox"];

// Files that every process or process 1 uses. A link is as old as the package that brought it.
const SCRIPT: &str = r#"unpacked() {
  name=$1
  shift
  for f; do [ ! -e "$f" ] || stat -c "unpacked %Z $name" "$f"; done
}
unpacked musl "$r"/lib/ld-musl-*.so.1
unpacked libcrypto3 "$r"/lib/libcrypto.so.3 "$r"/usr/lib/libcrypto.so.3
unpacked openrc "$r"/sbin/openrc-init
unpacked busybox "$r"/bin/busybox
for f in "$r"/usr/share/kernel/*/kernel.release; do
  [ -r "$f" ] || continue
  read -r release <"$f" || [ -n "$release" ] || continue
  echo "image /lib/modules/$release/vmlinuz"
  f=${f%/kernel.release}
  installed | awk -F '\t' -v name="linux-${f##*/}" '$2 == name { print "owner " $2 " " $3 }'
done
for f in "$r"/boot/vmlinuz-*; do
  [ -r "$f" ] || continue
  release=$(release_of "$f")
  case $release in
  [0-9]*) ;;
  *) read -r release 2>/dev/null <"$r/usr/share/kernel/${f##*/vmlinuz-}/kernel.release" || continue ;;
  esac
  echo "copy ${f#"$r"} $release"
done
if [ -r "$r/boot/extlinux.conf" ] && [ ! -e "$r/boot/extlinux/extlinux.conf" ]; then
  echo 'extlinux /boot/extlinux.conf'
  sed -n -e 's/^[[:space:]]*//' -e '/^\([Dd][Ee][Ff][Aa][Uu][Ll][Tt]\|[Ll][Aa][Bb][Ee][Ll]\|[Ll][Ii][Nn][Uu][Xx]\|[Kk][Ee][Rr][Nn][Ee][Ll]\)[[:space:]]/s/^/x /p' \
    "$r/boot/extlinux.conf" | head -n 1000
fi
"#;

/// The script.
pub(super) fn script() -> String {
    format!("{FIND}{}{}{SCRIPT}{}echo end\n", unnumbered::RELEASE_OF, traces::SCRIPT, loader::SCRIPT)
}

/// Reads the answer.
///
/// # Errors
/// It is incomplete, or does not say which kernel runs.
pub(super) fn read(output: &Output) -> Result<Boot, Unreadable> {
    unnumbered::read(output, is_name, RELEASES, flavour)
}
