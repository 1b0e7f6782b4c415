#!/bin/sh
# Puts the package table of a simulated host back. Called on the jump box: hooks/restore HOST SNAPSHOT-ID.
set -eu
fleet=$(cd "$(dirname "$0")/../.." && pwd)
host=${1:?usage: restore HOST SNAPSHOT-ID}
id=${2:?usage: restore HOST SNAPSHOT-ID}
cp "$fleet/snapshots/$host.$id" "$fleet/host-$host/sim/installed.restored"
mv "$fleet/host-$host/sim/installed.restored" "$fleet/host-$host/sim/installed"
rm -f "$fleet/host-$host/sim/kernel-next" "$fleet/host-$host/run/reboot-required" "$fleet/host-$host/run/reboot-required.pkgs"
# Kernels that are not from a package of the snapshot.
for image in "$fleet/host-$host/boot"/vmlinuz-*; do
    release=${image##*/vmlinuz-}
    grep -q "^linux-image-$release" "$fleet/host-$host/sim/installed" || rm -f "$image"
done
echo "$host is back at $id"
