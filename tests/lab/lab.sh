#!/bin/bash
# lab.sh - a throw-away fleet of real Debian hosts on one machine, for tests.
#
# Every host is a systemd-nspawn container with its own systemd, sshd, network namespace, machine id, host key, boot id
# and clock, on an overlay over one cached, read-only tree. A whole lab is in ONE pid+mount+net+ipc namespace and one
# cgroup: when its first process ends, every process, mount and address of the lab is gone.
#
#   lab.sh with N -- CMD...          hosts h1..hN, CMD inside the lab network, then all gone,
#                                    also when this process is killed with SIGKILL
#   lab.sh hold N                    the same for test programs: prints the state directory
#                                    when the hosts are up, lives until its stdin ends
#   lab.sh up N | down               a lab that stays until `down`, which leaves nothing, wherever LAB_STATE is
#   lab.sh build [SUITE...]          make or reuse the cached trees (up, with, hold do it too)
#   lab.sh probe                     exit 0 if this machine can run a lab; else 77 and the reason
#
#   lab.sh run CMD...                CMD (the controller) in the lab network; becomes CMD (exec)
#   lab.sh ssh HOST [CMD...]         as root, over the lab network
#   lab.sh exec HOST CMD...          CMD in the host as root, without any network
#   lab.sh break HOST | fix HOST     make the update of lab-fail fail there | mend it, dpkg included
#   lab.sh cut HOST [silent|link|rst]  half-open silence | no carrier | reset, then silence
#   lab.sh freeze HOST               all processes stop, the kernel still answers
#   lab.sh delay HOST MS [LOSS%]     round-trip time and loss
#   lab.sh turns HOST                how often the lab waited for the host since then
#   lab.sh heal HOST                 undo cut, freeze, delay
#   lab.sh next-boot HOST MODE       normal slow:SECS held never hang newkey nosshd sameid oldkernel
#                                    (held: until `power HOST on`)
#   lab.sh power HOST off|on|cycle   pull the plug
#   lab.sh wait HOST...              until sshd gives its banner
#   lab.sh status | state | gc       gc: remove what dead labs left
#
# Environment: LAB_ID (name of an `up` lab), LAB_STATE (which lab; set for CMD of `with`),
# LAB_ADD='linux-image-amd64=h1,h4 lab-reboot=*' (more old packages per host),
# LAB_SUITES='trixie=h2,h4 rocky=h3' (hosts of other Debian releases than LAB_SUITE, which is bookworm; rocky, suse,
# arch, fedora: hosts with dnf, zypper, pacman, dnf5, see rpm.sh, zypper.sh, pacman.sh, dnf5.sh),
# LAB_HOST_SETUP=PROGRAM (called with INDEX NAME ROOT before the first boot),
# LAB_CACHE, LAB_MIRROR, LAB_SUITE, LAB_EXTRA_PKGS, LAB_WAIT (seconds, 120).
# In $LAB_STATE: hosts (name address), inventory.yml, key, key.pub, known_hosts, ssh_config, log/.
set -euo pipefail

SELF=$(readlink -f "$0") HERE=$(dirname "$(readlink -f "$0")")
LAB_CACHE=${LAB_CACHE:-/var/cache/patchwave-lab}
LAB_LIVE=$LAB_CACHE/live
LAB_STATE=${LAB_STATE:-$LAB_LIVE/${LAB_ID:-default}}
LAB_WAIT=${LAB_WAIT:-120}
NET=10.77 GW=10.77.0.1                          # exists only inside the lab

say()    { echo "lab: $*" >&2; }
die()    { say "$@"; exit 1; }
cannot() { say "cannot run here because $*"; exit 77; }
# shellcheck source=tests/lab/base.sh
. "$HERE/base.sh"

probe() {
    local c d out
    [ "$(uname -s)" = Linux ] || cannot "this is not Linux"
    [ "$(id -u)" = 0 ] || cannot "it needs root"
    for c in systemd-nspawn:systemd-container ip:iproute2 ss:iproute2 ssh:openssh-client ssh-keygen:openssh-client \
             pgrep:procps dpkg-deb:dpkg unshare:util-linux nsenter:util-linux setpriv:util-linux flock:util-linux; do
        command -v "${c%:*}" >/dev/null || cannot "${c%:*} is missing (package ${c#*:})"
    done
    [ -n "$(cgmount)" ] || cannot "no cgroup2 file system is mounted"
    d=$(cgmount)$(cgself)/lab-probe-$$
    mkdir "$d" 2>/dev/null || cannot "it may not make a cgroup below ${d%/*}"
    c=0; [ -e "$d/cgroup.kill" ] || c=1; rmdir "$d"
    [ $c = 0 ] || cannot "the kernel is too old (it has no cgroup.kill, Linux 5.14)"
    out=$(unshare --mount --pid --net --ipc --fork --kill-child --mount-proc -- sh -ec '
        mount --make-rprivate /; mount -t tmpfs tmpfs /run; mkdir /run/l /run/u /run/w /run/m
        mount -t overlay overlay -o lowerdir=/run/l,upperdir=/run/u,workdir=/run/w /run/m
        mkdir /run/c; mount -t cgroup2 cgroup2 /run/c
        ip link add b0 type bridge; ip link add v0 type veth peer name v1' 2>&1) ||
        cannot "namespaces, overlay, bridge or veth do not work: $(tail -n1 <<<"$out")"
}

# ------------------------------------------------- inside the outer namespaces

addr() { echo "$NET.$(( ${1#h} / 250 + 1 )).$(( ${1#h} % 250 + 1 ))"; }

add_host() {    # NAME
    local h=$1 d=$FS/$1 r=$FS/$1/root repo item name
    repo=$(<"$LAB_STATE/host/$h/repo")
    mkdir -p "$d"/{up,work,root}
    mount -t overlay overlay -o "lowerdir=$(<"$LAB_STATE/host/$h/lowers"),upperdir=$d/up,workdir=$d/work" "$r"
    echo "$h" >"$r/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$h" >"$r/etc/hosts"
    printf '%s%08x' "$(head -c12 /dev/urandom | od -An -tx1 | tr -d ' \n')" "${h#h}" >"$r/etc/machine-id"
    ssh-keygen -q -t ed25519 -N '' -C "$h" -f "$r/etc/ssh/ssh_host_ed25519_key"
    cp "$LAB_STATE/key.pub" "$r/etc/ssh/lab_keys"; chmod 644 "$r/etc/ssh/lab_keys"
    mount --bind "$repo" "$r/srv/repo"
    for item in ${LAB_ADD:-}; do
        name=,${item#*=},
        [ "$name" = ',*,' ] || [[ $name == *",$h,"* ]] || continue
        chroot "$r" sh -c 'PATH=/usr/sbin:/usr/bin:/sbin:/bin dpkg -i /srv/repo/old/'"${item%%=*}"'_*.deb'
    done
    [ -z "${LAB_HOST_SETUP:-}" ] || "$LAB_HOST_SETUP" "${h#h}" "$h" "$r"
    umount "$r/srv/repo"
    echo "$h,$(addr "$h") $(cut -d' ' -f1,2 "$r/etc/ssh/ssh_host_ed25519_key.pub")" >"$LAB_STATE/host/$h/known_host"
    ip netns add "$h"
    ip link add "v-$h" type veth peer name eth0 netns "$h"
    ip link set "v-$h" master br0
    ip -n "$h" addr add "$(addr "$h")/16" dev eth0
    ip -n "$h" link set eth0 up; ip -n "$h" link set lo up
    echo on >"$LAB_STATE/host/$h/want"
}

next_boot() {   # HOST: what the mode ordered for the next boot means; 1: it does not boot
    local s=$LAB_STATE/host/$1 r=$FS/$1/root mode=normal unit=etc/systemd/system
    [ ! -e "$s/next-boot" ] || { read -r mode <"$s/next-boot"; rm -f "$s/next-boot"; }
    rm -f "$r/$unit/sysinit.target.wants/lab-hang.service" "$r/etc/ssh/sshd_config.d/zz-lab.conf" "$r/etc/lab-boot-kernel"
    case $mode in
        never)  return 1;;
        held)   echo held >"$s/want"; echo held >"$s/state"
                until read -r mode <"$s/want" && [ "$mode" = on ]; do sleep 0.1; done;;
        slow:*) echo slow >"$s/state"; sleep "${mode#slow:}";;
        newkey) rm -f "$r"/etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f "$r/etc/ssh/ssh_host_ed25519_key";;
        nosshd) echo BrokenOption yes >"$r/etc/ssh/sshd_config.d/zz-lab.conf";;
        sameid) touch "$r/etc/lab-same-id";;
        oldkernel) find "$r/boot" -name 'vmlinuz-*' -printf '%f\n' | sed 's/^vmlinuz-//' | sort -V | head -n1 >"$r/etc/lab-boot-kernel";;
        hang)   mkdir -p "$r/$unit/sysinit.target.wants"
                printf '%s\n' '[Unit]' DefaultDependencies=no Before=sysinit.target '[Service]' Type=oneshot \
                    'ExecStart=/bin/sleep infinity' TimeoutStartSec=infinity >"$r/$unit/lab-hang.service"
                ln -sf ../lab-hang.service "$r/$unit/sysinit.target.wants/";;
    esac
}

supervise() {   # HOST: its firmware and its power supply
    local h=$1 s=$LAB_STATE/host/$1 cg=$CG/$1 repo want up rc clock
    repo=$(<"$s/repo")
    mkdir -p "$cg"
    while :; do
        want=on; read -r want <"$s/want" || :
        if [ "$want" != on ]; then echo off >"$s/state"; read -rt 0.2 <>"$FS/never" || :; continue; fi
        next_boot "$h" || { echo off >"$s/want"; continue; }
        echo running >"$s/state"
        [ -e "$s/cut-link" ] || ip link set "v-$h" up
        clock=(); read -r up _ </proc/uptime; up=${up%.*}
        [ "$TIMENS" = 0 ] || clock=(unshare --time --monotonic "-$up" --boottime "-$up" --)
        rc=0            # its own cgroup, or the hosts would end each other's processes
        (echo "$BASHPID" >"$cg/cgroup.procs"
         exec "${clock[@]}" systemd-nspawn --quiet --boot --directory="$FS/$h/root" --machine="$h" \
             --register=no --keep-unit --network-namespace-path="/run/netns/$h" --resolv-conf=off --timezone=off \
             --link-journal=no --console=pipe --bind-ro="$repo:/srv/repo"
        ) >>"$LAB_STATE/log/$h.log" 2>&1 </dev/null || rc=$?
        ip link set "v-$h" down
        echo "exit $rc" >>"$LAB_STATE/log/$h.log"
        [ ! -e "$s/cycle" ] || { rm -f "$s/cycle"; continue; }
        [ $rc = 133 ] || echo off >"$s/want"            # 133: the host asked for a reboot
    done
}

init() {        # process 1 of the lab; N tied|free
    local i
    FS=$LAB_STATE/fs TIMENS=1
    mount --make-rprivate /
    mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/netns "$FS"
    mount -t tmpfs -o mode=755,size=80% lab "$FS"; mkfifo "$FS/never"
    grep -q ' /sys/fs/cgroup cgroup2 ' /proc/mounts ||  # hides v1: every host sees pure v2
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
    CG=/sys/fs/cgroup$(<"$LAB_STATE/cgroup"); mkdir -p "$CG"
    unshare --time --monotonic -1 true 2>/dev/null || TIMENS=0
    ip link set lo up
    ip link add br0 type bridge; ip addr add "$GW/16" dev br0; ip link set br0 up
    for ((i = 1; i <= $1; i++)); do
        # not `add_host || …`: that would switch set -e off inside it
        (trap '[ $? = 0 ] || echo "h$i" >>"$LAB_STATE/failed"' EXIT; add_host "h$i"; trap - EXIT; supervise "h$i") &
    done
    if [ "$2" = free ]; then wait; fi
    cat "$LAB_STATE/tie" >/dev/null                     # ends with the last process that holds the other end
    kill -KILL -1 || :                                  # all of this pid namespace, not ourselves
    umount -l "$FS"
    sweep "$LAB_STATE" /sys/fs/cgroup
}

# --------------------------------------------------------------------- outside

cgmount() { awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts; }
cgself()  { awk -F: '$1 == 0 { sub("/$", "", $3); print $3 }' /proc/self/cgroup; }
cgdir()   { echo "$(cgmount)$(<"$LAB_STATE/cgroup")"; }
alive()   { [ -e "${1:-$LAB_STATE}/lock" ] && ! flock -ns "${1:-$LAB_STATE}/lock" true; }
need()    { if ! alive || [ ! -e "$LAB_STATE/ready" ]; then die "no lab is up at $LAB_STATE"; fi; }
host()    { need; [ -d "$LAB_STATE/host/${1:-?}" ] || die "no host '${1:-}'"; }
initpid() { cat "$LAB_STATE/init.pid"; }
inlab()   { nsenter -t "$(initpid)" --net --mount -- "$@"; }
leader()  { head -n1 "$(cgdir)/$1/payload/init.scope/cgroup.procs" 2>/dev/null | grep . || die "$1 is not running"; }
inhost()  {     # HOST CMD...
    local l; l=$(leader "$1"); shift
    nsenter -t "$l" --all -- /usr/bin/env -i HOME=/root LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

sweep() {       # STATE CGROUP_MOUNT: all that a lab has outside of its namespaces
    local cg i; cg=$(cat "$1/cgroup" 2>/dev/null) || cg=
    if [[ $cg == */lab-* ]] && [ -d "$2$cg" ]; then
        [ ! -e "$2$cg/cgroup.kill" ] || echo 1 >"$2$cg/cgroup.kill"
        for ((i = 0; i < 200; i++)); do
            find "$2$cg" -depth -type d -exec rmdir {} + 2>/dev/null || :
            [ -d "$2$cg" ] || break
            sleep 0.05
        done
    fi
    rm -rf --one-file-system "$1"
}

bury() {        # what a dead lab left at $LAB_STATE, wherever that is
    [ -d "$LAB_STATE" ] || return 0
    ! alive || return 0
    [ -p "$LAB_STATE/tie" ] || { [ -z "$(ls -A "$LAB_STATE")" ] || die "$LAB_STATE is no lab's: it is left alone"; }
    sweep "$LAB_STATE" "$(cgmount)"
}

gc() {
    local d
    for d in "$LAB_LIVE"/*/; do
        d=${d%/}
        [ ! -d "$d" ] || alive "$d" || sweep "$d" "$(cgmount)"
    done
}

locked() {      # CMD...: while no other lab starts or is swept
    mkdir -p "$LAB_LIVE"
    exec 7>"$LAB_CACHE/.lock"; flock 7; "$@"; exec 7>&-
}

claim() {
    gc
    alive && die "a lab is already up at $LAB_STATE"
    bury
    mkdir -p "$LAB_STATE"/{host,log}; mkfifo "$LAB_STATE/tie"
    exec 8>"$LAB_STATE/lock"; flock 8           # held by the lab's own processes: this is what `alive` asks
    echo "$(cgself)/lab-$(basename "$LAB_STATE")" >"$LAB_STATE/cgroup"
}

facts() {       # N: the files that tests build on
    local i s=$LAB_STATE
    printf 'all:\n  vars:\n    ansible_user: root\n    ansible_ssh_private_key_file: %s\n  hosts:\n' "$s/key" >"$s/inventory.yml"
    for ((i = 1; i <= $1; i++)); do
        printf 'h%s %s\n' "$i" "$(addr "$i")" >>"$s/hosts"
        printf '    h%s: { ansible_host: %s }\n' "$i" "$(addr "$i")" >>"$s/inventory.yml"
        printf 'Host h%s\n  HostName %s\n' "$i" "$(addr "$i")" >>"$s/ssh_config"
        cat "$s/host/h$i/known_host" >>"$s/known_hosts"
    done
    printf '%s\n' 'Host *' '  User root' "  IdentityFile $s/key" '  IdentitiesOnly yes' "  UserKnownHostsFile $s/known_hosts" \
        '  StrictHostKeyChecking yes' '  BatchMode yes' '  ConnectTimeout 5' >>"$s/ssh_config"
}

banner() {      # ADDRESS; what we send keeps an error out of the journal there
    local b; exec 3<>"/dev/tcp/$1/22"
    read -r b <&3 && printf 'SSH-2.0-lab\r\n' >&3 && [[ $b == SSH-* ]]
}

wait_ssh() {    # HOST...: until each gives an ssh banner
    local h a=(); for h in "$@"; do a+=("$(addr "$h")"); done
    export -f banner
    inlab bash -c 'end=$((SECONDS + $1)); shift
        for a in "$@"; do
            until timeout 2 bash -c "banner $a" 2>/dev/null; do
                [ $SECONDS -lt $end ] || { echo "lab: $a does not answer" >&2; exit 1; }; sleep 0.1
            done
        done' _ "$LAB_WAIT" "${a[@]}" </dev/null
}

up() {          # N [tied]; `tied` needs fd 9: the lab ends when it is closed everywhere
    local n=$1 h all=() u suite
    [[ $n =~ ^[1-9][0-9]{0,2}$ ]] || die "how many hosts? 1 to 999"
    probe
    for suite in $(for ((h = 1; h <= n; h++)); do suite_of "h$h"; done | sort -u); do LAB_SUITE=$suite build; done
    locked claim
    [ "${2:-}" != tied ] || exec 9<>"$LAB_STATE/tie"
    [ "$(</proc/sys/fs/inotify/max_user_instances)" -ge 8192 ] || echo 8192 >/proc/sys/fs/inotify/max_user_instances
    ssh-keygen -q -t ed25519 -N '' -C lab -f "$LAB_STATE/key"
    export LAB_CACHE LAB_STATE LAB_SUITE
    for ((h = 1; h <= n; h++)); do
        all+=("h$h"); mkdir "$LAB_STATE/host/h$h"; suite=$(suite_of "h$h")
        LAB_SUITE=$suite layer_dir | sed 's,$,/repo,' >"$LAB_STATE/host/h$h/repo"
        LAB_SUITE=$suite lowers >"$LAB_STATE/host/h$h/lowers"
    done
    setsid unshare --mount --pid --net --ipc --fork --kill-child --mount-proc -- \
        "$SELF" _init "$n" "${2:-free}" >"$LAB_STATE/log/init.log" 2>&1 </dev/null 9>&- &
    u=$!
    until pgrep -P $u >"$LAB_STATE/init.pid"; do kill -0 $u || boot_failed; sleep 0.02; done
    for h in "${all[@]}"; do
        until [ -e "$LAB_STATE/host/$h/state" ]; do
            if [ -e "$LAB_STATE/failed" ] || ! kill -0 $u 2>/dev/null; then boot_failed; fi
            sleep 0.05
        done
    done
    facts "$n"
    wait_ssh "${all[@]}" || boot_failed
    touch "$LAB_STATE/ready"
    for h in "${all[@]}"; do    # sshd answers before ordinary users may log in
        inhost "$h" timeout "$LAB_WAIT" systemctl is-system-running --wait </dev/null >>"$LAB_STATE/log/$h.log" 2>&1 || :
    done
    exec 8>&-
}

boot_failed() {
    tail -n5 "$LAB_STATE"/log/*.log >&2 || :
    [ ! -e "$LAB_STATE/failed" ] || say "could not prepare $(xargs <"$LAB_STATE/failed")"
    exec 8>&-; down
    die "the lab did not come up"
}

down() {
    local p u; p=$(cat "$LAB_STATE/init.pid" 2>/dev/null) || p=
    if alive && [ -n "$p" ]; then
        u=$(ps -o ppid= -p "$p" | tr -d ' '); kill -KILL "$p" || :
        while [ -n "$u" ] && kill -0 "$u" 2>/dev/null && alive; do sleep 0.02; done
    fi
    locked bury
    locked gc
}

with() {        # N CMD...
    local n=$1 rc=0; shift
    up "$n" tied
    say "$n hosts up in $SECONDS s"
    # In a cgroup of the lab, so that CMD and all of its children end with the lab.
    (mkdir -p "$(cgdir)/with"; echo "$BASHPID" >"$(cgdir)/with/cgroup.procs"
     unset LAB_ID LAB_ADD LAB_SUITES LAB_HOST_SETUP LAB_SCOPED; export LAB_STATE
     exec nsenter -t "$(initpid)" --net -- "$@" 9>&-) || rc=$?
    exec 9>&-                                           # the lab sees it and removes itself
    while [ -d "$LAB_STATE" ] && alive; do sleep 0.02; done
    locked gc
    exit $rc
}

cut_() {
    local h=$1
    case ${2:-silent} in
        silent) inlab ip -n "$h" route add blackhole "$GW/32";;         # requests arrive, nothing returns
        link)   touch "$LAB_STATE/host/$h/cut-link"; inlab ip link set "v-$h" down;;
        rst)    inlab ip netns exec "$h" ss -KHt sport = :22 >/dev/null
                inlab ip -n "$h" route add prohibit "$GW/32";;
        *) die "cut: silent, link or rst";;
    esac
}

heal() {
    local h=$1 s=$LAB_STATE/host/$1 f
    inlab ip -n "$h" route del blackhole "$GW/32" 2>/dev/null || :
    inlab ip -n "$h" route del prohibit "$GW/32" 2>/dev/null || :
    rm -f "$s/cut-link"; inlab ip link set "v-$h" up
    f=$(cgdir)/$h/payload/cgroup.freeze; [ ! -e "$f" ] || echo 0 >"$f"
    if [ -e "$s/delay.pid" ]; then
        kill "$(<"$s/delay.pid")" 2>/dev/null || :; rm -f "$s/delay.pid"
        while inlab ip link show "out-$h" >/dev/null 2>&1; do sleep 0.02; done
    fi
}

delay() {       # HOST MS [LOSS]
    local h=$1 a t; a=$(addr "$h"); heal "$h"
    command -v python3 >/dev/null || die "delay needs python3"
    (mkdir -p "$(cgdir)/delay"; echo "$BASHPID" >"$(cgdir)/delay/cgroup.procs"       # ends with the lab
     exec nsenter -t "$(initpid)" --net --mount -- python3 -I "$HERE/delay.py" "$h" "$2" "${3:-0}" "$LAB_STATE/host/$h/delay.pid" \
        "$LAB_STATE/host/$h/turns" \
        >>"$LAB_STATE/log/$h.log" 2>&1 </dev/null 9>&-) &
    for ((t = 0; t < 250; t++)); do inlab ip -n "$h" link show "in-$h" >/dev/null 2>&1 && break; sleep 0.02; done
    inlab ip link set "out-$h" up
    inlab ip -n "$h" link set "in-$h" up
    inlab ip route add "$a/32" dev "out-$h" src "$GW"
    inlab ip -n "$h" route add "$GW/32" dev "in-$h" src "$a"
}

power() {
    local s=$LAB_STATE/host/$1 k; k=$(cgdir)/$1/payload/cgroup.kill
    case ${2:-} in
        on)    echo on >"$s/want"; return;;
        off)   echo off >"$s/want";;
        cycle) [ ! -e "$k" ] || touch "$s/cycle"; echo on >"$s/want";;
        *) die "power: on, off or cycle";;
    esac
    [ ! -e "$k" ] || echo 1 >"$k"
}

status() {
    local h a
    while read -r h a; do printf '%-6s %-14s %s\n' "$h" "$a" "$(cat "$LAB_STATE/host/$h/state")"; done <"$LAB_STATE/hosts"
}

verb=${1:-help}; shift || :
[[ $verb != _* ]] || export LC_ALL=C
case $verb in up|with|hold)
    # Where systemd owns the cgroups, ask it for one.
    if [ -d /run/systemd/system ] && [ -z "${LAB_SCOPED:-}" ] && [ "$(id -u)" = 0 ]; then
        LAB_SCOPED=1 exec systemd-run --quiet --scope -p Delegate=yes -- "$SELF" "$verb" "$@"
    fi;;
esac
case $verb in with|hold) LAB_STATE=$LAB_LIVE/w$$-$RANDOM;; esac
case $verb in
    _tree)     build_tree "$@";;
    _layer)    build_layer "$@";;
    _over_layer) build_over_layer "$@";;
    _init)     init "$@";;
    probe)     probe;;
    build)     probe; [ $# -gt 0 ] || set -- "$LAB_SUITE"; for s in "$@"; do LAB_SUITE=$s build; done;;
    up)        [ $# = 1 ] || die "up N"; up "$1"; say "$1 hosts up in $SECONDS s: ssh -F $LAB_STATE/ssh_config";;
    with)      [ $# -ge 3 ] && [ "$2" = -- ] || die "with N -- CMD..."; n=$1; shift 2; with "$n" "$@";;
    hold)      [ $# = 1 ] || die "hold N"; with "$1" sh -c 'echo "$LAB_STATE"; exec cat >/dev/null';;
    run)       need; exec nsenter -t "$(initpid)" --net -- "$@";;
    ssh)       need; exec nsenter -t "$(initpid)" --net -- ssh -F "$LAB_STATE/ssh_config" "$@";;
    exec)      host "${1:-}"; inhost "$@";;
    break)     host "${1:-}"; inhost "$1" rm -f /etc/lab-fail-fixed;;
    fix)       host "${1:-}"; inhost "$1" sh -c 'touch /etc/lab-fail-fixed; dpkg --force-confold --configure -a >/dev/null';;
    cut)       host "${1:-}"; cut_ "$@";;
    heal)      host "${1:-}"; heal "$1";;
    freeze)    host "${1:-}"; echo 1 >"$(cgdir)/$1/payload/cgroup.freeze";;
    delay)     host "${1:-}"; delay "$@";;
    turns)     host "${1:-}"; cat "$LAB_STATE/host/$1/turns";;
    power)     host "${1:-}"; power "$@";;
    next-boot) host "${1:-}"
               [[ ${2:-} =~ ^(normal|slow:[0-9]+|held|never|hang|newkey|nosshd|sameid|oldkernel)$ ]] || die "next-boot: no mode '${2:-}'"
               echo "$2" >"$LAB_STATE/host/$1/next-boot";;
    wait)      for h in "$@"; do host "$h"; done; wait_ssh "$@";;
    status)    need; status;;
    state)     echo "$LAB_STATE";;
    down)      down;;
    gc)        locked gc;;
    help|-h|--help) sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$SELF";;
    *)         die "no verb '$verb'; see $0 help";;
esac
