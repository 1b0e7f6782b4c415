# Runs a job exactly once, however often it is started, and leaves its output and exit code.
# $1: the job's folder, $2: how the names of its starter's files end, $3: if given, standard output hears that it begins
job=$1
run=$job/run.$2
tell=${3-}
cd / || exit 1
umask 077
set -f
read -r stat <"/proc/$$/stat"
# Field 22 is the start time. Field 2, the name, may hold spaces and brackets.
set -- ${stat##*) }
boot=
file=${PATCHWAVE_ROOT-}/proc/sys/kernel/random/boot_id
[ -r "$file" ] && read -r boot <"$file"
# The room for the exit code is taken now: afterwards the disk may be full. Without room nothing begins.
if ! printf '%s %s %s\n' "$$" "${20}" "${boot:--}" >"$job/pid.$$" || ! printf '%-3s\n' "" >"$job/rc.$$"; then
    rm -f "$job/pid.$$" "$job/rc.$$"
    exit 1
fi
# A hard link is made whole or not at all, and once: the process that makes `pid` is the one that runs.
if ! ln "$job/pid.$$" "$job/pid" 2>/dev/null; then
    rm -f "$job/pid.$$" "$job/rc.$$" "$run"
    # A job that is over, or never begins, does not need its file.
    first=
    read -r first rest <"$job/pid"
    if [ -e "$job/rc" ] || [ "$first" = cancelled ]; then rm -f "$job/script"; fi
    exit 0
fi
# A handler, not an ignored signal: that would be inherited. A shutdown asks this shell to end, and it ends afterwards.
# Whoever should hear that it begins may be gone.
trap : HUP INT TERM PIPE
[ -z "$tell" ] || printf '\npatchwave-job begun %s\n' "${boot:--}" 2>/dev/null
# As long as it is open, so is the connection's channel.
exec >/dev/null 2>&1
# After a loss of power it must be known that it began.
sync "$job/rc.$$" "$job/pid" "$job" "${job%/*}"
# In some containers it cannot be read.
began= over=
{ read -r began rest </proc/uptime; } 2>/dev/null
/bin/sh "$run" "$job" </dev/null >"$job/out" 2>&1
rc=$?
# They may hold secrets of the playbook.
printf '' >"$run"
[ -e "$job/script" ] && rm -f "$job/script"
# So may those of a start that was cut before its wrapper began.
set +f
for file in "$job"/run.* "$job"/script.*; do
    [ "$file" = "$run" ] || ! [ -e "$file" ] || rm -f "$file"
done
{ read -r over rest </proc/uptime; } 2>/dev/null
took=3
case ${began%%.*}:${over%%.*} in :* | *: | *[!0-9:]*) ;; *) took=$((${over%%.*} - ${began%%.*})) ;; esac
# Who started a short one waits for its end, and an empty file is no end.
[ "$took" -lt 3 ] && printf '%-3s\n' "$rc" >"$job/rc" && exit 0
printf '%-3s\n' "$rc" 1<>"$job/rc.$$"
[ "$took" -lt 3 ] || sync "$job/rc.$$" "$job/out"
mv -f "$job/rc.$$" "$job/rc"
exit 0
