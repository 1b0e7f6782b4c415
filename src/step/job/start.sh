# Claims a job's folder, puts its files there, starts it, and looks at it: most changes have ended by then. Run again,
# it attaches; see `pid` in wrapper.sh.
# $1 … $6: those of `look`; $6, the run, must have this host's lease (empty: nothing is changed),
# $7 how the names of this step's own jobs begin (empty: the lease was asked for just now), $8 the wrapper,
# $9 the program, or ${10} how many lines of standard input it is, ${11} bytes of the script behind them,
# ${12} if this start may have come before: the boot in which that was, or `-`
umask 077
say() {
    printf 'patchwave-job %s %s\n' "$1" "$2"
    exit 0
}
full="cannot be written (is the disk full?)"
job=$base/jobs/$1
tells_begin=yes
! is_ours || ! [ -e "$job/pid" ] || look "$@"
# Which job was claimed last, in a place that is not restored together with the jobs' folders.
mark=$base/claimed
! [ -w "$root/run" ] || mark=$root/run/patchwave-claimed
# The job may have begun, and its folder be gone: somebody removed it, or restored /var. Then it must not begin again.
# After a reboot it cannot be told.
if [ -n "${12}" ] && is_ours && ! [ -d "$job" ]; then
    look_at_time
    claimed= seen_boot=
    [ -r "$mark" ] && read -r claimed <"$mark"
    [ -r "$base/lease.seen" ] && read -r seen seen_boot rest <"$base/lease.seen"
    case $this_boot in '' | "${12}" | "${seen_boot:-$this_boot}") ;; *) claimed=$1 ;; esac
    [ "$claimed" != "$1" ] || look "$@"
fi
# Before the lock is taken: the connection may be slow. A transfer that was cut must not start half a program.
program=$9
lines=${10}
while [ "$lines" -gt 0 ]; do
    IFS= read -r line || say refused "the job arrived incomplete"
    program=$program$line$newline
    lines=$((lines - 1))
done

if [ -n "$6" ] && [ -n "$7" ]; then
    # If anything is not as the run left it, the lease is asked for first (lease.sh). That made the folder private.
    is_ours && is_mine "$6" || say ask ""
    # Before the lock is taken: this may be slow. No other run's job can begin as long as the lease is this run's.
    look_at_time
    find_jobs_at_work "$7"
    [ -z "$jobs" ] || say ask ""
    job=$base/jobs/$1
    lock_lease || say refused "$error"
    is_mine "$6" || say ask ""
    for guard in "$base"/guards/*; do
        [ -e "$guard/armed" ] && read -r holder <"$guard/armed" && [ "$holder" != "$6" ] && say ask ""
    done
    [ -d "$base/jobs" ] || make_private "$base/jobs" || say refused "$error"
else
    for folder in "$base" "$base/jobs"; do
        make_private "$folder" || say refused "$error"
    done
fi
# The lease may have gone to another run since it was taken: this machine, or the controller, may have slept. Whoever
# takes it finds the claim, or the claim finds that it was taken.
if [ -n "$6" ] && [ -z "$7" ]; then
    lock_lease || say refused "$error"
    if ! is_mine "$6"; then
        # An earlier start of it may be on its way.
        if [ -d "$job" ]; then
            forbid "$job"
            case $? in 1) exec 9>&- && look "$@" ;; 2) say refused "$job $full" ;; esac
        fi
        is_lost "$6"
        say lost "${thief:--} $boss"
    fi
fi
[ -d "$job" ] || error=$(mkdir "$job" 2>&1) || [ -d "$job" ] || say refused "$error"
printf '%s\n' "$1" 2>/dev/null >"$mark"
# What begins below must not keep the lock.
[ -z "$6" ] || exec 9>&-

# Two starts of one job have files of their own, so that neither finds a half of the other's.
printf '%s' "$program" >"$job/run.$$" && printf '%s\n' "$8" >"$job/wrapper.$$" || say refused "$job $full"
if [ "${11}" -gt 0 ] && ! [ -e "$job/script" ]; then
    cat >"$job/script.$$" || say refused "$job/script $full"
    [ "$(wc -c <"$job/script.$$")" -eq "${11}" ] || say refused "the job arrived incomplete"
    chmod 700 "$job/script.$$" && mv -f "$job/script.$$" "$job/script" || say refused "$job/script cannot be made"
fi

# A small change ends while a process waits for it: that is cheaper than to look again and again. The limit ends the
# process that waits, never the job. With so little time the process that waits might end before it has started
# anything.
tell= wait= spent=$5
[ "$spent" -le "$4" ] || spent=$4
[ "$spent" -lt 20 ] || tell=tell
case $spent in ?) ;; ??) wait="timeout 0.$spent" ;; *) wait="timeout ${spent%??}.${spent#"${spent%??}"}" ;; esac
if [ "$me" = 0 ] && [ -d "$root/run/systemd/system" ] && command -v systemd-run >/dev/null 2>&1; then
    # In a unit the job outlives its session even with KillUserProcesses=yes. No option here may give it a mount
    # namespace: a package manager may take that for a chroot and ignore phasing. Old versions do not know --pipe, older
    # ones not TimeoutStopSec here.
    for patience in ${tell:+TimeoutStopSec=infinity} TimeoutStopSec=infinity SendSIGHUP=no; do
        ${tell:+$wait} systemd-run --quiet ${tell:+--wait --pipe} --unit="patchwave-$1" -p KillMode=process \
            -p "$patience" /bin/sh "$job/wrapper.$$" "$job" "$$" $tell </dev/null >&2 2>"$job/start.log"
        code=$?
        [ "$code" = 124 ] || spent=0
        [ "$code" != 0 ] || look "$@"
        [ -e "$job/pid" ] && look "$@"
        systemctl is-active --quiet "patchwave-$1" && look "$@"
        tell=
    done
    say refused "systemd-run: $(tail -n 1 "$job/start.log")"
fi
if [ -n "$tell" ]; then
    $wait setsid -f -w /bin/sh "$job/wrapper.$$" "$job" "$$" tell </dev/null >&2 2>/dev/null
    code=$?
    [ "$code" = 124 ] || spent=0
    # Other programs of these names do not know the options or the time, and have started nothing.
    case $code in 1 | 12[567]) [ -e "$job/pid" ] && look "$@" ;; *) look "$@" ;; esac
fi
spent=0
setsid -f /bin/sh "$job/wrapper.$$" "$job" "$$" </dev/null >/dev/null 2>&1 && look "$@"
command -v setsid >/dev/null 2>&1 || say refused "there is neither systemd nor setsid"
setsid /bin/sh "$job/wrapper.$$" "$job" "$$" </dev/null >/dev/null 2>&1 &
look "$@"
