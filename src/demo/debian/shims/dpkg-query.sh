#!/bin/sh
# Imitates `dpkg-query -W -f FORMAT [PATTERN...]` and `dpkg-query -S IMAGE...` on a simulated host.
. "$PATCHWAVE_ROOT/bin/sim.sh"
all="$*"
format='${binary:Package}\t${Version}\n'
if [ "$1" = -S ]; then
    shift
    rc=0
    for file; do
        name=linux-image-${file#/boot/vmlinuz-}
        if grep -q "^$name$tab" "$sim/installed"; then
            echo "$name: $file"
        else
            echo "dpkg-query: no path found matching pattern $file" >&2
            rc=1
        fi
    done
    exit "$rc"
fi
[ "$1" = -W ] || unknown "$all"
shift
case $1 in
-f) format=$2 && shift 2 ;;
-f=* | --showformat=*) format=${1#*=} && shift ;;
esac
case "$*" in -*) unknown "$all" ;; esac
# awk would interpret backslashes in an assignment, so the format is passed in the environment.
FORMAT=$format awk -F"$tab" -v patterns="$*" '
    BEGIN {
        count = split(patterns, list, " ")
        for (i = 1; i <= count; i++) {
            p = list[i]
            gsub(/[.+^$(){}|]/, "\\\\&", p); gsub(/\*/, ".*", p); gsub(/\?/, ".", p)
            list[i] = "^" p "$"
        }
    }
    function put(tag, value,    at) {
        while (at = index(line, tag)) line = substr(line, 1, at - 1) value substr(line, at + length(tag))
    }
    {
        hit = !count
        for (i = 1; i <= count; i++) if ($1 ~ list[i]) { hit = 1; found[i] = 1 }
        if (!hit) next
        line = ENVIRON["FORMAT"]
        put("\\t", "\t"); put("\\n", "\n")
        put("${Package}", $1); put("${binary:Package}", $1); put("${Version}", $2); put("${Architecture}", $3)
        put("${db:Status-Want}", $4); put("${db:Status-Status}", $5); put("${db:Status-Eflag}", $6)
        put("${Installed-Size}", "2048")
        put("${source:Package}", $1); put("${source:Version}", $2)
        put("${Status}", $4 " " $6 " " $5)
        if (line ~ /\$\{/) { bad = 1; exit }
        printf "%s", line
    }
    END {
        if (bad) exit 2
        for (i = 1; i <= count; i++) if (!found[i]) missing = 1
        exit missing ? 1 : 0
    }' "$sim/installed"
rc=$?
[ "$rc" = 2 ] && unknown "$all"
[ "$rc" = 0 ] || echo "dpkg-query: no packages found matching $*" >&2
exit "$rc"
