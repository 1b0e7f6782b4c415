# The unit of a guard, for hosts with systemd. $1: the guard's folder
unit_of() {
    unit=$root/etc/systemd/system/patchwave-guard-${1##*/}.service
    wanted=$root/etc/systemd/system/sysinit.target.wants/${unit##*/}
}
# Removes a guard's unit, so that no boot starts it. $1: its folder
drop_unit() {
    unit_of "$1"
    if ! [ -e "$unit" ] && ! [ -L "$wanted" ]; then
        # If it was killed just before its file was removed, systemd remembers it as failed.
        systemctl reset-failed "${unit##*/}" >/dev/null 2>&1
        return 0
    fi
    rm -f "$unit" "$wanted"
    systemctl daemon-reload >/dev/null 2>&1
}
# Removes a guard's folder in one step: its watchdog must never find half of it. $1: the folder
remove() {
    mv "$1" "$1.gone" && rm -rf "$1.gone"
}
# Seconds since the boot, in `now`: setting the clock cannot make it early or late.
look_at_uptime() {
    uptime=$root/proc/uptime
    [ -r "$uptime" ] || uptime=/proc/uptime
    read -r now rest <"$uptime"
    now=${now%%.*}
}
# Whether one of our jobs is running. A transaction is never rolled back in the middle.
job_runs() {
    for job in "$base"/jobs/*; do
        [ -e "$job/pid" ] && ! [ -e "$job/rc" ] || continue
        if alive "$job/pid" || alive "$job/child"; then return; fi
    done
    return 1
}
# The state of a guard, in `stand`; `process` is the process group of a running rollback. Files alone prove nothing: the
# process that must act on them has to be alive. $1: its folder
look_at() {
    process=-
    verdict=
    if [ -e "$1/verdict" ]; then
        read -r verdict <"$1/verdict"
        # The disk was full and it could not be written.
        : "${verdict:=lost}"
    fi
    if [ "$verdict" = confirmed ] || [ "$verdict" = lost ]; then
        stand=$verdict
    elif [ -e "$1/rc" ]; then
        stand=rolled-back
        [ -e "$1/late" ] && stand=ended
    elif ! [ -e "$1/armed" ]; then
        stand=dead
    elif [ -e "$1/ready" ]; then
        stand=dead
        if alive "$1/pid"; then
            stand=armed
            # It would roll back now, but waits.
            if [ -e "$1/waits" ]; then stand=held; fi
            if [ -n "$verdict" ] || [ -e "$1/now" ]; then job_runs && stand=held; fi
        fi
    elif ! [ -e "$1/begun" ]; then
        stand=lost
    elif alive "$1/runner" || alive "$1/child"; then
        stand=rolling
        process=$pid
    elif alive "$1/pid"; then
        stand=rolling
    elif [ -e "$1/rc" ]; then
        look_at "$1"
    else
        stand=cut
    fi
}
# Whether no watchdog has run for a week. Then the host has lived with the change for so long that a rollback would be a
# new change. $1: its folder
is_stale() {
    beat=
    [ -r "$1/beat" ] && read -r beat <"$1/beat"
    case $beat in "" | *[!0-9]*) return 1 ;; esac
    [ $(($(date +%s) - beat)) -gt 604800 ]
}
# Disables a guard for good, unless its rollback has begun: what is reported about it must still be true after the next
# boot. $1: its folder
give_up() {
    ln "$1/lost" "$1/verdict" 2>/dev/null || (set -C && printf 'lost\n' >"$1/verdict") 2>/dev/null
    read -r verdict <"$1/verdict"
    # A rollback was decided but not begun. The process that renames this file decides.
    [ "$verdict" = rolled-back ] && mv "$1/ready" "$1/given-up" 2>/dev/null
    if [ "$verdict" != confirmed ] && ! [ -e "$1/begun" ]; then
        # It may hold secrets of the playbook, and it will never run.
        rm -f "$1/rollback"
        (: >"$1/acked") 2>/dev/null
    fi
    sync "$1/verdict" "$1" 2>/dev/null
    drop_unit "$1"
}
# Starts a guard's watchdog; a living one continues. An error message is in `error`. $1: its folder
start_watch() {
    unit_of "$1"
    if [ -d "$root/run/systemd/system" ] && command -v systemctl >/dev/null 2>&1; then
        if ! [ -e "$unit" ] || ! [ -L "$wanted" ]; then
            error=$(mkdir -p "${wanted%/*}" 2>&1 && cp "$1/unit" "$unit.$$" 2>&1 && mv -f "$unit.$$" "$unit" 2>&1 &&
                ln -sf "../${unit##*/}" "$wanted" 2>&1) || error="$unit cannot be written: $error"
            [ -z "$error" ] || return 1
        fi
        sync "$unit" "${unit%/*}" "${wanted%/*}" 2>/dev/null
        systemctl reset-failed "${unit##*/}" >/dev/null 2>&1
        error=$(systemctl daemon-reload 2>&1 && systemctl start --no-block "${unit##*/}" 2>&1) && return
        error="systemctl: $error"
        return 1
    fi
    if ! setsid -f /bin/sh "$1/watch" "$1" keep </dev/null >/dev/null 2>&1; then
        setsid /bin/sh "$1/watch" "$1" keep </dev/null >/dev/null 2>&1 &
    fi
}
# Finds another run's guard that may act: `other` is its folder, `holder` its run. $1: this run
armed_by_another() {
    for other in "$base"/guards/*; do
        [ -e "$other/armed" ] && read -r holder <"$other/armed" && [ "$holder" != "$1" ] || continue
        look_at "$other"
        if [ "$stand" = dead ]; then
            # Early in a boot its watchdog may be about to start.
            unit_of "$other"
            look_at_uptime
            [ -e "$unit" ] && [ "$now" -lt 600 ] && ! is_stale "$other" && stand=armed
        fi
        case $stand in armed | held | rolling) return ;; esac
    done
    return 1
}
# Answers a request for the lease with the guard that `armed_by_another` found.
tell_guarded() {
    limit=
    { read -r holder && read -r owner && read -r within && read -r limit; } <"$other/armed"
    began=
    look_at_uptime
    [ "$process" = - ] || { [ -r "$other/since" ] && read -r began <"$other/since"; }
    printf 'patchwave-lease\nguarded\n%s\n%s\n%s\n' "$holder" "$owner" "${within:-0}"
    printf '%s %s %s %s\n' "$stand" "$process" "$((now - ${began:-$now}))" "${limit:--}"
    exit 0
}
# Disables the guards of other runs whose watchdog is gone: they must not act in the middle of this run. $1: this run
give_up_others() {
    for other in "$base"/guards/*; do
        [ -e "$other/armed" ] && read -r holder <"$other/armed" && [ "$holder" != "$1" ] || continue
        look_at "$other"
        # If it was killed a moment ago, it is started again within a second.
        [ "$stand" = dead ] && sleep 2 && look_at "$other"
        [ "$stand" = dead ] && give_up "$other"
    done
}
