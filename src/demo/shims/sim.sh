# What all simulated programs share: where their host is, its faults, and the error for what they do not imitate.
# Read with `.` by the others.
root=${PATCHWAVE_ROOT:?belongs to a simulated host of patchwave}
sim=$root/sim
program=${0##*/}
host=${root##*/host-}
tab=$(printf '\t')

# A command line that is not imitated fails with an error and is recorded for the tests.
unknown() {
    printf '%s %s\n' "$program" "$*" >>"$root/shim-unknown.log"
    echo "$program: the simulated host does not imitate: $program $*" >&2
    exit 97
}

broken() { [ -e "$sim/fault/$1" ]; }

# $1: priority (err, info), $2: who, rest: what. sim/journal: priority, second, date, who and what (tabs between)
log() {
    _priority=$1 _who=$2
    shift 2
    printf '%s\t%s\t%s: %s\n' "$_priority" "$(date "+%s$tab%b %d %H:%M:%S")" "$_who" "$*" >>"$sim/journal"
}

# $1: reboot or poweroff. Opened for reading and writing, so that it never waits, not even for a fleet that has ended.
press() { printf '%s %s\n' "$1" "$host" 1<>"${root%/*}/power"; }

# $1: unit. A broken unit fails whenever it is started.
start_unit() {
    if broken service && [ "$(cat "$sim/fault/service")" = "$1" ]; then
        echo failed >"$sim/unit/$1"
        log err systemd "$1.service: Failed with result 'exit-code'."
        log err systemd "Failed to start $1.service."
        return 1
    fi
    echo active >"$sim/unit/$1"
    log info systemd "Started $1.service."
}
