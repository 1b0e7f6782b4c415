# The host's lease. `lease`: run, owner, since when. `lease.seen`: run, boot and uptime of its last sign of life.
# `lost/RUN`: who took the lease from RUN while it had it.

# Makes a folder that is this user's alone, or fails with a text in `error`: in /var/tmp somebody else may have been
# first. $1: the folder
make_private() {
    error="$1 is a symbolic link"
    [ -L "$1" ] && return 1
    [ -d "$1" ] || error=$(mkdir -p "$1" 2>&1) || [ -d "$1" ] || return 1
    error="$1 belongs to another user"
    [ -O "$1" ] || return 1
    # It may have come in this very moment. Once the folder itself is ours nobody else can put another one in its place.
    error="$1 is a symbolic link"
    [ -L "$1" ] && return 1
    error="others may write to $1: look at what is in it, then chmod 700 $1"
    case $(stat -c %a "$1") in *[2367] | *[2367]?) return 1 ;; esac
    error="the mode of $1 cannot be set"
    chmod 700 "$1"
}
# Seconds since the boot: a wall clock that is set makes no lease older or younger.
look_at_time() {
    this_boot=
    file=$root/proc/sys/kernel/random/boot_id
    [ -r "$file" ] && read -r this_boot <"$file"
    uptime=$root/proc/uptime
    [ -r "$uptime" ] || uptime=/proc/uptime
    up=
    read -r up rest <"$uptime"
    up=${up%%.*}
}
# The lock of everything that is said of the lease, as file 9. Fails with a text in `error`.
lock_lease() {
    command -v flock >/dev/null 2>&1 || return 0
    error="$base/lease.lock cannot be written (is the disk full?)"
    # A redirection of `exec` or `:` that fails ends a shell, one of `true` does not. `-w` does not tell: for root it is
    # true on a read-only file system, too.
    { true >>"$base/lease.lock"; } 2>/dev/null || return 1
    exec 9>>"$base/lease.lock"
    error="$base/lease.lock is held"
    flock -w 10 9
}
# Whether the lease is run $1's. `holder` is whose it is.
is_mine() {
    holder=
    [ -r "$base/lease" ] && read -r holder <"$base/lease"
    [ -n "$1" ] && [ "$holder" = "$1" ]
}
# Leaves a sign of life, if the lease is run $1's: once a minute is enough for a lease of two hours.
sign() {
    is_mine "$1" || return 1
    seen= seen_boot= seen_up=
    [ -r "$base/lease.seen" ] && read -r seen seen_boot seen_up rest <"$base/lease.seen"
    case ${up:-x}${seen_up:-x} in *[!0-9]*) seen= ;; esac
    if [ "$seen $seen_boot" = "$1 ${this_boot:--}" ]; then
        [ "$up" -ge "$seen_up" ] && [ "$((up - seen_up))" -lt 60 ] && return
    fi
    # For a patchwave that knows no `lease.seen`.
    touch -c "$base/lease"
    printf '%s %s %s\n' "$1" "${this_boot:--}" "${up:--}" >"$base/lease.seen.$$" 2>/dev/null &&
        mv -f "$base/lease.seen.$$" "$base/lease.seen" || rm -f "$base/lease.seen.$$"
}
# Whether run $1 had the lease and another took it: `thief` is that run and `boss` its owner.
was_taken() {
    thief= boss=
    [ -n "$1" ] && [ -r "$base/lost/$1" ] && { read -r thief && read -r boss; } <"$base/lost/$1"
    [ -n "$thief" ]
}
# The same for a run that must have had it, no matter who wrote what is there.
is_lost() {
    was_taken "$1" && return
    [ -n "$1" ] && [ -r "$base/lease" ] && { read -r thief && read -r boss; } <"$base/lease"
    [ -n "$thief" ] && [ "$thief" != "$1" ]
}
