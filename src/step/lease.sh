# Takes this host's lease for a run, or says who has it, or whose job works here.
# $1 run, $2 owner, $3 how the names of this step's own jobs begin,
# $4 the run from which the lease is taken (none: '-'),
# $5 for how many seconds that one must have given no sign of life, $6 `steal`: even while jobs work, if they are
# those of $7, a line each, which were recorded
umask 077
# The machine's id goes with it: it is recorded before the first change.
machine=
for file in "$root/etc/machine-id" "$root/var/lib/dbus/machine-id"; do
    [ -z "$machine" ] && [ -r "$file" ] && read -r machine <"$file"
done
say() {
    printf 'patchwave-lease\n%s\n%s\n' "$1" "${machine:-none}"
    exit 0
}
make_private "$base" || say "refused $error"
lease=$base/lease
if armed_by_another "$1"; then
    tell_guarded
fi
# Two jump boxes that find the same stale lease must not both take it, and no job may be claimed while it is taken.
lock_lease || say "refused $error"
look_at_time

# Seconds since the last sign of life of the lease's run. While the host is down nobody can give one: they begin again
# with each boot.
age_of_lease() {
    seen= seen_boot= seen_up=
    [ -r "$base/lease.seen" ] && read -r seen seen_boot seen_up rest <"$base/lease.seen"
    case $up$seen_up in '' | *[!0-9]*) seen= ;; esac
    if [ "$seen" != "$holder" ]; then
        # One of an older patchwave: by the wall clock. One of the far future is of a time when the clock was wrong.
        age=$(($(date +%s) - $(stat -c %Y "$lease")))
        [ "$age" -gt -86400 ] || age=$((0 - age))
        [ "$age" -gt 0 ] || age=0
    elif [ "$seen_boot" = "${this_boot:--}" ] && [ "$up" -ge "$seen_up" ]; then
        age=$((up - seen_up))
    else
        age=$up
    fi
}
other() {
    printf 'patchwave-lease\nother\n%s\n%s\n%s\n%s\n' "$1" "$2" "$3" "$jobs" | head -n 40
    exit 0
}
holder= owner= age=0
[ -r "$lease" ] && { read -r holder && read -r owner; } <"$lease"
[ -z "$holder" ] || age_of_lease
find_jobs_at_work "$3"
if [ -n "$holder" ] && [ "$holder" = "$1" ]; then
    [ -z "$jobs" ] || other "$1" "$owner" 0
    sign "$1"
    say held
fi
if was_taken "$1" && [ "$6" != steal ]; then
    printf 'patchwave-lease\nlost\n%s\n%s\n%s\n' "$thief" "$boss" "$jobs" | head -n 40
    exit 0
fi
# An empty lease is one whose disk was full.
if [ -n "$holder" ] && { [ "$holder" != "$4" ] || [ "$age" -lt "$5" ]; }; then other "$holder" "$owner" "$age"; fi
none_at_work() {
    [ -z "$jobs" ] || { [ "$6" = steal ] && [ "$jobs" = "$7" ]; } || other "${holder:-${jobs%%.*}}" "$owner" "$age"
}
none_at_work "$@"
# What was claimed and has not begun never will: no job may begin after the host has become another run's.
for job in "$base"/jobs/*; do
    case ${job##*/} in "$1".*) continue ;; esac
    [ -d "$job" ] && ! [ -e "$job/pid" ] && ! [ -e "$job/rc" ] && forbid "$job"
done
find_jobs_at_work "$3"
none_at_work "$@"
full="cannot be written (is the disk full?)"
printf '%s\n%s\n%s\n' "$1" "$2" "$(date +%s)" >"$lease.$$" || say "refused $lease $full"
case $holder in
'' | *[!A-Za-z0-9.-]* | .*) ;;
*)
    mkdir -p "$base/lost" && printf '%s\n%s\n' "$1" "$2" >"$base/lost/.new" &&
        mv -f "$base/lost/.new" "$base/lost/$holder" || say "refused $base/lost $full"
    find "$base/lost" -type f -mtime +90 2>/dev/null | head -n 20 | while read -r old; do rm -f "$old"; done
    ;;
esac
rm -f "$base/lost/$1" "$lease" "$lease".seen*
if ln "$lease.$$" "$lease" 2>/dev/null; then
    word=taken
    give_up_others "$1"
else
    word="refused another run took the lease just now"
fi
rm -f "$lease.$$"
sign "$1"
# What follows needs no lock.
exec 9>&-
# Removes job folders of the past, a few at a time. $1: this run, $2: their age in days, $3: the file that they have
remove_old_jobs() {
    left=20
    find "$base/jobs" -mindepth 1 -maxdepth 1 -type d -mtime "+$2" 2>/dev/null | while read -r old; do
        case ${old##*/} in "$1".* | *[!A-Za-z0-9.-]*) continue ;; esac
        [ -e "$old/$3" ] && rm -rf "$old" && left=$((left - 1))
        [ "$left" -gt 0 ] || break
    done
}
if [ "$word" = taken ]; then
    remove_old_jobs "$1" 7 acked
    # The end of these was never recorded: their run was not finished.
    remove_old_jobs "$1" 90 rc
fi
say "$word"
