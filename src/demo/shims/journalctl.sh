#!/bin/sh
# Imitates journalctl on a simulated host; sim/journal holds priority, second, line. The journal starts at each boot.
. "$PATCHWAVE_ROOT/bin/sim.sh"
all="$*"
priority= lines= since=0
while [ $# -gt 0 ]; do
    case $1 in
    -p) shift && priority=$1 ;;
    -p*) priority=${1#-p} ;;
    --priority=*) priority=${1#*=} ;;
    -n) shift && lines=$1 ;;
    -n* | --lines=*) lines=${1#-n} && lines=${lines#--lines=} ;;
    --since=@*) since=${1#*@} ;;
    --since) shift && since=${1#@} ;;
    -b | -b0 | --boot | --boot=0 | -q | --quiet | --no-pager | --no-hostname | -o | short | short-iso | cat | -ocat | --output=cat | --output=short) ;;
    *) unknown "$all" ;;
    esac
    shift
done
case $priority in err | 3 | 0..3 | emerg..err) wanted=err ;; "") wanted= ;; *) unknown "$all" ;; esac
case $since in *[!0-9.]*) unknown "$all" ;; esac
awk -F"$tab" -v wanted="$wanted" -v since="${since%%.*}" '
    $2 >= since + 0 && (wanted == "" || $1 == wanted) { print $3 }' "$sim/journal" 2>/dev/null | tail -n "${lines:-1000000}"
