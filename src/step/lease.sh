# Takes this host's lease for a run, or says who has it. First line of the file: the run; then the owner; then since when.
# $1 run, $2 owner, $3 seconds without a sign of life after which a lease counts no more,
# $4 the run from which it is taken all the same
umask 077
say() {
    printf 'patchwave-lease\n%s\n' "$1"
    exit 0
}
[ -L "$base" ] && say "refused $base is a symbolic link"
[ -d "$base" ] || error=$(mkdir -p "$base" 2>&1) || [ -d "$base" ] || say "refused $error"
[ -O "$base" ] || say "refused $base belongs to another user"
chmod 700 "$base" || say "refused the mode of $base cannot be set"
lease=$base/lease
if armed_by_another "$1"; then
    { read -r holder && read -r owner && read -r within; } <"$other/armed"
    printf 'patchwave-lease\nguarded\n%s\n%s\n%s\n' "$holder" "$owner" "${within:-0}"
    exit 0
fi
# Two jump boxes that find the same stale lease must not both take it.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$base/lease.lock" || say "refused $base cannot be written (is the disk full?)"
    flock -w 10 9 || say "refused $base/lease.lock is held"
fi
now=$(date +%s)
if [ -e "$lease" ]; then
    holder= owner= since=
    { read -r holder && read -r owner && read -r since; } <"$lease"
    if [ "$holder" = "$1" ]; then
        touch -c "$lease"
        say held
    fi
    age=$((now - $(stat -c %Y "$lease")))
    # An empty lease is one whose disk was full; a lease of the future, one of a host whose clock was wrong.
    if [ -n "$holder" ] && [ "$holder" != "$4" ] && [ "$age" -lt "$3" ] && [ "$age" -gt -86400 ]; then
        printf 'patchwave-lease\nother\n%s\n%s\n%s\n%s\n' "$holder" "$owner" "${since:-0}" "$age"
        exit 0
    fi
    rm -f "$lease"
fi
printf '%s\n%s\n%s\n' "$1" "$2" "$now" >"$lease.$$" || say "refused $lease cannot be written (is the disk full?)"
if ln "$lease.$$" "$lease" 2>/dev/null; then word=taken; else word="refused another run took the lease just now"; fi
rm -f "$lease.$$"
say "$word"
