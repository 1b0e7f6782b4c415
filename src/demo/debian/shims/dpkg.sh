#!/bin/sh
# Imitates dpkg on a simulated host: --print-architecture, --configure -a, --audit.
. "$PATCHWAVE_ROOT/bin/sim.sh"
. "$PATCHWAVE_ROOT/bin/dpkg-db.sh"
all="$*"
while :; do
    case $1 in --force-confdef | --force-confold) shift ;; *) break ;; esac
done
case "$*" in
--print-architecture) echo amd64 ;;
"--configure -a")
    if broken lock; then
        echo "dpkg: error: dpkg frontend lock was locked by another process with pid 4242" >&2
        exit 2
    fi
    take_lock 0
    # Word splitting is intended: names have no spaces.
    configure_all 0 $(unfinished)
    ;;
--audit | -C) ;;
*) unknown "$all" ;;
esac
