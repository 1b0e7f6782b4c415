# Ends a process group: end_process PID GROUP START. Says what came of it: over, shared, TERM, KILL or stays.
pid=$1 group=$2 start=$3
# The fields of a process from its state on: 1 state, 3 group, 20 start.
fields() {
    IFS= read -r line 2>/dev/null <"/proc/$1/stat" || return 1
    line=${line##*) }
}
is_it() {
    fields "$pid" || return 1
    set -- $line
    [ "$1" != Z ] && [ "$3" = "$group" ] && [ "${20}" = "$start" ]
}
shares_ours() {
    fields "$$" || return 0
    set -- $line
    [ "$3" = "$group" ]
}
alive() {
    for stat in /proc/[0-9]*/stat; do
        id=${stat#/proc/}
        fields "${id%/stat}" || continue
        set -- $line
        [ "$3" = "$group" ] && [ "$1" != Z ] && return 0
    done
    return 1
}
# Within so many fifths of a second.
ends() {
    n=0
    while alive; do
        [ "$n" -lt "$1" ] || return 1
        sleep 0.2 2>/dev/null || sleep 1
        n=$((n + 1))
    done
}
is_it || { echo over; exit; }
! shares_ours && [ "$group" -gt 1 ] || { echo shared; exit; }
kill -TERM "-$group" 2>/dev/null
ends 25 && { echo TERM; exit; }
kill -KILL "-$group" 2>/dev/null
ends 15 && { echo KILL; exit; }
echo stays
