#!/bin/sh
# Imitates `apt-config dump APT::Periodic::Unattended-Upgrade` on a simulated host.
. "$PATCHWAVE_ROOT/bin/sim.sh"
[ "$*" = "dump APT::Periodic::Unattended-Upgrade" ] || unknown "$@"
cat "$sim/periodic" 2>/dev/null || echo 'APT::Periodic::Unattended-Upgrade "0";'
