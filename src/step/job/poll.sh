# Tells how a job stands and what it wrote from an offset on; waits a while for news.
# $1 id, $2 offset, $3 most bytes, $4 seconds to wait, $5 run
job=$base/jobs/$1
umask 077
look_at_time
now=$this_boot
# What somebody else put there says nothing about a job of ours.
if ! is_ours || ! [ -d "$job" ]; then
    printf 'patchwave-job absent - 0 - %s\n' "${now:--}"
    exit 0
fi
# A long job keeps its run's lease fresh.
sign "$5"

pid=
waited=0
while :; do
    if [ -e "$job/rc" ]; then
        state=done
    elif ! [ -e "$job/pid" ]; then
        state=claimed
    elif alive "$job/pid" || alive "$job/child"; then
        state=alive
    elif [ -e "$job/rc" ]; then
        state=done
    elif [ "$pid" = cancelled ]; then
        state=cancelled
    else
        state=gone
    fi
    size=0
    [ -e "$job/out" ] && size=$(($(wc -c <"$job/out")))
    case $state in done | gone | cancelled) break ;; esac
    [ "$size" -gt "$2" ] && break
    [ "$waited" -ge "${4}0" ] && break
    if [ "$waited" -lt 10 ] && sleep 0.2 2>/dev/null; then
        waited=$((waited + 2))
    else
        sleep 1
        waited=$((waited + 10))
    fi
done
rc=-
boot=-
[ "$state" = done ] && read -r rc <"$job/rc"
[ -r "$job/pid" ] && read -r pid start boot <"$job/pid"
lost=
# One word: `~` is a space.
if is_lost "$5"; then lost="$thief $(printf '%s' "$boss" | tr ' ' '~' | tr -c 'A-Za-z0-9@._+()~-' '[_*]')"; fi
printf 'patchwave-job %s %s %s %s %s %s\n' "$state" "${rc:--}" "$size" "${boot:--}" "${now:--}" "$lost"
[ "$size" -gt "$2" ] && tail -c "+$(($2 + 1))" "$job/out" | head -c "$3"
exit 0
