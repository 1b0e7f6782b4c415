#!/bin/sh
# A program of the machine that must not be reached from a simulated host, where it would act on the machine itself.
. "$PATCHWAVE_ROOT/bin/sim.sh"
unknown "$@"
