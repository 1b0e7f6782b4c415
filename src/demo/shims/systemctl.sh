#!/bin/sh
# Imitates systemctl on a simulated host; units are files in sim/unit that hold their state.
. "$PATCHWAVE_ROOT/bin/sim.sh"
all="$*"
quiet= plain= props= value= state= types=
verb= names=
while [ $# -gt 0 ]; do
    case $1 in
    -q | --quiet) quiet=1 ;;
    --plain | --no-legend | --no-pager | --full | -l | --wait | --no-block | --all | --no-ask-password) plain=1 ;;
    -p) shift && props=$1 ;;
    -p* | --property=*) props=${1#-p} && props=${props#--property=} ;;
    --value) value=1 ;;
    --failed) state=failed ;;
    --state=*) state=${1#*=} ;;
    --type=* | -t*) types=${1#*=} ;;
    --) ;;
    -*) unknown "$all" ;;
    *) if [ -z "$verb" ]; then verb=$1; else names="$names ${1%.service}"; fi ;;
    esac
    shift
done
say() { [ -n "$quiet" ] || echo "$@"; }
state_of() { cat "$sim/unit/$1" 2>/dev/null || echo inactive; }
failed_units() { grep -lx failed "$sim/unit"/* 2>/dev/null | sed 's|.*/||'; }
exists() { [ -e "$sim/unit/$1" ]; }
# The program that a unit with a file starts. $1: unit
program_of() { sed -n 's/^ExecStart=//p' "$root/etc/systemd/system/$1.service" 2>/dev/null; }

# The requested properties, in systemd's own order. $1: unit
show() {
    now=$(state_of "$1")
    load=loaded && exists "$1" || load=not-found
    for prop in $(echo "${props:-LoadState,ActiveState,SubState}" | tr , ' '); do
        case $prop in
        Id | Names) found=$1.service ;;
        LoadState) found=$load ;;
        ActiveState) found=$now ;;
        SubState) case $now in active) found=running ;; failed) found=failed ;; *) found=dead ;; esac ;;
        UnitFileState) [ "$load" = loaded ] && found=enabled || found= ;;
        Result) [ "$now" = failed ] && found=exit-code || found=success ;;
        NRestarts) found=0 ;;
        Type) found=notify ;;
        KillMode) found=control-group ;;
        RefuseManualStart | RefuseManualStop) found=no ;;
        MainPID) [ "$now" = active ] && found=612 || found=0 ;;
        ExecMainStatus) [ "$now" = failed ] && found=1 || found=0 ;;
        *) unknown "$all" ;;
        esac
        [ -n "$value" ] && echo "$found" || echo "$prop=$found"
    done
}

case $verb in
is-active)
    rc=3
    for unit in $names; do
        now=$(state_of "$unit")
        say "$now"
        [ "$now" = active ] && rc=0
    done
    exit "$rc"
    ;;
is-failed)
    rc=1
    for unit in $names; do
        now=$(state_of "$unit")
        say "$now"
        [ "$now" = failed ] && rc=0
    done
    exit "$rc"
    ;;
is-enabled)
    for unit in $names; do
        exists "$unit" || { echo "Failed to get unit file state for $unit.service: No such file or directory" >&2; exit 1; }
        say enabled
    done
    ;;
is-system-running)
    if [ -n "$(failed_units)" ]; then say degraded && exit 1; fi
    say running
    ;;
list-units)
    case $state in failed | active | "") ;; *) unknown "$all" ;; esac
    case $types in service | "") ;; *) unknown "$all" ;; esac
    [ -n "$plain" ] || unknown "$all"
    for file in "$sim/unit"/*; do
        unit=${file##*/} now=$(cat "$file")
        [ -n "$state" ] && [ "$now" != "$state" ] && continue
        case $now in active) sub=running ;; failed) sub=failed ;; *) sub=dead ;; esac
        echo "$unit.service loaded $now $sub $unit (simulated)"
    done
    ;;
show)
    first=1
    for unit in $names; do
        [ -n "$first" ] || echo
        first=
        show "$unit"
    done
    ;;
start | restart | try-restart | reload | reload-or-restart)
    for unit in $names; do
        start=$(program_of "$unit")
        # Word splitting is intended: it is a program and its arguments.
        if [ -n "$start" ]; then setsid -f $start </dev/null >/dev/null 2>&1 && continue; fi
        exists "$unit" || { echo "Failed to $verb $unit.service: Unit $unit.service not found." >&2; exit 5; }
        if ! start_unit "$unit"; then
            echo "Job for $unit.service failed because the control process exited with error code." >&2
            echo "See \"systemctl status $unit.service\" and \"journalctl -xeu $unit.service\" for details." >&2
            exit 1
        fi
    done
    ;;
stop)
    for unit in $names; do
        exists "$unit" || { echo "Failed to stop $unit.service: Unit $unit.service not loaded." >&2; exit 5; }
        echo inactive >"$sim/unit/$unit"
    done
    ;;
reset-failed) for unit in ${names:-$(failed_units)}; do [ ! -e "$sim/unit/$unit" ] || echo inactive >"$sim/unit/$unit"; done ;;
reboot) press reboot ;;
poweroff) press poweroff ;;
daemon-reload | daemon-reexec) ;;
*) unknown "$all" ;;
esac
