# $1: a file with a process id and its start time (ids are used again). A dead process that nobody waited for is Z.
alive() {
    [ -r "$1" ] && read -r pid start rest <"$1" || return 1
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return 1
    set -f
    set -- ${stat##*) }
    set +f
    [ "$1" != Z ] && [ "${20}" = "$start" ]
}
