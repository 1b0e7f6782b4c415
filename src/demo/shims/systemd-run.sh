#!/bin/sh
# Imitates `systemd-run --unit=NAME [-p …] [--on-active=SECONDS] PROGRAM…` on a simulated host, in its own session.
. "$PATCHWAVE_ROOT/bin/sim.sh"
all="$*"
unit= delay=0
while :; do
    case $1 in
    --unit=*) unit=${1#*=} ;;
    --on-active=*) delay=${1#*=} && delay=${delay%s} ;;
    -p) shift ;;
    -p* | --property=* | --quiet | -q | --collect | --no-block | --timer-property=* | --description=*) ;;
    --) shift && break ;;
    -*) unknown "$all" ;;
    *) break ;;
    esac
    shift
done
[ -n "$unit" ] && [ $# -gt 0 ] || unknown "$all"
case $delay in *[!0-9.]* | "") unknown "$all" ;; esac
if ! mkdir -p "$root/run/units" || ! mkdir "$root/run/units/$unit" 2>/dev/null; then
    echo "Failed to start transient service unit: Unit $unit.service was already loaded or has a fragment file." >&2
    exit 1
fi
UNIT="$root/run/units/$unit" DELAY=$delay setsid -f /bin/sh -c 'sleep "$DELAY"; "$@"; rmdir "$UNIT"' unit "$@" </dev/null >/dev/null 2>&1
