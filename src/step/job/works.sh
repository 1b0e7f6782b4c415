# Whether a job works: it began in this boot, left no exit code, and it or its program lives. $1: its folder
works() {
    [ -f "$1/pid" ] && ! [ -L "$1/pid" ] && ! [ -e "$1/rc" ] || return 1
    pid= start= born=
    read -r pid start born rest <"$1/pid"
    case $born in '' | - | "$this_boot") ;; *) [ -z "$this_boot" ] || return 1 ;; esac
    alive "$1/pid" || alive "$1/child"
}
# Makes sure that a job which has not begun never will: takes the place of its `pid`. $1: its folder
# Returns 1 if it has begun, 2 if that cannot be done.
forbid() {
    printf 'cancelled - -\n' >"$1/pid.c$$" || return 2
    ln "$1/pid.c$$" "$1/pid" 2>/dev/null
    forbidden=$?
    rm -f "$1/pid.c$$"
    [ "$forbidden" != 0 ] || return 0
    [ -e "$1/pid" ] && return 1
    return 2
}
