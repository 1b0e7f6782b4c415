# Runs a job exactly once, however often it is started, and leaves its output and exit code. $1: the job's folder.
job=$1
cd / || exit 1
umask 077
set -f
stat=$(cat "/proc/$$/stat")
# Field 22 is the start time. Field 2, the name, may hold spaces and brackets.
set -- ${stat##*) }
boot=$(cat "${PATCHWAVE_ROOT-}/proc/sys/kernel/random/boot_id")
# The room for the exit code is taken now: afterwards the disk may be full. Without room nothing begins.
if ! printf '%s %s %s\n' "$$" "${20}" "${boot:--}" >"$job/pid.$$" || ! printf '%-3s\n' "" >"$job/rc.$$"; then
    rm -f "$job/pid.$$" "$job/rc.$$"
    exit 1
fi
# A hard link is made whole or not at all, and once: the process that makes `pid` is the one that runs.
if ! ln "$job/pid.$$" "$job/pid" 2>/dev/null; then
    rm -f "$job/pid.$$" "$job/rc.$$"
    exit 0
fi
rm -f "$job/pid.$$"
mv -f "$job/rc.$$" "$job/rc.tmp"
sync "$job/rc.tmp" "$job/pid" "$job" "${job%/*}" 2>/dev/null
# A handler, not an ignored signal: that would be inherited. A shutdown asks this shell to end, and it ends afterwards.
trap : HUP INT TERM
/bin/sh "$job/run" "$job" </dev/null >"$job/out" 2>&1
rc=$?
# They may hold secrets of the playbook.
rm -f "$job/run" "$job/script"
printf '%-3s\n' "$rc" 1<>"$job/rc.tmp"
sync "$job/rc.tmp" "$job/out" 2>/dev/null
mv -f "$job/rc.tmp" "$job/rc"
exit 0
