#!/bin/sh
# Imitates uname on a simulated host: its kernel is a line in a file.
. "$PATCHWAVE_ROOT/bin/sim.sh"
case "$*" in
-r) cat "$sim/kernel" ;;
-n) echo "$host" ;;
-s | "") echo Linux ;;
-m) echo x86_64 ;;
*) unknown "$@" ;;
esac
