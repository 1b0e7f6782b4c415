#!/bin/sh
# Imitates `dpkg-deb -W --showformat=FORMAT FILE` on a simulated host. Its archives are files with one line: name,
# version, architecture.
. "$PATCHWAVE_ROOT/bin/sim.sh"
all="$*"
[ "$1" = -W ] && [ $# -eq 3 ] || unknown "$all"
read -r name version arch <"$3" || exit 2
case $2 in
"--showformat=deb \${Package} \${Version} \${Architecture}\n") echo "deb $name $version $arch" ;;
"--showformat=\${Package} \${Version} \${Architecture}\n") echo "$name $version $arch" ;;
*) unknown "$all" ;;
esac
