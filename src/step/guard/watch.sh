# A guard's watchdog: rolls back unless the verdict `confirmed` comes first. $1: the guard's folder
guard=$1
root=${PATCHWAVE_ROOT-}
base=${guard%/guards/*}
LC_ALL=C PATH="${PATCHWAVE_ROOT:+$PATCHWAVE_ROOT/bin:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LC_ALL PATH
cd / || exit 1
umask 077
[ -e "$guard/armed" ] || exit 0
{ read -r run && read -r owner && read -r within; } <"$guard/armed"

# Each boot begins the time anew, for nobody can confirm while the host is down. One that boots over and over is in
# trouble: it gets no more time.
boot=$(cat "$root/proc/sys/kernel/random/boot_id")
grep -qx "$boot" "$guard/boots" 2>/dev/null || printf '%s\n' "$boot" >>"$guard/boots"
[ "$(wc -l <"$guard/boots")" -le 3 ] || within=0

# It lives.
set -f
stat=$(cat "/proc/$$/stat")
set -- ${stat##*) }
set +f
printf '%s %s\n' "$$" "${20}" >"$guard/pid.$$" && mv -f "$guard/pid.$$" "$guard/pid"

# Seconds since the boot: no clock that is set can make it early or late.
uptime=$root/proc/uptime
[ -r "$uptime" ] || uptime=/proc/uptime
look_at_time() {
    read -r now rest <"$uptime"
    now=${now%%.*}
}
# Whether a job of ours runs. A transaction is never rolled back in its middle.
job_runs() {
    for job in "$base"/jobs/*; do
        [ -e "$job/pid" ] && ! [ -e "$job/rc" ] || continue
        if alive "$job/pid" || alive "$job/child"; then return; fi
    done
    return 1
}

look_at_time
since=$now
while ! [ -e "$guard/verdict" ]; do
    # Whoever gave the arming up took it away.
    [ -e "$guard/armed" ] || exit 0
    if job_runs || [ "$now" -lt "$since" ]; then
        since=$now
    elif [ -e "$guard/now" ] || [ "$((now - since))" -ge "$within" ]; then
        # A link is made whole or not at all, and once: this one, or the one of the confirmation.
        ln "$guard/rolled-back" "$guard/verdict" 2>/dev/null && continue
    fi
    sleep 1
    look_at_time
done
read -r verdict <"$guard/verdict"
if [ "$verdict" = rolled-back ]; then
    sync "$guard/verdict" "$guard" 2>/dev/null
    # One that began in this very moment: it looks at the verdict after it has said that it lives.
    while job_runs; do sleep 1; done
    # Renamed once: whoever does it rolls back, and nobody ever again.
    if mv "$guard/ready" "$guard/begun" 2>/dev/null; then
        sync "$guard" 2>/dev/null
        trap : HUP INT TERM
        /bin/sh "$guard/rollback" "$guard" </dev/null >"$guard/out" 2>&1
        rc=$?
        # It may hold secrets of the playbook.
        rm -f "$guard/rollback"
        printf '%-3s\n' "$rc" 1<>"$guard/rc.tmp"
        sync "$guard/rc.tmp" "$guard/out" 2>/dev/null
        mv -f "$guard/rc.tmp" "$guard/rc"
        sync "$guard" 2>/dev/null
    fi
fi
unit_of "$guard"
if [ -e "$unit" ]; then
    rm -f "$unit" "$wanted"
    systemctl daemon-reload >/dev/null 2>&1
fi
exit 0
