#!/bin/sh
# Imitates apt-get on a simulated host: update, upgrade, dist-upgrade, install, download, purge, check, clean.
. "$PATCHWAVE_ROOT/bin/sim.sh"
. "$PATCHWAVE_ROOT/bin/dpkg-db.sh"

all="$*"
verb= uris= simulate= download= versions= new= only_upgrade= keep= fix= wait=0 format= names= back= gone=
option() {
    case $1 in
    DPkg::Lock::Timeout=*) wait=${1#*=} ;;
    APT::Update::Error-Mode=any | Acquire::Retries=* | APT::Get::Show-User-Simulation-Note=false) ;;
    APT::Get::Always-Include-Phased-Updates=true) ;;
    APT::Sandbox::User=root) ;;
    Dpkg::Options::=--force-confdef | Dpkg::Options::=--force-confold | Dpkg::Use-Pty=0) ;;
    *) unknown "$all" ;;
    esac
}
while [ $# -gt 0 ]; do
    case $1 in
    -s) simulate=1 ;;
    -d) download=1 ;;
    -V) versions=1 ;;
    -f) fix=1 ;;
    -q | -qq | -y) ;;
    --print-uris) uris=1 ;;
    --allow-downgrades) back=1 ;;
    --with-new-pkgs) new=1 ;;
    --only-upgrade) only_upgrade=1 ;;
    --no-remove) keep=1 ;;
    --format) shift && format=$1 ;;
    -o) shift && option "$1" ;;
    -*) unknown "$all" ;;
    *)
        if [ -z "$verb" ]; then verb=$1; else
            case $1 in
            # An archive on the host.
            /*.deb) read -r _name _version _ <"$1" && names="$names $_name=$_version" &&
                printf '%s\t%s\tamd64\tmain\t-\n' "$_name" "$_version" >>"$sim/local.$$" ;;
            *-) [ "$verb" = install ] && gone="$gone ${1%-}" || names="$names $1" ;;
            *) names="$names $1" ;;
            esac
        fi
        ;;
    esac
    shift
done
[ "$verb" = dist-upgrade ] && new=1

reading() {
    echo "Reading package lists..."
    echo "Building dependency tree..."
    echo "Reading state information..."
}

update() {
    echo "Hit:1 http://deb.debian.org/debian bookworm InRelease"
    echo "Hit:2 http://deb.debian.org/debian bookworm-updates InRelease"
    echo "Hit:3 http://deb.debian.org/debian-security bookworm-security InRelease"
    # With a configuration of its own it has lists of its own, too.
    [ -z "${APT_CONFIG-}" ] || return 0
    if broken lock || ! : >"$root/var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages"; then
        echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by $lock_holder" >&2
        echo "E: Unable to lock directory /var/lib/apt/lists/" >&2
        exit 100
    fi
    if broken disk; then
        echo "W: Not using locking for read only lock file /var/lib/apt/lists/lock" >&2
        echo "E: Write error - write (28: No space left on device)" >&2
        exit 100
    fi
    : >"$root/var/lib/apt/lists/lock"
    echo "Reading package lists..."
}

# The sources, in the requested format.
indextargets() {
    printf '%s\n' "bookworm/main|debian|Debian|oldstable|bookworm" \
        "bookworm-updates/main|debian|Debian|oldstable-updates|bookworm-updates" \
        "bookworm-security/main|debian-security|Debian-Security|oldstable-security|bookworm-security" |
        awk -F'|' -v format="$format" '{
            line = format
            gsub(/\$\(DESCRIPTION\)/, "http://deb.debian.org/" $2 " " $1 " amd64 Packages", line)
            gsub(/\$\(ORIGIN\)/, "Debian", line); gsub(/\$\(LABEL\)/, $3, line)
            gsub(/\$\(SUITE\)/, $4, line); gsub(/\$\(CODENAME\)/, $5, line)
            if (line ~ /\$\(/) exit 1
            print line
        }' || unknown "$all"
}

# The packages that would change: name, old version (- for a new one), new version, suite. Errors start with E:.
plan() {
    [ -e "$sim/local.$$" ] || : >"$sim/local.$$"
    awk -F"$tab" -v OFS="$tab" -v verb="$verb" -v new="$new" -v only="$only_upgrade" -v names="$names" -v back="$back" '
        FILENAME ~ /installed$/ { have[$1] = $2; want[$1] = $4; next }
        {
            at[$1, $2] = ++many[$1]; version[$1, many[$1]] = $2; suite[$1, $2] = $4; brings[$1, $2] = $5
            if (!($1 in seen)) { order[++count] = $1; seen[$1] = 1 }
        }
        function need(name, to,    parts) {
            if ((name in have) && (back ? to == have[name] : at[name, to] <= at[name, have[name]])) return
            if (name in chosen) return
            chosen[name] = to
            if (brings[name, to] != "-") { split(brings[name, to], parts, "="); need(parts[1], parts[2]) }
        }
        # A package that needs a new one is kept back unless new ones are allowed.
        function blocked(name, to,    parts) {
            if (brings[name, to] == "-") return 0
            split(brings[name, to], parts, "=")
            return !(parts[1] in have)
        }
        END {
            if (verb == "install") {
                wanted = split(names, list, " ")
                for (i = 1; i <= wanted; i++) {
                    name = list[i]; to = ""
                    if (p = index(name, "=")) { to = substr(name, p + 1); name = substr(name, 1, p - 1) }
                    if (!(name in seen)) { print "E:", "Unable to locate package " name; exit }
                    if (to == "") to = version[name, many[name]]
                    if (!((name, to) in at)) { print "E:", "Version \047" to "\047 for \047" name "\047 was not found"; exit }
                    if (!(name in have) && only) { print "S:", name; continue }
                    if (want[name] == "hold" && to != have[name]) held = 1
                    need(name, to)
                }
                if (held) { print "H:"; exit }
            } else for (i = 1; i <= count; i++) {
                name = order[i]
                if (!(name in have)) continue
                to = version[name, many[name]]
                if (to == have[name]) continue
                if (want[name] == "hold" || (!new && blocked(name, to))) { print "K:", name, have[name], to; continue }
                need(name, to)
            }
            for (i = 1; i <= count; i++) {
                name = order[i]
                if (name in chosen) print name, (name in have) ? have[name] : "-", chosen[name], suite[name, chosen[name]]
            }
        }' "$sim/installed" "$sim/local.$$" "$sim/available"
    rm -f "$sim/local.$$"
}

# A heading and a list of names or versions, from lines of `name old new`.
announce() {
    [ -s "$2" ] || return 0
    echo "$1"
    if [ -n "$versions" ]; then
        awk -F"$tab" '{ print "   " $1 " (" ($2 == "-" ? $3 : $2 " => " $3) ")" }' "$2"
    else
        awk -F"$tab" '{ line = line " " $1 } END { print " " line }' "$2"
    fi
}

where='function from(suite) {
    if (suite == "security") return "Debian-Security:12/oldstable-security"
    if (suite == "updates") return "Debian:12-updates/oldstable-updates"
    return "Debian:12.12/oldstable"
}'

upgrade() {
    work=$sim/plan.$$
    plan >"$work"
    if grep -q '^E:' "$work"; then
        sed -n "s/^E:$tab/E: /p" "$work" >&2
        rm -f "$work"
        exit 100
    fi
    reading
    [ "$verb" = install ] || echo "Calculating upgrade..."
    sed -n "s/^S:$tab\(.*\)/Skipping \1, it is not installed and only upgrades are requested./p" "$work"
    if [ -z "$simulate" ] && grep -q '^H:' "$work"; then
        echo "E: Held packages were changed and -y was used without --allow-change-held-packages." >&2
        rm -f "$work"
        exit 100
    fi
    sed -n "s/^K:$tab//p" "$work" >"$work.kept"
    grep -v '^[A-Z]:' "$work" >"$work.all"
    awk -F"$tab" '$2 == "-"' "$work.all" >"$work.new"
    awk -F"$tab" '$2 != "-"' "$work.all" >"$work.old"
    announce "The following NEW packages will be installed:" "$work.new"
    announce "The following packages have been kept back:" "$work.kept"
    announce "The following packages will be upgraded:" "$work.old"
    : >"$work.gone"
    for name in $gone; do
        awk -F"$tab" -v OFS="$tab" -v name="$name" '$1 == name { print $1, $2, "-" }' "$sim/installed" >>"$work.gone"
    done
    if [ -s "$work.gone" ] && [ -n "$keep" ]; then
        echo "E: Packages need to be removed but remove is disabled." >&2
        rm -f "$work" "$work".*
        exit 100
    fi
    announce "The following packages will be REMOVED:" "$work.gone"
    rest=$(awk -F"$tab" -v mode=rest 'FILENAME ~ /all$/ { take[$1] = $3; next } FILENAME ~ /installed$/ { have[$1] = $2; next }
        { last[$1] = $2 } END { for (n in have) if (last[n] != have[n] && take[n] != last[n]) r++; print r + 0 }' \
        "$work.all" "$sim/installed" "$sim/available")
    echo "$(wc -l <"$work.old" | tr -d ' ') upgraded, $(wc -l <"$work.new" | tr -d ' ') newly installed, 0 to remove and $rest not upgraded."
    if [ -n "$simulate" ]; then
        awk -F"$tab" '{ print "Remv " $1 " [" $2 "]" }' "$work.gone"
        awk -F"$tab" "$where"'{ print "Inst " $1 ($2 == "-" ? "" : " [" $2 "]") " (" $3 " " from($4) " [amd64])" }' "$work.all"
        awk -F"$tab" "$where"'{ print "Conf " $1 " (" $3 " " from($4) " [amd64])" }' "$work.all"
        rm -f "$work" "$work".*
    else
        cp "$work.all" "$sim/transaction.$$"
        while IFS=$tab read -r name version _; do remove "$name" "$version"; done <"$work.gone"
        rm -f "$work" "$work".*
        history
        transaction "$sim/transaction.$$"
    fi
}

# As the real apt-get writes it; for a job of patchwave, its name is added.
history() {
    mkdir -p "$root/var/log/apt"
    printf 'Start-Date: %s\nCommandline: apt-get %s\nRequested-By: %s\n\n' \
        "$(date '+%Y-%m-%d  %H:%M:%S')" "$all" "${PATCHWAVE_JOB##*/}" >>"$root/var/log/apt/history.log"
}

# Downloads, unpacks and configures. $1: a file with lines of `name old new suite`
transaction() {
    left=$(unfinished)
    [ -z "$left" ] || echo "$(printf '%s\n' "$left" | wc -l | tr -d ' ') not fully installed or removed."
    if [ -s "$1" ] && broken disk; then
        echo "E: You don't have enough free space in /var/cache/apt/archives/." >&2
        rm -f "$1"
        exit 100
    fi
    if [ -s "$1" ]; then
        awk -F"$tab" '{ print "Get:" NR " http://deb.debian.org/debian" ($4 == "security" ? "-security bookworm-security" : " bookworm") "/main amd64 " $1 " amd64 " $3 " [" 40 + length($1) * 37 " kB]" }' "$1"
        [ -z "$download" ] || { echo "Download complete and in download only mode"; rm -f "$1"; exit 0; }
        echo "(Reading database ... 31204 files and directories currently installed.)"
        awk -F"$tab" '{
            print "Preparing to unpack .../" $1 "_" $3 "_amd64.deb ..."
            print "Unpacking " $1 " (" $3 ")" ($2 == "-" ? "" : " over (" $2 ")") " ..."
        }' "$1"
        # One rename for everything that was unpacked. New packages come last, marked as automatic if nobody named them.
        awk -F"$tab" -v OFS="$tab" -v names="$names " 'FILENAME ~ /transaction/ { to[$1] = $3; next }
            $1 in to { $2 = to[$1]; $5 = "unpacked"; delete to[$1] } { print }
            END {
                for (name in to) {
                    mark = index(names, " " name "=") ? "manual" : "auto"
                    print name, to[name], "amd64", "install", "unpacked", "ok", mark
                }
            }' \
            "$1" "$sim/installed" >"$sim/installed.$$" && mv "$sim/installed.$$" "$sim/installed"
    fi
    queue=$(unfinished)
    many=$(printf '%s' "$queue" | grep -c .)
    pause=$(awk -v many="$many" -v slow="$(cat "$sim/fault/slow" 2>/dev/null)" \
        '{ t = $1 + slow; printf (t > 0 && many > 0) ? "%.3f" : "0", t / (many ? many : 1) }' "$sim/install-seconds")
    rm -f "$1"
    # Word splitting is intended: names have no spaces.
    configure_all "$pause" $queue && exit 0
    echo "E: Sub-process /usr/bin/dpkg returned an error code (1)" >&2
    exit 100
}

# Removes an installed package, with its kernel if it is one. $1: name, $2: version
remove() {
    echo "Removing $1 ($2) ..."
    case $1 in linux-image-[0-9]*)
        _release=${1#linux-image-}
        rm -rf "$root/lib/modules/$_release" "$root/boot/vmlinuz-$_release"
        # What was to be started next is gone: the newest of those that are left.
        if [ "$(cat "$sim/kernel-next" 2>/dev/null)" = "$_release" ]; then
            ls "$root/boot" | sed -n 's/^vmlinuz-//p' | sort | tail -n 1 >"$sim/kernel-next"
        fi
        ;;
    esac
    rewrite -v name="$1" '$1 != name { print }'
}

# Fetches archives into the current folder: files with name, version and architecture.
fetch() {
    for one in $names; do
        if ! grep -q "^${one%%=*}$tab${one#*=}$tab" "$sim/available"; then
            echo "E: Version '${one#*=}' for '${one%%=*}' was not found" >&2
            exit 100
        fi
    done
    if broken disk; then
        echo "E: Write error - write (28: No space left on device)" >&2
        exit 100
    fi
    for one in $names; do
        echo "${one%%=*} ${one#*=} amd64" >"${one%%=*}_$(printf '%s' "${one#*=}" | sed 's/:/%3a/')_amd64.deb"
    done
}

purge() {
    reading
    work=$sim/purge.$$
    for name in $names; do awk -F"$tab" -v OFS="$tab" -v name="$name" '$1 == name { print $1, $2, "-" }' "$sim/installed"; done >"$work"
    echo "The following packages will be REMOVED:"
    if [ -n "$versions" ]; then
        awk -F"$tab" '{ print "   " $1 "* (" $2 ")" }' "$work"
    else
        awk -F"$tab" '{ line = line " " $1 "*" } END { print " " line }' "$work"
    fi
    echo "0 upgraded, 0 newly installed, $(wc -l <"$work" | tr -d ' ') to remove and 0 not upgraded."
    while IFS=$tab read -r name version _; do
        if [ -n "$simulate" ]; then
            echo "Purg $name [$version]"
            continue
        fi
        remove "$name" "$version"
    done <"$work"
    rm -f "$work"
}

case $verb in
update) [ -n "$uris" ] || update ;;
indextargets)
    case $names in " Created-By: Packages" | "") indextargets ;; *) unknown "$all" ;; esac
    ;;
upgrade | dist-upgrade | install)
    if [ "$verb" = install ] && [ -z "$names$fix$gone" ]; then unknown "$all"; fi
    [ -n "$simulate" ] || take_lock "$wait"
    upgrade
    ;;
download)
    [ -n "$names" ] || unknown "$all"
    fetch
    ;;
purge)
    [ -n "$names" ] || unknown "$all"
    [ -n "$simulate" ] || take_lock "$wait"
    purge
    ;;
check) reading ;;
clean) ;;
*) unknown "$all" ;;
esac
