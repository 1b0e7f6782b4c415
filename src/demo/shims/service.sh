#!/bin/sh
# Imitates `service NAME status|start|stop|restart|reload` on a simulated host, through its systemctl.
. "$PATCHWAVE_ROOT/bin/sim.sh"
[ $# -eq 2 ] || unknown "$@"
case $2 in
status)
    now=$(cat "$sim/unit/$1" 2>/dev/null) || { echo "$1: unrecognized service" >&2; exit 4; }
    echo "$1 is $now."
    [ "$now" = active ] || exit 3
    ;;
start | stop | restart | reload) exec systemctl "$2" -- "$1" ;;
*) unknown "$@" ;;
esac
