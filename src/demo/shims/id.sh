#!/bin/sh
# Imitates id on a simulated host, where every user is root.
. "$PATCHWAVE_ROOT/bin/sim.sh"
case "$*" in
-u | -ur | -g) echo 0 ;;
-un | -gn) echo root ;;
"") echo "uid=0(root) gid=0(root) groups=0(root)" ;;
*) unknown "$@" ;;
esac
