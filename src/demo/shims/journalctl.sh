#!/bin/sh
# Imitates journalctl on a simulated host. The journal is empty after each boot.
. "$PATCHWAVE_ROOT/bin/sim.sh"
all="$*"
priority= lines=1000000 since=0 until=99999999999 format=short
while [ $# -gt 0 ]; do
    case $1 in
    -p) shift && priority=$1 ;;
    -p* | --priority=*) priority=${1#-p} && priority=${priority#--priority=} ;;
    -n) shift && lines=$1 ;;
    -n* | --lines=*) lines=${1#-n} && lines=${lines#--lines=} ;;
    --since=*) since=${1#*=} && since=${since#@} ;;
    --until=*) until=${1#*=} && until=${until#@} ;;
    --since) shift && since=${1#@} ;;
    --until) shift && until=${1#@} ;;
    -o) shift && format=$1 ;;
    --output=*) format=${1#*=} ;;
    -b | -b0 | --boot | --boot=0 | -q | --quiet | --no-pager) ;;
    *) unknown "$all" ;;
    esac
    shift
done
case $priority in err | 3 | 0..3 | emerg..err) wanted=err ;; "") wanted= ;; *) unknown "$all" ;; esac
case $format in short | short-unix | cat) ;; *) unknown "$all" ;; esac
case $since$until in *[!0-9.]*) unknown "$all" ;; esac
[ -e "$sim/journal" ] || exit 0
awk -F"$tab" -v wanted="$wanted" -v since="$since" -v until="$until" -v format="$format" -v host="$host" '
    $2 < since + 0 || $2 > until + 0 || (wanted != "" && $1 != wanted) { next }
    format == "short-unix" { print $2 ".000000 " host " " $4 }
    format == "short" { print $3 " " host " " $4 }
    format == "cat" { sub(/^[^:]*: /, "", $4); print $4 }' "$sim/journal" | tail -n "$lines"
