#!/bin/sh
# Imitates shutdown, reboot and poweroff on a simulated host. A warning of N minutes takes N tenths of a second, because
# no user is logged in there.
. "$PATCHWAVE_ROOT/bin/sim.sh"
all="$*"
case $program in
reboot) button=reboot when=now ;;
poweroff) button=poweroff when=now ;;
shutdown) button=poweroff when= ;;
esac
message=
while [ $# -gt 0 ]; do
    case $1 in
    -r | --reboot) button=reboot ;;
    -P | -h | --poweroff) button=poweroff ;;
    -c) button=cancel ;;
    --no-wall | --no-block | -f | --force) ;;
    now | +[0-9]*) when=${1#+} ;;
    -*) unknown "$all" ;;
    *) message="$message $1" ;;
    esac
    shift
done
schedule=$root/run/systemd/shutdown/scheduled
if [ "$button" = cancel ]; then
    rm -f "$schedule"
    exit 0
fi
case ${when:=1} in
now | 0)
    log info systemd-logind "System is rebooting.$message"
    press "$button"
    ;;
*)
    mkdir -p "${schedule%/*}"
    printf 'USEC=%s000000\nWARN_WALL=1\nMODE=%s\n' "$(($(date +%s) + when * 60))" "$button" >"$schedule"
    log info systemd-logind "The system will $button in $when minutes.$message"
    echo "Shutdown scheduled, use 'shutdown -c' to cancel." >&2
    # Removing the schedule cancels the shutdown.
    (
        sleep "$((when / 10)).$((when % 10))"
        [ -e "$schedule" ] && press "$button"
    ) </dev/null >/dev/null 2>&1 &
    ;;
esac
