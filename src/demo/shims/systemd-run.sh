#!/bin/sh
# Imitates `systemd-run --unit=NAME [-p …] [--wait] [--pipe] [--on-active=SECONDS] PROGRAM…` on a simulated host, in its
# own session.
. "$PATCHWAVE_ROOT/bin/sim.sh"
all="$*"
unit= delay=0 wait= pipe=
while :; do
    case $1 in
    --unit=*) unit=${1#*=} ;;
    --on-active=*) delay=${1#*=} && delay=${delay%s} ;;
    -p) shift ;;
    --wait) wait=-w ;;
    --pipe) pipe=yes ;;
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
[ -n "$pipe" ] || exec >/dev/null 2>&1
# Only the program may keep the streams open.
# shellcheck disable=SC2086 # none or one option
UNIT="$root/run/units/$unit" DELAY=$delay setsid -f $wait /bin/sh -c 'exec 3>&1 4>&2 >/dev/null 2>&1
sleep "$DELAY"
"$@" >&3 2>&4 3>&- 4>&- &
exec 3>&- 4>&-
wait "$!"
code=$?
rmdir "$UNIT"
exit "$code"' unit "$@" </dev/null
