# Gives the host's lease back, if it is this run's and no job of it works any more; says whether another took it. $1 run
umask 077
is_ours || exit 0
# The walk is over: what its jobs came to is recorded.
for job in "$base/jobs/$1".*; do
    [ -e "$job/rc" ] && ! [ -e "$job/acked" ] && printf '' >"$job/acked"
done
# A job that was left alone at its deadline still changes the host; then the lease stays as long as it works.
look_at_time
if was_taken "$1"; then
    printf 'patchwave-lease\nlost\n%s\n%s\n' "$thief" "$boss"
    exit 0
fi
printf 'patchwave-lease\nheld\n'
lock_lease || exit 0
for job in "$base/jobs/$1".*; do
    # One that was claimed and has not begun would begin without a lease.
    [ -d "$job" ] && ! [ -e "$job/pid" ] && ! [ -e "$job/rc" ] && forbid "$job"
    works "$job" && exit 0
done
is_mine "$1" && rm -f "$base/lease" "$base"/lease.seen*
exit 0
