# A guard's watchdog: rolls back unless the verdict `confirmed` comes first. Exit code 0 means that it is over; after
# any other end it is started again, by systemd or by its keeper.
# $1 the guard's folder; $2 nothing, or `keep`: be its keeper, or `run`: run the rollback and leave its exit code
guard=$1
root=${PATCHWAVE_ROOT-}
base=${guard%/guards/*}
LC_ALL=C PATH="${PATCHWAVE_ROOT:+$PATCHWAVE_ROOT/bin:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LC_ALL PATH
cd / || exit 1
umask 077
[ -e "$guard/armed" ] || exit 0
{ read -r run && read -r owner && read -r within && read -r limit; } <"$guard/armed"

# Writes a process id and its start time into the existing file: a full disk has no room for a new one. $1 file, $2 id
record() {
    set -f
    stat=$(cat "/proc/$2/stat" 2>/dev/null)
    set -- "$1" "$2" ${stat##*) }
    set +f
    printf '%-40s\n' "$2 ${22}" 1<>"$1"
}
# Records how the rollback ended. $1: its exit code
ended() {
    # It may hold secrets of the playbook.
    rm -f "$guard/rollback"
    printf '%-3s\n' "$1" 1<>"$guard/rc.tmp"
    sync "$guard/rc.tmp" "$guard/out" 2>/dev/null
    mv -f "$guard/rc.tmp" "$guard/rc"
    sync "$guard" 2>/dev/null
}
# Sends a signal to everything that the rollback started. $1: its name
signal() {
    kill "-$1" "-$group" 2>/dev/null || kill "-$1" "$group" 2>/dev/null
    alive "$guard/child" && kill "-$1" "$pid" 2>/dev/null
}
# Ends a rollback that runs over its time limit, found by `alive`. A process that cannot be ended is named in `late`.
end_it() {
    group=$pid
    mv "$guard/late.tmp" "$guard/late"
    signal TERM
    waited=0
    while ! [ -e "$guard/rc" ] && [ "$waited" -lt 10 ]; do
        sleep 1
        waited=$((waited + 1))
    done
    signal KILL
    sleep 1
    for stat in /proc/[0-9]*/stat; do
        read -r stat <"$stat" || continue
        set -f
        set -- ${stat##*) }
        set +f
        [ "$3" = "$group" ] && [ "$1" != Z ] && record "$guard/late" "${stat%% *}"
    done 2>/dev/null
    [ -e "$guard/rc" ] || ended 137
}
keeper() {
    setsid /bin/sh "$guard/watch" "$guard" keep </dev/null >/dev/null 2>&1 &
}
case ${2-} in
run)
    # This shell leads a process group: ending the rollback ends the whole group, and this shell records how it ended.
    trap : HUP INT TERM
    /bin/sh "$guard/rollback" "$guard" </dev/null >"$guard/out" 2>&1
    ended "$?"
    exit 0
    ;;
keep)
    alive "$guard/keeper" && exit 0
    record "$guard/keeper" "$$"
    trap : HUP INT TERM
    while [ -e "$guard/armed" ]; do
        if ! alive "$guard/pid"; then /bin/sh "$guard/watch" "$guard" && exit 0; fi
        sleep 1
    done
    exit 0
    ;;
esac

systemd=
[ -d "$root/run/systemd/system" ] && systemd=1
# Under systemd a signal comes from a shutdown, or systemd starts this script again.
[ -n "$systemd" ] || trap : HUP INT TERM
alive "$guard/pid" && exit 1

# Each boot restarts the time, because no confirmation can arrive while the host is down. A host that boots again and
# again is in trouble and gets no more time. Boots after which its run came back do not count (`seen`).
boot=$(cat "$root/proc/sys/kernel/random/boot_id")
if ! grep -qx "$boot" "$guard/boots" 2>/dev/null; then
    printf '%s\n' "$boot" >>"$guard/boots"
    is_stale "$guard" && give_up "$guard"
fi
seen=0
[ -r "$guard/seen" ] && read -r seen <"$guard/seen"
[ "$(($(wc -l <"$guard/boots") - seen))" -le 3 ] || within=0

# From now on it is alive.
record "$guard/pid" "$$"

look_at_uptime
since=$now
looks=0
while ! [ -e "$guard/verdict" ]; do
    # The arming was given up, and the folder was removed.
    [ -e "$guard/armed" ] || exit 0
    if job_runs || [ "$now" -lt "$since" ]; then
        since=$now
    elif [ -e "$guard/now" ] || [ "$((now - since))" -ge "$within" ]; then
        # A link is made whole or not at all, and only once: by this command or by the confirmation.
        ln "$guard/rolled-back" "$guard/verdict" 2>/dev/null && continue
    fi
    if [ "$((looks % 30))" = 0 ]; then
        # The calendar time, for a check after a boot: uptime does not count the time when the host is down.
        printf '%-20s\n' "$(date +%s)" 1<>"$guard/beat"
        [ -n "$systemd" ] || alive "$guard/keeper" || keeper
    fi
    looks=$((looks + 1))
    sleep 1
    look_at_uptime
done
read -r verdict <"$guard/verdict"
if [ "$verdict" = rolled-back ]; then
    sync "$guard/verdict" "$guard" 2>/dev/null
    # A job may have begun at this very moment: a job first records that it is alive, then looks at the verdict.
    while job_runs; do sleep 1; done
    # Another program may be installing packages, and a rollback may reboot. The wait has a limit, because the host may
    # be out of reach.
    look_at_uptime
    since=$now
    mv "$guard/idle" "$guard/waits" 2>/dev/null
    while [ -e "$guard/ready" ] && [ "$((now - since))" -lt 300 ] && packages_are_locked; do
        sleep 1
        look_at_uptime
    done
    mv "$guard/waits" "$guard/idle" 2>/dev/null
    trap : HUP INT TERM
    look_at_uptime
    # Renamed only once: the process that succeeds rolls back, and no other process ever does.
    if mv "$guard/ready" "$guard/begun" 2>/dev/null; then
        printf '%-20s\n' "$now" 1<>"$guard/since"
        sync "$guard" 2>/dev/null
        own=
        command -v setsid >/dev/null 2>&1 && own=setsid
        $own /bin/sh "$guard/watch" "$guard" run </dev/null &
        record "$guard/runner" "$!"
    fi
    began=$now
    [ -r "$guard/since" ] && read -r began <"$guard/since"
    looks=0
    while ! [ -e "$guard/rc" ] && { alive "$guard/runner" || alive "$guard/child"; }; do
        if [ "$((now - began))" -ge "${limit:-600}" ]; then
            end_it
            break
        fi
        if [ "$looks" -ge 30 ] || ! sleep 0.1 2>/dev/null; then sleep 1; fi
        looks=$((looks + 1))
        look_at_uptime
    done
fi
drop_unit "$guard"
exit 0
