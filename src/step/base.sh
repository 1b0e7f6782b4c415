root=${PATCHWAVE_ROOT-}
me=$(id -u) || exit 1
# An ordinary user cannot write to /var/lib; /var/tmp survives reboots and its sticky bit keeps others out.
if [ "$me" = 0 ] || [ -n "$root" ]; then base=$root/var/lib/patchwave; else base=/var/tmp/patchwave-$me; fi
# Whether the folder exists and is ours: in /var/tmp another user may have created it, or put a link in its place.
is_ours() {
    [ -d "$base" ] && [ -O "$base" ] && ! [ -L "$base" ]
}
