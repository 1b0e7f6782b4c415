#!/bin/bash
# What a new user notices first: the size of the binary, how long it takes to start, how long the demo takes. Prints a
# table, and fails if a limit is not met.
#
#   benches/installed.sh [--size] [BINARY]
#
# The default is the newest binary that packaging/build or `cargo build --release` made. The limit for the size is that
# of packaging/build. `--size` leaves out what depends on the other load of the machine.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")/..
MOST_MIB=15 MOST_MS=20 MOST_SECONDS=25

only_size=''
[ "${1:-}" != --size ] || { only_size=yes; shift; }
binary=${1:-}
if [ -z "$binary" ]; then
    for found in "$here"/target/*/dist/patchwave "$here"/target/dist/patchwave "$here"/target/release/patchwave; do
        if [ -x "$found" ] && { [ -z "$binary" ] || [ "$found" -nt "$binary" ]; }; then binary=$found; fi
    done
    [ -n "$binary" ] || { echo "there is no binary: packaging/build, or cargo build --release" >&2; exit 2; }
fi
echo "$binary"

failed=0
row() {         # WHAT MEASURED LIMIT UNIT
    local met=yes
    awk "BEGIN { exit !($2 <= $3) }" || { met=NO; failed=1; }
    printf '| %s | %s %s | %s %s | %s |\n' "$1" "$2" "$4" "$3" "$4" "$met"
}
now() { local s=${EPOCHREALTIME/[.,]/}; echo "$s"; }          # microseconds

size() { awk "BEGIN { printf \"%.1f\", $(stat -c %s "$1") / 1048576 }"; }
start() {       # the median of 21 starts, in milliseconds
    for _ in $(seq 21); do
        local began; began=$(now)
        "$1" --version >/dev/null
        echo $(($(now) - began))
    done | sort -n | awk 'NR == 11 { printf "%.1f", $1 / 1000 }'
}
demo() {
    local began; began=$(now)
    "$1" demo </dev/null >/dev/null 2>&1
    awk "BEGIN { printf \"%.1f\", ($(now) - $began) / 1000000 }"
}

echo '| what | measured | limit | met |'
echo '|---|---|---|---|'
row "size" "$(size "$binary")" $MOST_MIB MiB
[ -z "$only_size" ] || exit $failed
row "\`--version\`" "$(start "$binary")" $MOST_MS ms
row "\`demo\`" "$(demo "$binary")" $MOST_SECONDS s
exit $failed
