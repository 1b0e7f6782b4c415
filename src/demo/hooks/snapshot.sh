#!/bin/sh
# Takes a snapshot of a simulated host: a copy of its package table. Called on the jump box: hooks/snapshot HOST.
# The last line on standard output is the snapshot's id.
set -eu
fleet=$(cd "$(dirname "$0")/../.." && pwd)
host=${1:?usage: snapshot HOST}
id=snapshot-$(date +%Y%m%dT%H%M%S)
mkdir -p "$fleet/snapshots"
cp "$fleet/host-$host/sim/installed" "$fleet/snapshots/$host.$id"
echo "$id"
