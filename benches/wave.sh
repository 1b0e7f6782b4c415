#!/bin/bash
# wave.sh - a real patch wave on three real Debian hosts of the lab, by patchwave and by Ansible, in turns.
#
#   benches/wave.sh PATCHWAVE [ROUNDS [MS...]]     PATCHWAVE is the program (a release build); 1 round at 0 and 100 ms
#
# Both check the disks, the packages and a service, install the same nine updates (a kernel among them), reboot, and
# check again. Each run has a fresh lab. Round trips are counted by the device that delays (tests/lab/delay.py); a
# delay of 0 ms is a real device, too. ansible-playbook must be in PATH; without it patchwave is measured alone. Needs
# what the lab needs (`tests/lab/lab.sh probe`), python3 here, and python3 and python3-apt on the hosts, which the lab
# installs.
set -euo pipefail

HERE=$(dirname "$(readlink -f "$0")")
LAB=$HERE/../tests/lab/lab.sh
PATCHWAVE=$(readlink -f "${1:?which patchwave?}") ROUNDS=${2:-1}
shift; shift || :
DELAYS=${*:-0 100}
HOSTS=(h1 h2 h3)
export LAB_ID=bench-wave LAB_EXTRA_PKGS=python3,python3-apt LAB_ADD='linux-image-amd64=*'
OUT=$(mktemp -d)
LAB_STATE=$("$LAB" state)
trap '"$LAB" down; rm -rf "$OUT"' EXIT

clients=patchwave
if command -v ansible-playbook >/dev/null; then
    clients='patchwave ansible'
else
    echo 'NOT INSTALLED, so not compared: ansible-playbook'
fi

cat >"$OUT/wave.yml" <<'Y'
name: wave
hosts: all
steps:
  - precheck: { disk_free: { /: 100MiB, /var: 100MiB }, packages: healthy, services: [ssh] }
  - upgrade: { scope: all }
  - reboot: { when: required, warn: 0s, stable: 1s }
  - verify: { services: [ssh], packages: healthy, kernel: newest }
Y
cat >"$OUT/all.yml" <<'Y'
all: { vars: { patchwave: { environment: bench, risk: low, canary: 0, batch: 3 } } }
Y
cat >"$OUT/ansible.yml" <<'Y'
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.shell: 'set -e; for d in / /var; do test "$(df -k --output=avail $d | tail -n 1)" -ge 102400; done'
      changed_when: false
    - ansible.builtin.shell: 'test -z "$(dpkg --audit)"; systemctl is-active ssh'
      changed_when: false
    - ansible.builtin.apt: { upgrade: dist, update_cache: true, dpkg_options: 'force-confdef,force-confold' }
    - ansible.builtin.stat: { path: /run/reboot-required }
      register: wanted
    - ansible.builtin.reboot: { pre_reboot_delay: 0, post_reboot_delay: 0 }
      when: wanted.stat.exists
    - ansible.builtin.shell: 'test -z "$(dpkg --audit)"; systemctl is-active ssh'
      changed_when: false
    - ansible.builtin.shell: 'test "$(uname -r)" = "$(ls /boot | sed -n s/^vmlinuz-//p | sort -V | tail -n 1)"'
      changed_when: false
Y

by_patchwave() {
    "$LAB" run "$PATCHWAVE" --state-dir "$OUT/state" run "$OUT/wave.yml" --yes -i "$LAB_STATE/inventory.yml" \
        -i "$OUT/all.yml" --known-hosts "$LAB_STATE/known_hosts"
}

by_ansible() {
    ANSIBLE_PIPELINING=1 ANSIBLE_HOME=$OUT/ansible ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 \
        ANSIBLE_SSH_ARGS="-F $LAB_STATE/ssh_config -o ControlMaster=auto -o ControlPersist=30s" \
        ANSIBLE_SSH_CONTROL_PATH_DIR=$(mktemp -d -p "$OUT") "$LAB" run ansible-playbook -f 3 -i "$OUT/ansible.ini" "$OUT/ansible.yml"
}

measure() {     # CLIENT MS: one line of the table
    local h began took turns='' boot now changed
    "$LAB" down 2>/dev/null; "$LAB" up 3 2>/dev/null
    printf '%s ansible_user=root\n' "${HOSTS[@]}" >"$OUT/ansible.ini"
    for h in "${HOSTS[@]}"; do
        boot+=$("$LAB" exec "$h" cat /proc/sys/kernel/random/boot_id)
        # Only the security updates: with them alone both tools install the same.
        "$LAB" exec "$h" sed -i /main/d /etc/apt/sources.list
        "$LAB" exec "$h" dpkg-query -W >"$OUT/$h.before"
        "$LAB" delay "$h" "$2"
    done
    began=$(date +%s.%N)
    "by_$1" >"$OUT/$1.log" 2>&1 </dev/null || { echo "$1 FAILED at $2 ms:"; tail -n 30 "$OUT/$1.log"; return 0; }
    took=$(echo "$(date +%s.%N) $began" | awk '{ printf "%.1f", $1 - $2 }')
    for h in "${HOSTS[@]}"; do
        turns+=$("$LAB" turns "$h")' '
        now+=$("$LAB" exec "$h" cat /proc/sys/kernel/random/boot_id)
        changed=$("$LAB" exec "$h" dpkg-query -W | diff "$OUT/$h.before" - | grep -c '^>' || :)
        [ "$("$LAB" exec "$h" uname -r)" = 6.1.0-99-amd64 ] || { echo "$1: $h does not run the new kernel"; return 0; }
    done
    [ "$boot" != "$now" ] || { echo "$1: no host was rebooted"; return 0; }
    printf '%-10s %5s ms  %6s s   turns of each host: %s  packages: %s\n' "$1" "$2" "$took" "$turns" "$changed"
}

for ((round = 1; round <= ROUNDS; round++)); do
    for ms in $DELAYS; do
        for client in $clients; do measure "$client" "$ms"; done
    done
done
