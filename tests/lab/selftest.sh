#!/bin/bash
# Proves what tests rely on: real reboots, the updates that are pending, faults that
# are undone, labs side by side, and that nothing is left of a lab that was killed.
set -euo pipefail
L=$(dirname "$(readlink -f "$0")")/lab.sh
unset LAB_ID LAB_STATE LAB_ADD LAB_SUITES LAB_HOST_SETUP
failed=0 tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

ok()    { echo "ok    $*"; }
bad()   { echo "FAIL  $*"; failed=1; }
is()    { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: expected '$3', got '$2'"; fi; }
check() { local what=$1; shift; if "$@" >"$tmp/out" 2>&1; then ok "$what"; else bad "$what: $(tail -n3 "$tmp/out")"; fi; }
not()   { ! "$@"; }
on()    { local h=$1; shift; "$L" exec "$h" sh -c "$*"; }
boot_id() { on "$1" cat /proc/sys/kernel/random/boot_id; }
reboot_() {     # HOST: and wait until it went down and came back
    local h=$1 boots; boots=$(grep -c '^exit 133' "$LAB_STATE/log/$h.log" || :)
    "$L" ssh "$h" systemctl reboot 2>/dev/null || :
    until [ "$(grep -c '^exit 133' "$LAB_STATE/log/$h.log")" -gt "$boots" ]; do sleep 0.1; done
    "$L" wait "$h"
}
links()   { ip -o link | cut -d: -f2 | grep -E '^ (br0|(v|in|out)-h[0-9]+)' || :; }
until_()  { local i; for ((i = 0; i < 600; i++)); do "$@" && return; sleep 0.1; done; return 1; }
gone()    { local p; while read -r p; do [ ! -e "/proc/$p" ] || return 1; done <"$1"; }
tree()    { local p; for p in "$@"; do echo "$p"; tree $(pgrep -P "$p"); done; }

"$L" probe
"$L" build bookworm trixie
"$L" gc
CGROUPS=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
links >"$tmp/links"

# --- three hosts, held by our end of a pipe
coproc LAB { LAB_ADD='linux-image-amd64=h1 lab-reboot=h2' exec "$L" hold 3 2>"$tmp/hold"; }
lab_pid=$LAB_PID lab_in=${LAB[1]}
read -r LAB_STATE <&"${LAB[0]}" || { cat "$tmp/hold"; exit 1; }
export LAB_STATE
ok "three hosts: $(cat "$tmp/hold")"

for u in root ops asks doer; do is "login as $u" "$("$L" ssh -l $u h1 id -un)" $u; done
is "sudo without a password" "$("$L" ssh -l ops h1 sudo -n id -un)" root
check "sudo that wants one" not "$L" ssh -l asks h1 sudo -n true
is "sudo with one" "$("$L" ssh -l asks h1 'echo pass | sudo -S -p "" id -un')" root
is "doas" "$("$L" ssh -l doer h1 doas id -un)" root
is "three host keys" "$(cut -d' ' -f3 "$LAB_STATE/known_hosts" | sort -u | wc -l)" 3
is "three boot ids" "$(for h in h1 h2 h3; do boot_id $h; done | sort -u | wc -l)" 3

for h in h1 h2 h3; do check "$h: apt-get update" on $h apt-get -q -o APT::Update::Error-Mode=any update; done
common='lab-conf lab-fail lab-masked lab-plain lab-sec lab-slow lab-slowsec lab-svc liblab1 libmod-security'
pending() { on "$1" "apt-get -s -qq --with-new-pkgs upgrade | awk '\$1 == \"Inst\" { print \$2 }' | sort | xargs"; }
is "h3: pending" "$(pending h3)" "$common"
is "h2: and lab-reboot" "$(pending h2)" "${common/lab-sec/lab-reboot lab-sec}"
is "h1: and the kernel" "$(pending h1)" "$common linux-image-6.1.0-99-amd64 linux-image-amd64"
is "the suites" "$(on h1 "apt-get indextargets --format '\$(LABEL)/\$(SUITE)' | sort | xargs")" "Debian-Security/stable-security Debian/stable"
is "held" "$(on h1 apt-mark showhold)" lab-held
is "lab-masked: its security version is hidden" \
    "$(on h1 apt-cache policy lab-masked | sed -n 's/^ \{5\}\([^ ]*\) 500/\1/p' | xargs)" "2.0 1.0+deb12u1"

up='DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Options::=--force-confold --with-new-pkgs upgrade'
"$L" break h3
upgrades=()
for h in h1 h2; do on $h "$up" >"$tmp/$h.up" 2>&1 & upgrades+=($!); done
check "h3: the upgrade fails" not on h3 "$up"
is "h3: lab-fail" "$(on h3 'dpkg-query -W -f "\${db:Status-Status}" lab-fail')" half-configured
"$L" fix h3
is "h3: repaired" "$(on h3 'dpkg-query -W -f "\${db:Status-Status}" lab-fail')" installed
wait "${upgrades[@]}" && ok "h1, h2: upgraded" || bad "h1, h2: $(tail -n3 "$tmp"/h?.up)"
is "reboot wanted" "$(for h in h1 h2 h3; do on $h 'cat /run/reboot-required.pkgs 2>/dev/null || echo no'; done | xargs)" \
    "linux-image-6.1.0-99-amd64 lab-reboot no"
is "lab-slowsec ran once" "$(on h1 'cut -d" " -f1,2 /var/log/lab-slow | grep slowsec | xargs')" "begin lab-slowsec end lab-slowsec"
is "old kernel" "$(on h1 uname -r)" 6.1.0-98-amd64

# --- reboots and faults
id=$(boot_id h1) old=$(on h1 uptime -s)
reboot_ h1
check "a new boot id" [ "$id" != "$(boot_id h1)" ]
check "a new boot time" [ "$old" != "$(on h1 uptime -s)" ]
is "a new kernel" "$(on h1 uname -r)" 6.1.0-99-amd64
is "no reboot wanted" "$(on h1 ls /run | grep -c reboot-required || :)" 0
is "services run" "$(on h1 'systemctl is-system-running --wait; systemctl is-active lab-svc ssh' | xargs)" "running active active"
id=$(boot_id h2); "$L" next-boot h2 sameid; reboot_ h2
is "the same boot id" "$(boot_id h2)" "$id"
for how in silent link rst; do
    "$L" cut h3 $how
    check "cut $how" not "$L" ssh -o ConnectTimeout=1 h3 true
    "$L" heal h3
    check "healed" "$L" ssh h3 true
done
"$L" freeze h3; check "frozen" not "$L" ssh -o ConnectTimeout=1 h3 true; "$L" heal h3
check "healed" "$L" ssh h3 true

# --- another lab at its side, killed
LAB_SUITES=trixie=h2 "$L" with 2 -- sh -c 'echo "$LAB_STATE" >"$0"; sleep 1000 & sleep 1001' "$tmp/state" 2>/dev/null &
with=$!
until_ [ -s "$tmp/state" ]
other=$(<"$tmp/state")
find "$CGROUPS$(<"$other/cgroup")" -name cgroup.procs -exec cat {} + | grep -vx 0 | sort -u >"$tmp/pids"
tree "$(<"$other/init.pid")" >>"$tmp/pids"
check "two labs: $(wc -l <"$tmp/pids") processes in the second" [ "$(wc -l <"$tmp/pids")" -gt 20 ]
is "Debian 12 and 13 side by side" \
    "$(for h in h1 h2; do LAB_STATE=$other on $h '. /etc/os-release; echo $VERSION_ID'; done | xargs)" "12 13"
is "login shells" "$(LAB_STATE=$other on h2 'ls /bin/fish /bin/tcsh /bin/zsh /bin/rbash' | wc -l)" 4
is "both have an h1 of their own" "$( (LAB_STATE=$other boot_id h1; boot_id h1) | sort -u | wc -l)" 2
disown $with; kill -KILL $with
check "killed: every process is gone" until_ gone "$tmp/pids"
check "killed: its directory is gone" until_ [ ! -d "$other" ]
is "the first lab lives" "$("$L" ssh h3 echo yes)" yes

# --- a state directory of one's own: `down` removes it, and `up` works again, also after a death
own=$tmp/own/lab
for round in 1 2; do
    check "up $round in $own" env LAB_STATE="$own" "$L" up 1
    is "it answers" "$(LAB_STATE=$own "$L" ssh h1 echo yes)" yes
    check "down $round" env LAB_STATE="$own" "$L" down
    check "down $round: its directory is gone" [ ! -e "$own" ]
done
check "up, to be killed" env LAB_STATE="$own" "$L" up 1
kill -KILL "$(<"$own/init.pid")"
check "up over what a dead lab left" env LAB_STATE="$own" "$L" up 1
check "down" env LAB_STATE="$own" "$L" down
check "nothing is left of it" [ ! -e "$own" ]
mkdir -p "$own"; echo precious >"$own/file"
check "what is no lab's is left alone" not env LAB_STATE="$own" "$L" down
is "and is there" "$(<"$own/file")" precious

# --- the end
tree "$(<"$LAB_STATE/init.pid")" >"$tmp/pids"
exec {lab_in}>&-
wait "$lab_pid" && ok "the end of stdin ends the lab" || bad "hold: exit $?"
check "ended: every process is gone" until_ gone "$tmp/pids"
held=$LAB_STATE; unset LAB_STATE
export LAB_ID=selftest-$$
"$L" up 1 2>/dev/null
third=$("$L" state)
kill -KILL "$(<"$third/init.pid")"
swept() { "$L" gc; [ ! -d "$third" ]; }
check "a lab whose first process was killed is swept by the next start" until_ swept
for s in "$held" "$other" "$third"; do
    check "no directory, no mount, no cgroup of ${s##*/}" \
        [ -z "$(ls -d "$s" 2>/dev/null; grep -F "/${s##*/}/" /proc/mounts; find "$CGROUPS" -type d -name "lab-${s##*/}")" ]
done
links | check "no network link" diff "$tmp/links" -

if [ $failed = 0 ]; then echo "lab: selftest passed in $SECONDS s"; else echo "lab: selftest FAILED"; fi
exit $failed
