#!/bin/sh
# Imitates `df -P [-k|-i] PATH...` on a simulated host: one disk, 20 GB, mostly free unless it is broken.
. "$PATCHWAVE_ROOT/bin/sim.sh"
all="$*"
inodes=
while :; do
    case $1 in
    -P | -k | -Pk | -kP) ;;
    -Pi | -i | -iP) inodes=1 ;;
    --) ;;
    -*) unknown "$all" ;;
    *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || set -- /
size=20511312 free=14680064
[ -n "$inodes" ] && size=1310720 free=1198372
broken disk && [ -z "$inodes" ] && free=0
[ -n "$inodes" ] && echo "Filesystem      Inodes  IUsed   IFree IUse% Mounted on" ||
    echo "Filesystem     1024-blocks     Used Available Capacity Mounted on"
rc=0
for path; do
    # Paths start with the host's folder; a missing path is an error, as for the real one.
    [ -e "$path" ] || [ -e "$root$path" ] || { echo "df: $path: No such file or directory" >&2; rc=1; continue; }
    echo "/dev/vda1         $size $((size - free)) $free $((100 * (size - free) / size))% /"
done
exit "$rc"
