# Gives the host's lease back, if it is this run's and no job of it works any more. $1 run
# A job that was left alone at its deadline still changes the host; then the lease ends by itself.
for job in "$base/jobs/$1".*; do
    [ -e "$job/pid" ] && ! [ -e "$job/rc" ] || continue
    if alive "$job/pid" || alive "$job/child"; then exit 0; fi
done
[ -r "$base/lease" ] && read -r holder <"$base/lease" && [ "$holder" = "$1" ] && rm -f "$base/lease"
exit 0
