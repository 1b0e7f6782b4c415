# Claims a job's folder, puts its files there and starts it. Run again, it attaches; see `pid` in wrapper.sh.
# $1 id, $2 bytes on standard input, $3 first byte of the script in them (0: none), $4 the wrapper,
# $5 the run whose lease this host must be (empty: nothing is changed)
umask 077
say() {
    printf 'patchwave-job %s %s\n' "$1" "$2"
    exit 0
}
for folder in "$base" "$base/jobs"; do
    make_private "$folder" || say refused "$error"
done
job=$base/jobs/$1
[ -e "$job/pid" ] && say attached ""
# The lease may have gone to another run since it was taken: this machine, or the controller, may have slept. Whoever
# takes it finds the claim, or the claim finds that it was taken.
if [ -n "$5" ]; then
    lock_lease || say refused "$error"
    if ! is_mine "$5"; then
        # An earlier start of it may be on its way.
        if [ -d "$job" ]; then
            forbid "$job"
            case $? in 1) say attached "" ;; 2) say refused "$job cannot be written (is the disk full?)" ;; esac
        fi
        is_lost "$5"
        say lost "${thief:--} $boss"
    fi
fi
error=$(mkdir "$job" 2>&1) || [ -d "$job" ] || say refused "$error"
# What begins below must not keep the lock.
[ -z "$5" ] || exec 9>&-

# A transfer that was cut must not start half a script: files get their names only when they are whole.
if ! [ -e "$job/run" ]; then
    cat >"$job/run.$$" || say refused "$job/run cannot be written (is the disk full?)"
    [ "$(wc -c <"$job/run.$$")" -eq "$2" ] || say refused "the job arrived incomplete"
    if [ "$3" -gt 0 ]; then
        tail -c "+$3" "$job/run.$$" >"$job/script.$$"
        [ "$(wc -c <"$job/script.$$")" -eq "$(($2 - $3 + 1))" ] || say refused "$job/script cannot be written"
        chmod 700 "$job/script.$$" && mv -f "$job/script.$$" "$job/script" || say refused "$job/script cannot be made"
    fi
    printf '%s\n' "$4" >"$job/wrapper.$$" && mv -f "$job/wrapper.$$" "$job/wrapper" &&
        mv -f "$job/run.$$" "$job/run" || say refused "$job cannot be written (is the disk full?)"
fi

# Folders of the past whose end has been recorded; a few at a time.
find "$base/jobs" -mindepth 1 -maxdepth 1 -type d -mtime +7 2>/dev/null | head -n 20 | while read -r old; do
    case ${old##*/} in "$1" | *[!A-Za-z0-9.-]*) continue ;; esac
    [ -e "$old/acked" ] && rm -rf "$old"
done

if [ "$me" = 0 ] && [ -d "$root/run/systemd/system" ] && command -v systemd-run >/dev/null 2>&1; then
    # In a unit the job outlives its session even with KillUserProcesses=yes. No option here may give it a mount
    # namespace: a package manager may take that for a chroot and ignore phasing. Old versions do not know
    # TimeoutStopSec here.
    for patience in TimeoutStopSec=infinity SendSIGHUP=no; do
        systemd-run --quiet --unit="patchwave-$1" -p KillMode=process -p "$patience" \
            /bin/sh "$job/wrapper" "$job" </dev/null >"$job/start.log" 2>&1 && say started unit
        [ -e "$job/pid" ] && say attached ""
        systemctl is-active --quiet "patchwave-$1" && say attached ""
    done
    say refused "systemd-run: $(tail -n 1 "$job/start.log")"
fi
setsid -f /bin/sh "$job/wrapper" "$job" </dev/null >/dev/null 2>&1 && say started session
command -v setsid >/dev/null 2>&1 || say refused "there is neither systemd nor setsid"
setsid /bin/sh "$job/wrapper" "$job" </dev/null >/dev/null 2>&1 &
say started session
