#!/bin/sh
# Imitates apt-mark on a simulated host: showauto, showmanual, showhold, auto, manual, hold, unhold.
. "$PATCHWAVE_ROOT/bin/sim.sh"
. "$PATCHWAVE_ROOT/bin/dpkg-db.sh"
verb=$1
[ $# -gt 0 ] && shift
# $1: column, $2: value, rest: names
mark() {
    _column=$1 _value=$2
    shift 2
    rewrite -v column="$_column" -v value="$_value" -v names=" $* " 'index(names, " " $1 " ") { $column = value } { print }'
}
case $verb in
showauto) awk -F"$tab" '$7 == "auto" { print $1 }' "$sim/installed" ;;
showmanual) awk -F"$tab" '$7 == "manual" { print $1 }' "$sim/installed" ;;
showhold) awk -F"$tab" '$4 == "hold" { print $1 }' "$sim/installed" ;;
auto | manual) mark 7 "$verb" "$@" && printf '%s set to automatically installed.\n' "$@" ;;
hold) mark 4 hold "$@" && printf '%s set on hold.\n' "$@" ;;
unhold) mark 4 install "$@" && printf 'Canceled hold on %s.\n' "$@" ;;
*) unknown "$verb" "$@" ;;
esac
