#!/bin/sh
# Imitates wall on a simulated host: no user is logged in, so the text goes to the journal.
. "$PATCHWAVE_ROOT/bin/sim.sh"
if [ $# -gt 0 ]; then words="$*"; else words=$(cat); fi
log info wall "$words"
