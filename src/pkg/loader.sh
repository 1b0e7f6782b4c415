# What the boot loader will start, as far as its files say; see loader.rs. Reads $r, the root.
if [ -d "$r/sys/firmware/efi/efivars" ]; then
  for v in LoaderInfo LoaderEntryOneShot LoaderEntryDefault; do
    f=$r/sys/firmware/efi/efivars/$v-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f
    [ ! -r "$f" ] || echo "efi $v $(tail -c +5 "$f" | tr -d '\000\n')"
  done
fi
if [ -e "$r/etc/kernel/proxmox-boot-uuids" ]; then echo proxmox; fi
for f in proxmox-boot-pin next-boot-pin; do [ ! -r "$r/etc/kernel/$f" ] || sed 's/^/pin /' "$r/etc/kernel/$f"; done
for d in /boot/loader /efi/loader /boot/efi/loader; do
  [ ! -r "$r$d/loader.conf" ] || sed -n 's/^default[[:space:]]*/entry-default /p' "$r$d/loader.conf"
  for f in "$r$d"/entries/*.conf; do
    [ -r "$f" ] || continue
    f=${f#"$r"}
    echo "entry $f"
    sed -n -e 's/^linux[[:space:]]\{1,\}/entry-linux /p' -e 's/^version[[:space:]]\{1,\}/entry-version /p' "$r$f"
  done
done
for f in /boot/grub/grub.cfg /boot/grub2/grub.cfg; do
  [ -r "$r$f" ] || continue
  echo "grub $f"
  # Whatever opens or closes a block, names a kernel or chooses the default.
  sed -n 's/^[[:space:]]*//; /^\(menuentry\|submenu\|function\)[[:space:]]/s/^/g /p; /^}/s/^/g /p
    /^\(linux\|linux16\|linuxefi\|module\|module2\|multiboot\|multiboot2\)[[:space:]]/s/^/g /p; /^set[[:space:]]*default=/s/^/g /p' \
    "$r$f" | head -n 4000
  for e in "$r${f%/*}/grubenv"; do
    [ ! -r "$e" ] || tr -d '\000' <"$e" | sed -n -e '/^saved_entry=/s/^/env /p' -e '/^next_entry=/s/^/env /p'
  done
  break
done
if [ -r "$r/boot/extlinux/extlinux.conf" ]; then
  echo "extlinux /boot/extlinux/extlinux.conf"
  sed -n -e 's/^[[:space:]]*//' -e '/^\([Dd][Ee][Ff][Aa][Uu][Ll][Tt]\|[Ll][Aa][Bb][Ee][Ll]\|[Ll][Ii][Nn][Uu][Xx]\|[Kk][Ee][Rr][Nn][Ee][Ll]\)[[:space:]]/s/^/x /p' \
    "$r/boot/extlinux/extlinux.conf" | head -n 1000
fi
for f in /vmlinuz /boot/vmlinuz; do
  [ ! -L "$r$f" ] || echo "link $f $(readlink "$r$f")"
done
