#!/bin/sh
# Imitates `apt-config dump APT::Periodic::Unattended-Upgrade` and `apt-config shell` for two paths on a simulated host.
. "$PATCHWAVE_ROOT/bin/sim.sh"
case $* in
"dump APT::Periodic::Unattended-Upgrade") cat "$sim/periodic" 2>/dev/null || echo 'APT::Periodic::Unattended-Upgrade "0";' ;;
"shell lists Dir::State::lists/d main Dir::Etc::main/f")
    echo "lists='$root/var/lib/apt/lists/'"
    echo "main='$root/etc/apt/apt.conf'"
    ;;
*) unknown "$@" ;;
esac
