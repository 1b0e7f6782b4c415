# Arms a guard: a watchdog on this host that runs a rollback unless it is confirmed in time. Sent again, it attaches.
# $1 id, $2 run, $3 owner, $4 seconds, $5 `boot`: it must outlive a reboot, $6 bytes on standard input, $7 the watchdog,
# $8 seconds that the rollback may take
umask 077
say() {
    printf 'patchwave-guard %s %s\n' "$1" "$2"
    exit 0
}
[ "$me" = 0 ] || [ -n "$root" ] || say refused "it needs the rights of root (become)"
systemd=
[ -d "$root/run/systemd/system" ] && command -v systemctl >/dev/null 2>&1 && systemd=1
if [ -z "$systemd" ]; then
    [ "$5" = boot ] && say refused "without systemd it would not outlive the reboot"
    command -v setsid >/dev/null 2>&1 || say refused "there is neither systemd nor setsid"
fi
read -r up rest </proc/uptime || say refused "this host does not say how long it has been up"
for folder in "$base" "$base/guards"; do
    [ -L "$folder" ] && say refused "$folder is a symbolic link"
    [ -d "$folder" ] || error=$(mkdir -p "$folder" 2>&1) || [ -d "$folder" ] || say refused "$error"
    [ -O "$folder" ] || say refused "$folder belongs to another user"
    chmod 700 "$folder" || say refused "the mode of $folder cannot be set"
done
guard=$base/guards/$1
# Two runs that both find no guard must not each arm one.
if command -v flock >/dev/null 2>&1; then
    (: >>"$base/guard.lock") 2>/dev/null || say refused "$base cannot be written (is the disk full?)"
    exec 9>>"$base/guard.lock"
    flock -w 10 9 || say refused "$base/guard.lock is held"
fi
look_at "$guard"
[ "$stand" = lost ] && say lost "its watchdog was gone"
[ -e "$guard/verdict" ] && say over ""
attached() {
    # Its run is back on the host: the boots until now were no sign of trouble.
    [ -e "$guard/seen" ] && printf '%-6s\n' "$(($(wc -l <"$guard/boots") - 1))" 1<>"$guard/seen"
    say armed ""
}
case $stand in armed | held) attached ;; esac
armed_by_another "$2" && say refused "the guard ${other##*/} of run $holder is armed"
# Old guards whose end has been recorded.
find "$base/guards" -mindepth 1 -maxdepth 1 -type d -mtime +7 2>/dev/null | head -n 20 | while read -r old; do
    case ${old##*/} in "$1" | *[!A-Za-z0-9.-]*) continue ;; esac
    [ -e "$old/acked" ] && remove "$old"
done

again=
[ -e "$guard/armed" ] && again=1
error=$(mkdir "$guard" 2>&1) || [ -d "$guard" ] || say refused "$error"
# If this is the first arming, nothing has been changed yet, so the guard is removed. Otherwise the guard is over, and
# that is reported.
abandon() {
    if [ -n "$again" ]; then
        give_up "$guard"
        say lost "$1"
    fi
    (set -C && printf 'confirmed\n' >"$guard/verdict") 2>/dev/null
    drop_unit "$guard"
    remove "$guard"
    say refused "$1"
}
if [ -z "$again" ]; then
    cat >"$guard/rollback.$$" || abandon "$guard cannot be written (is the disk full?)"
    [ "$(wc -c <"$guard/rollback.$$")" -eq "$6" ] || abandon "the rollback arrived incomplete"
    # Everything that the watchdog will need is created now. Later the disk may be full; but a link, a new name, or
    # bytes in an existing file need no room.
    mv -f "$guard/rollback.$$" "$guard/rollback" && printf '%s\n' "$7" >"$guard/watch" &&
        printf 'confirmed\n' >"$guard/confirmed" && printf 'rolled-back\n' >"$guard/rolled-back" &&
        printf 'lost\n' >"$guard/lost" && : >"$guard/asked" && : >"$guard/idle" && : >"$guard/ready" && : >"$guard/out" &&
        printf '%-3s\n' "" >"$guard/rc.tmp" && printf '%-6s\n' 0 >"$guard/seen" &&
        for file in pid keeper runner late.tmp; do printf '%-40s\n' "- -" >"$guard/$file" || break; done &&
        [ -s "$guard/late.tmp" ] && printf '%-20s\n' 0 >"$guard/since" && date +%s >"$guard/beat" &&
        cat "$root/proc/sys/kernel/random/boot_id" >"$guard/boots" &&
        printf '%s\n%s\n%s\n%s\n' "$2" "$3" "$4" "$8" >"$guard/armed.$$" ||
        abandon "$guard cannot be written (is the disk full?)"
fi
if [ -n "$systemd" ] && ! [ -e "$guard/unit" ]; then
    # The unit starts early in the boot and keeps running in rescue and emergency mode: a rollback may be what brings
    # the host back up. It is not a transient unit, because it must outlive a reboot, planned or not. It cannot be
    # stopped by accident, and unless it ends by itself it is started again. (Old versions do not know OOMPolicy.)
    unit_of "$guard"
    printf '%s\n' "[Unit]" "Description=Guard of patchwave run $2: rolls back unless confirmed" \
        "DefaultDependencies=no" "RequiresMountsFor=$base" "After=systemd-remount-fs.service" \
        "ConditionPathExists=$guard/watch" "RefuseManualStop=yes" \
        "Conflicts=shutdown.target" "Before=shutdown.target" "IgnoreOnIsolate=yes" \
        "[Service]" "ExecStart=/bin/sh $guard/watch $guard" "KillMode=process" "SendSIGHUP=no" \
        "TimeoutStopSec=infinity" "Restart=always" "RestartSec=1" "RestartPreventExitStatus=0" \
        "StartLimitInterval=0" "OOMPolicy=continue" "OOMScoreAdjust=-900" >"$guard/unit" ||
        abandon "$guard cannot be written (is the disk full?)"
fi
if [ -z "$again" ]; then
    mv -f "$guard/armed.$$" "$guard/armed" || abandon "$guard cannot be written"
fi
sync "$guard"/* "$guard" "$base/guards" 2>/dev/null
# An old guard is armed again on purpose, so its time restarts.
[ -z "$again" ] || printf '%-20s\n' "$(date +%s)" 1<>"$guard/beat"
start_watch "$guard" 9>&- || abandon "$error"
# It counts as armed when the watchdog itself is alive.
waited=0
while [ "$waited" -lt 200 ]; do
    alive "$guard/pid" && attached
    if [ "$waited" -lt 30 ] && sleep 0.1 2>/dev/null; then
        waited=$((waited + 1))
    else
        sleep 1
        waited=$((waited + 10))
    fi
done
abandon "the watchdog did not begin in time"
