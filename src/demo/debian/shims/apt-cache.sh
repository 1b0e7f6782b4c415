#!/bin/sh
# Imitates `apt-cache policy NAME...` and `apt-cache show NAME=VERSION...` on a simulated host.
. "$PATCHWAVE_ROOT/bin/sim.sh"
if [ "$1" = show ] && [ $# -gt 1 ]; then
    shift
    rc=0
    for one; do
        if grep -q "^${one%%=*}$tab${one#*=}$tab" "$sim/available"; then
            printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nFilename: pool/%s.deb\nSize: 1048576\n\n' "${one%%=*}" "${one#*=}" "$one"
        else
            rc=100
        fi
    done
    exit "$rc"
fi
[ "$1" = policy ] && [ $# -gt 1 ] || unknown "$@"
shift
awk -F"$tab" -v names="$*" '
    FILENAME ~ /installed$/ { have[$1] = $2; next }
    { many[$1]++; version[$1, many[$1]] = $2; suite[$1, many[$1]] = $4 }
    function source(suite) {
        if (suite == "security") return "http://deb.debian.org/debian-security bookworm-security/main amd64 Packages"
        if (suite == "updates") return "http://deb.debian.org/debian bookworm-updates/main amd64 Packages"
        return "http://deb.debian.org/debian bookworm/main amd64 Packages"
    }
    END {
        wanted = split(names, list, " ")
        for (i = 1; i <= wanted; i++) {
            name = list[i]
            if (!(name in many)) continue
            print name ":"
            print "  Installed: " ((name in have) ? have[name] : "(none)")
            print "  Candidate: " version[name, many[name]]
            print "  Version table:"
            for (v = many[name]; v > 0; v--) {
                here = version[name, v] == have[name]
                print (here ? " *** " : "     ") version[name, v] " 500"
                print "        500 " source(suite[name, v])
                if (here) print "        100 /var/lib/dpkg/status"
            }
        }
    }' "$sim/installed" "$sim/available"
