root=${PATCHWAVE_ROOT-}
newline='
'
# Every process counts on a host that runs many small changes: the user's number comes without one.
me=
[ -n "$root" ] || ! [ -r /proc/self/status ] ||
    while read -r key real me rest; do [ "$key" != Uid: ] || break; done </proc/self/status
case $me in '' | *[!0-9]*) me=$(id -u) || exit 1 ;; esac
# An ordinary user cannot write to /var/lib; /var/tmp survives reboots and its sticky bit keeps others out.
if [ "$me" = 0 ] || [ -n "$root" ]; then base=$root/var/lib/patchwave; else base=/var/tmp/patchwave-$me; fi
# Whether the folder exists and is ours: in /var/tmp another user may have created it, or put a link in its place.
is_ours() {
    [ -d "$base" ] && [ -O "$base" ] && ! [ -L "$base" ]
}
