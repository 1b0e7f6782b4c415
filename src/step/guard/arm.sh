# Arms a guard: a watchdog on this host that runs a rollback unless it is told in time not to. Sent again, it attaches.
# $1 id, $2 run, $3 owner, $4 seconds, $5 `boot`: it must outlive a reboot, $6 bytes on standard input, $7 the watchdog
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
[ -e "$guard/verdict" ] && say over ""
[ -e "$guard/armed" ] && alive "$guard/pid" && say armed ""
armed_by_another "$2" && say refused "the guard ${other##*/} of run $holder is armed"
# Guards of the past whose end has been recorded.
find "$base/guards" -mindepth 1 -maxdepth 1 -type d -mtime +7 2>/dev/null | head -n 20 | while read -r old; do
    case ${old##*/} in "$1" | *[!A-Za-z0-9.-]*) continue ;; esac
    [ -e "$old/acked" ] && remove "$old"
done

error=$(mkdir "$guard" 2>&1) || [ -d "$guard" ] || say refused "$error"
unit_of "$guard"
# Nothing has been changed yet: it never was.
abandon() {
    (set -C && printf 'confirmed\n' >"$guard/verdict") 2>/dev/null
    rm -f "$unit" "$wanted"
    [ -z "$systemd" ] || systemctl daemon-reload >/dev/null 2>&1
    remove "$guard"
    say refused "$1"
}
if ! [ -e "$guard/armed" ]; then
    cat >"$guard/rollback.$$" || abandon "$guard cannot be written (is the disk full?)"
    [ "$(wc -c <"$guard/rollback.$$")" -eq "$6" ] || abandon "the rollback arrived incomplete"
    # All that the watchdog will need is laid out now: later the disk may be full, and a link or a name needs no room.
    mv -f "$guard/rollback.$$" "$guard/rollback" && printf '%s\n' "$7" >"$guard/watch" &&
        printf 'confirmed\n' >"$guard/confirmed" && printf 'rolled-back\n' >"$guard/rolled-back" &&
        printf '%-3s\n' "" >"$guard/rc.tmp" && : >"$guard/out" && : >"$guard/ready" &&
        cat "$root/proc/sys/kernel/random/boot_id" >"$guard/boots" &&
        printf '%s\n%s\n%s\n' "$2" "$3" "$4" >"$guard/armed.$$" && mv -f "$guard/armed.$$" "$guard/armed" ||
        abandon "$guard cannot be written (is the disk full?)"
fi
sync "$guard"/* "$guard" "$base/guards" 2>/dev/null

if [ -n "$systemd" ]; then
    # Early in the boot, and spared by rescue and emergency mode: a rollback may be what brings the host back up.
    # It is no transient unit, because it must outlive a reboot, whoever asks for that one.
    printf '%s\n' "[Unit]" "Description=Guard of patchwave run $2: rolls back unless confirmed" \
        "DefaultDependencies=no" "RequiresMountsFor=$base" "After=systemd-remount-fs.service" \
        "Conflicts=shutdown.target" "Before=shutdown.target" "IgnoreOnIsolate=yes" \
        "[Service]" "ExecStart=/bin/sh $guard/watch $guard" "KillMode=process" "SendSIGHUP=no" \
        "TimeoutStopSec=infinity" "Restart=on-abnormal" "OOMScoreAdjust=-900" >"$guard/unit" &&
        error=$(mkdir -p "${wanted%/*}" 2>&1 && cp "$guard/unit" "$unit.$$" 2>&1 && mv -f "$unit.$$" "$unit" 2>&1 &&
            ln -sf "../${unit##*/}" "$wanted" 2>&1) ||
        abandon "$unit cannot be written: $error"
    sync "$unit" "${unit%/*}" "${wanted%/*}" 2>/dev/null
    error=$(systemctl daemon-reload 2>&1 && systemctl start "${unit##*/}" 2>&1) || abandon "systemctl: $error"
elif ! setsid -f /bin/sh "$guard/watch" "$guard" </dev/null >/dev/null 2>&1; then
    setsid /bin/sh "$guard/watch" "$guard" </dev/null >/dev/null 2>&1 &
fi
# It is armed when the watchdog itself has said that it lives.
waited=0
while [ "$waited" -lt 200 ]; do
    alive "$guard/pid" && say armed ""
    if [ "$waited" -lt 30 ] && sleep 0.1 2>/dev/null; then
        waited=$((waited + 1))
    else
        sleep 1
        waited=$((waited + 10))
    fi
done
abandon "the watchdog did not begin in time"
