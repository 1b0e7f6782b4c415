# A guard's watchdog: rolls back unless the verdict `confirmed` comes first. It ends with 0 when it is over; after
# anything else it is started again, by systemd or by its keeper.
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

# Leaves a process id and its start time. In the file that is there: a full disk has no room for another. $1 file, $2 id
record() {
    set -f
    stat=$(cat "/proc/$2/stat" 2>/dev/null)
    set -- "$1" "$2" ${stat##*) }
    set +f
    printf '%-40s\n' "$2 ${22}" 1<>"$1"
}
# Leaves how the rollback ended. $1: its exit code
ended() {
    # It may hold secrets of the playbook.
    rm -f "$guard/rollback"
    printf '%-3s\n' "$1" 1<>"$guard/rc.tmp"
    sync "$guard/rc.tmp" "$guard/out" 2>/dev/null
    mv -f "$guard/rc.tmp" "$guard/rc"
    sync "$guard" 2>/dev/null
}
# Sends a signal to all that the rollback started. $1: its name
signal() {
    kill "-$1" "-$group" 2>/dev/null || kill "-$1" "$group" 2>/dev/null
    alive "$guard/child" && kill "-$1" "$pid" 2>/dev/null
}
# Ends a rollback that takes longer than it may, with what `alive` found. What cannot be ended is named in `late`.
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
    # It leads a group: ending the rollback ends all of it, and this shell says how it went.
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
# Under systemd a signal is that of a shutdown, or it starts this again.
[ -n "$systemd" ] || trap : HUP INT TERM
alive "$guard/pid" && exit 1

# Each boot restarts the time, because nobody can confirm while the host is down. One that boots over and over is in
# trouble: it gets no more time. Boots after which its run came back do not count (`seen`).
boot=$(cat "$root/proc/sys/kernel/random/boot_id")
if ! grep -qx "$boot" "$guard/boots" 2>/dev/null; then
    printf '%s\n' "$boot" >>"$guard/boots"
    is_stale "$guard" && give_up "$guard"
fi
seen=0
[ -r "$guard/seen" ] && read -r seen <"$guard/seen"
[ "$(($(wc -l <"$guard/boots") - seen))" -le 3 ] || within=0

# It lives.
record "$guard/pid" "$$"

look_at_uptime
since=$now
looks=0
while ! [ -e "$guard/verdict" ]; do
    # The arming was given up, and the folder removed.
    [ -e "$guard/armed" ] || exit 0
    if job_runs || [ "$now" -lt "$since" ]; then
        since=$now
    elif [ -e "$guard/now" ] || [ "$((now - since))" -ge "$within" ]; then
        # A link is made whole or not at all, and once: this one, or the one of the confirmation.
        ln "$guard/rolled-back" "$guard/verdict" 2>/dev/null && continue
    fi
    if [ "$((looks % 30))" = 0 ]; then
        # By the calendar, for after a boot: uptime does not count the time when the host is down.
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
    # One that began in this very moment: it looks at the verdict after it has said that it lives.
    while job_runs; do sleep 1; done
    # Somebody else may be installing packages, and a rollback may reboot. Not for ever: the host may be out of reach.
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
    # Renamed once: the process that does it rolls back, and no other ever does.
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
