#!/bin/sh
# A program of the machine that a simulated host must not call: it would act on the machine itself.
. "$PATCHWAVE_ROOT/bin/sim.sh"
unknown "$@"
