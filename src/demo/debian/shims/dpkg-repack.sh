#!/bin/sh
# Imitates `dpkg-repack NAME` on a simulated host: its packages have no files that could be packed again.
. "$PATCHWAVE_ROOT/bin/sim.sh"
[ $# -eq 1 ] || unknown "$@"
echo "dpkg-repack: the files of $1 are not there" >&2
exit 1
